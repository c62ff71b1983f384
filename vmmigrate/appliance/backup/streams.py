"""Stream an archive from a console or to one, in constant memory, checked on the way."""

import re
from collections.abc import Iterator
from email.message import Message
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote

import requests
import urllib3

from hypervisors import Progress, ProgressListener
from vmmigrate.appliance.backup.archive import Inspector, looks_like_html, sniff_container
from vmmigrate.appliance.port import Exported
from vmmigrate.errors import ApplianceError, NoBackup
from vmmigrate.limits import FILE_NAME
from vmmigrate.reading import whole

_CHUNK = 1 << 18
_LONGEST = FILE_NAME.most
_CHARSETS = ("utf-8", "iso-8859-1")  # of RFC 5987
_EXTENSIONS = {"gzip": ".tar.gz", "zip": ".zip", "openssl": ".enc", "pgp": ".pgp"}


class Incoming:
    """The body of an answer as a stream. `head`: its first bytes, already read. Raises NoBackup if it is cut."""

    def __init__(self, answer: requests.Response) -> None:
        length = answer.headers.get("Content-Length", "")
        self._answer = answer
        self._total = whole(length) or 0
        self._framed = bool(self._total) or "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
        self._pieces = self._read()
        self.head = next(self._pieces, b"")

    @property
    def is_archive(self) -> bool:
        """Whether it may be one: text, by its content type or its first bytes, is not.

        What begins like an archive is one whatever its content type, except a compressed page.
        """
        kind = self._answer.headers.get("Content-Type", "").lower()
        labelled = kind.startswith("text/") or "html" in kind or "json" in kind
        packed = labelled and "Content-Encoding" in self._answer.headers
        begins = sniff_container(self.head) != "unknown" and not packed
        words = labelled or looks_like_html(self.head) or self.head.lstrip()[:1] in (b"{", b"[")
        return self._answer.status_code == requests.codes.ok and (begins or not words)

    def into(self, sink: BinaryIO, progress: ProgressListener) -> Exported:
        """Pass all of it on to `sink`. Raises NoBackup."""
        inspector = Inspector(sink)
        for piece in chain((self.head,), self._pieces):
            inspector.feed(piece)
            progress(Progress(inspector.size, self._total))
        inspector.finish(framed=self._framed)
        name = _file_name(self._answer, inspector.container)
        return Exported(name, inspector.container, inspector.size, inspector.sha256)

    def _read(self) -> Iterator[bytes]:
        """The body as received, undecoded: an archive labelled `Content-Encoding: gzip` stays compressed."""
        done = 0
        try:
            while piece := self._answer.raw.read(_CHUNK, decode_content=False):
                done += len(piece)
                yield piece
        except (urllib3.exceptions.HTTPError, OSError) as error:
            late = isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError)
            raise _cut_short(
                done, self._total, "nothing more came in time" if late else "the connection broke"
            ) from error
        if done < self._total:
            raise _cut_short(done, self._total, "the connection closed")


class Outgoing:
    """An archive of known length for an upload; an encoder asks for `len`, a connection reads. Counts what was sent."""

    def __init__(self, source: BinaryIO, size: int, progress: ProgressListener) -> None:
        self._source = source
        self._size = size
        self._progress = progress
        self.len = size

    def read(self, amount: int = -1) -> bytes:
        try:
            piece = self._source.read(self.len if amount < 0 else min(amount, self.len))
        except OSError as error:  # urllib3 would take it for a network error
            raise ApplianceError(f"the archive cannot be read: {error}", hint="check the workstation's disk") from error
        if not piece and self.len:
            raise ApplianceError(
                f"the archive ended {self.len} bytes early, {self._size} were expected",
                hint="the file changed while it was sent; start the import again",
            )
        self.len -= len(piece)
        self._progress(Progress(self._size - self.len, self._size))
        return piece


def _cut_short(done: int, total: int, why: str) -> NoBackup:
    expected = f" of {total}" if total else ""
    return NoBackup(
        f"the backup was cut short after {done}{expected} bytes: {why}",
        hint="export the backup again; nothing was changed",
    )


def _file_name(answer: requests.Response, container: str) -> str:
    """The console's name for the archive, without any path; a plain name if it gives none."""
    said = PurePosixPath(_said_name(answer.headers.get("Content-Disposition", "")[:_LONGEST]).replace("\\", "/")).name
    return re.sub(r"[^\w.+-]", "_", said) or "backup" + _EXTENSIONS.get(container, ".bin")


def _said_name(disposition: str) -> str:
    """`filename*` takes precedence over `filename`, which is for clients that cannot read it (RFC 6266)."""
    extended = re.search(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", disposition, re.IGNORECASE)
    if extended:
        return unquote(extended[2], extended[1] if extended[1].lower() in _CHARSETS else "utf-8", "replace")
    header = Message()
    header["Content-Disposition"] = disposition
    try:
        return header.get_filename() or ""
    except (ValueError, LookupError):  # a charset that is none (RFC 2231)
        return ""
