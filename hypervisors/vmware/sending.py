"""Send a disk's bytes to a host: straight from where they lie, in large blocks, with their SHA-256 on the way."""

import hashlib
import http.client
import io
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import cycle
from urllib.parse import urlsplit

from hypervisors.description import Extent
from hypervisors.errors import BadImage, HypervisorError, Problem, Unreachable
from hypervisors.vmware import trusting
from hypervisors.wire import Allowance, ended_by, proxies
from hypervisors.wire.faults import plainly

_BLOCK = 1 << 20  # 16 KiB, as requests sends, halves the speed
_SHOWN = 200  # bytes of a refusal
_KIND = "application/x-vnd.vmware-streamVmdk"

Sent = Callable[[int], None]


def send(url: str, extent: Extent, context: ssl.SSLContext, sent: Sent, *, stall: float) -> None:
    """POST the bytes; `sent` hears how many went, and may raise to stop.

    Raises Unreachable (broke off, or nothing or too little was taken for `stall` seconds), BadImage (the file changed
    meanwhile), TrustRefused, HypervisorError (the host's refusal).
    """
    parts = urlsplit(url)
    with closing(proxies.connection(parts.hostname or "", parts.port or 443, context, stall)) as connection:
        allowed = Allowance(stall)
        try:
            with ended_by(allowed, connection.shut, but=(Problem,)):
                _post(connection, url, extent, sent, allowed)
                answer = connection.getresponse()
                words = answer.read(_SHOWN)
        except (OSError, http.client.HTTPException) as error:
            raise _broke_off(url, error, stall) from error
    if answer.status >= http.client.MULTIPLE_CHOICES:
        said = words.decode("utf-8", "replace")
        raise HypervisorError(
            f"{urlsplit(url).hostname} refused the disk: {answer.status} {answer.reason} {said}",
            hint="see the host's events in the vSphere client; room in the datastore?",
        )


def _post(connection: proxies.Connection, url: str, extent: Extent, sent: Sent, allowed: Allowance) -> None:
    parts = urlsplit(url)
    connection.putrequest("POST", parts._replace(scheme="", netloc="").geturl(), skip_accept_encoding=True)
    connection.putheader("Content-Length", str(extent.size))
    connection.putheader("Content-Type", _KIND)
    connection.endheaders()
    for done, block in _blocks(extent):
        connection.send(block)
        allowed.moved(len(block))
        sent(done)


def _blocks(extent: Extent) -> Iterator[tuple[int, memoryview]]:
    """How many bytes with this block, and the block; the last one only once the digest of all is right.

    A block is overwritten by the third after it: memory of its own for each would cost as much as the encryption.
    """
    digest = hashlib.sha256()
    buffers = cycle([memoryview(bytearray(_BLOCK)) for _ in range(3)])  # being sent, being hashed, being read
    with _opened(extent) as file, ThreadPoolExecutor(1) as hashing:
        file.seek(extent.offset)
        done, hashed = 0, None
        while done < extent.size:
            block = next(buffers)[: min(_BLOCK, extent.size - done)]
            _read_into(block, file, extent)
            _wait(hashed)
            hashed = hashing.submit(digest.update, block)  # hashlib lets the interpreter go: both cores work
            done += len(block)
            if done == extent.size:
                _wait(hashed)
                _refuse_other(extent, digest.hexdigest())
            yield done, block


def _wait(hashed: "Future[None] | None") -> None:
    if hashed is not None:
        hashed.result()


def _opened(extent: Extent) -> io.FileIO:
    try:
        return extent.path.open("rb", buffering=0)
    except OSError as error:
        raise _changed(extent) from error


def _read_into(block: memoryview, file: io.FileIO, extent: Extent) -> None:
    """All of it. A failure is not to be taken for one of the network."""
    done = 0
    while done < len(block):
        try:
            got = file.readinto(block[done:])
        except OSError as error:
            raise BadImage(f"{extent.path} cannot be read: {error.strerror}", hint="check its disk") from error
        if not got:
            raise _changed(extent)
        done += got


def _refuse_other(extent: Extent, digest: str) -> None:
    if digest != extent.sha256:
        raise _changed(extent)


def _changed(extent: Extent) -> BadImage:
    return BadImage(f"{extent.path} changed while it was sent", hint="leave the image in place until it is deployed")


def _broke_off(url: str, error: Exception, stall: float) -> Problem:
    parts = urlsplit(url)
    if isinstance(error, ssl.SSLCertVerificationError):
        return trusting.refused_behind(parts.hostname or "", parts.port or 443, error)
    if isinstance(error, TimeoutError):
        return Unreachable(
            f"{parts.hostname} took no byte of the disk, or too few, for {stall:g} s",
            hint="is the datastore or its network stuck?",
        )
    return Unreachable(
        f"the upload to {parts.hostname} broke off: {plainly(error)}",
        hint="is the host reachable from here on port 443? run it again",
    )
