"""A disk is sent from where it lies: with its length, in one piece, checked on the way, and given up if it stalls."""

import hashlib
import http.client
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from tls_host import Host, tls_host

from hypervisors import BadImage, Cancelled, HypervisorError, TlsTrust, TrustRefused, Unreachable
from hypervisors.description import Extent
from hypervisors.vmware import sending, trusting

MEBI = 1 << 20
DATA = random.Random(7).randbytes(2 * MEBI + 12345)  # noqa: S311 -- no secret


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with tls_host(tmp_path) as host:
        yield host


@pytest.fixture
def extent(tmp_path: Path) -> Extent:
    """In the middle of a file, as in an archive."""
    path = tmp_path / "package"
    path.write_bytes(b"before" + DATA + b"after")
    return Extent(path, 6, len(DATA), hashlib.sha256(DATA).hexdigest())


def send(host: Host, extent: Extent, sent: sending.Sent = lambda done: None, stall: float = 5.0) -> None:
    context = trusting.context_for("127.0.0.1", host.port, TlsTrust(ca_file=host.ca_file))
    sending.send(host.url, extent, context, sent, stall=stall)


def test_the_bytes_arrive_with_their_length_and_in_one_piece(host: Host, extent: Extent) -> None:
    """The sixth trap: a generator's body goes in chunks, and with a length besides the server closes."""
    seen: list[int] = []
    send(host, extent, seen.append)
    assert host.digests == [extent.sha256]
    head = host.heads[0].decode().splitlines()
    assert head[0] == "POST /nfc/lease-1/disk-0.vmdk?token=a%20b HTTP/1.1"
    assert f"Content-Length: {len(DATA)}" in head
    assert "Content-Type: application/x-vnd.vmware-streamVmdk" in head
    assert not [line for line in head if line.lower().startswith("transfer-encoding")]
    assert seen == [MEBI, 2 * MEBI, len(DATA)]


def test_a_file_that_changed_is_never_sent_whole(host: Host, extent: Extent) -> None:
    with extent.path.open("r+b") as file:
        file.seek(100)
        file.write(b"changed")
    seen: list[int] = []
    with pytest.raises(BadImage, match="changed while it was sent"):
        send(host, extent, seen.append)
    assert seen == [MEBI, 2 * MEBI]


def test_a_file_that_became_shorter_or_went(host: Host, extent: Extent) -> None:
    extent.path.write_bytes(b"short")
    with pytest.raises(BadImage, match="changed while it was sent"):
        send(host, extent)
    extent.path.unlink()
    with pytest.raises(BadImage, match="changed while it was sent"):
        send(host, extent)


def test_what_the_host_says_is_told(host: Host, extent: Extent) -> None:
    host.answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nno room!\n"
    with pytest.raises(HypervisorError, match=r"127\.0\.0\.1 refused the disk: 500 Internal Server Error no room!"):
        send(host, extent)


def test_a_host_that_takes_no_more(host: Host, tmp_path: Path) -> None:
    host.takes = MEBI
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * MEBI)  # more than two sockets hold
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1 took no byte of the disk, or too few, for 0\.3 s"):
        send(host, Extent(path, 0, 64 * MEBI, ""), stall=0.3)


def test_a_host_that_goes_away(host: Host, tmp_path: Path) -> None:
    host.takes = MEBI
    host.over.set()
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * MEBI)
    with pytest.raises(Unreachable, match=r"the upload to 127\.0\.0\.1 broke off"):
        send(host, Extent(path, 0, 64 * MEBI, ""))


def test_a_listener_that_raises_ends_it(host: Host, extent: Extent) -> None:
    def stop(done: int) -> None:
        raise Cancelled("stop", hint="go on")

    before = threading.active_count()
    with pytest.raises(Cancelled):
        send(host, extent, stop)
    assert host.digests == []
    assert threading.active_count() <= before + 2  # the listener's own


def test_a_certificate_that_is_not_trusted(tmp_path: Path, extent: Extent) -> None:
    with tls_host(tmp_path, trusted=False) as host, pytest.raises(TrustRefused) as caught:
        send(host, extent)
    assert caught.value.seen == host.fingerprint
    assert "hypervisor.ca_file" in caught.value.hint  # hypervisor.fingerprint would pin vCenter's
    assert "fingerprint" not in caught.value.hint
    assert host.heads == []


def test_blocks_are_large(host: Host, extent: Extent, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 KiB, as requests sends them, halve the speed."""
    sizes: list[int] = []
    plain = http.client.HTTPConnection.send

    def counting(self: http.client.HTTPConnection, data: bytes) -> None:
        sizes.append(len(data))
        plain(self, data)

    monkeypatch.setattr(http.client.HTTPConnection, "send", counting)
    send(host, extent)
    assert sizes[1:] == [MEBI, MEBI, 12345]
