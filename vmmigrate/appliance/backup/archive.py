"""Check a backup archive while it is streamed: its digest, its container, and whether it is complete."""

import hashlib
import re
import zlib
from typing import BinaryIO

from hypervisors import Progress, ProgressListener
from vmmigrate.appliance.backup.endings import TAIL, why_cut
from vmmigrate.appliance.port import Exported
from vmmigrate.errors import NoBackup

MINIMUM = 128  # bytes: even an empty gzipped tar with one file is longer
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"Salted__", "openssl"),
    (b"-----BEGIN PGP MESSAGE", "pgp"),
)
# OpenPGP packets that begin an encrypted message: tags 1, 3, 9, 18 in old and new format (RFC 4880, 4.2).
_PGP_FIRST = frozenset({0x84, 0x85, 0x86, 0x8C, 0x8D, 0x8E, 0xA4, 0xA5, 0xA6, 0xC1, 0xC3, 0xC9, 0xD2})
_HEAD = 64  # bytes
_INFLATED = 1 << 18  # bytes inflated at a time: limits memory whatever the ratio


def sniff_container(head: bytes) -> str:
    """'gzip', 'zip', 'openssl', 'pgp', 'tar' or 'unknown', by the first bytes."""
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    if head[257:262] == b"ustar":
        return "tar"
    return "pgp" if head[:1] and head[0] in _PGP_FIRST else "unknown"


def looks_like_html(head: bytes) -> bool:
    """Whether a body begins like a web page."""
    return bool(re.match(rb"(?is)\s*(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|!--)", head))


class Inspector:
    """Takes an archive piece by piece (`feed`), passes it on to `sink`, and checks it at the end (`finish`)."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()
        self._gzip: _GzipCheck | None = None
        self._head = self._tail = b""
        self.size = 0
        self.container = "unknown"

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def feed(self, piece: bytes) -> None:
        """Raises NoBackup at the first byte that shows it."""
        if self.size == 0:
            self._begin(piece)
        self.size += len(piece)
        self._digest.update(piece)
        if self._gzip:
            self._gzip.feed(piece)
        self._tail = (self._tail + piece)[-TAIL:]
        self._sink.write(piece)

    def finish(self, *, framed: bool = True) -> None:
        """Raises NoBackup if the archive is too short or cut. `framed`: the sender gave its length."""
        if self.size < MINIMUM:
            raise NoBackup(
                f"the console sent {self.size} bytes, too few for a backup",
                hint="make a backup in a browser and see what the console says",
            )
        if self._gzip:
            self._gzip.finish()
        if why := why_cut(self.container, self._head, self._tail, self.size, framed=framed):
            raise _cut(why)

    def _begin(self, piece: bytes) -> None:
        self._head = piece[:_HEAD]
        self.container = sniff_container(piece)
        if self.container == "gzip":
            self._gzip = _GzipCheck()


class _GzipCheck:
    """Inflates and discards: the trailer's CRC and length show whether the stream is complete."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    def feed(self, piece: bytes) -> None:
        try:
            while piece:
                piece = self._step(piece)
        except zlib.error as error:
            raise NoBackup(
                f"the archive is damaged: {error}", hint="export the backup again; nothing was changed"
            ) from error

    def _step(self, piece: bytes) -> bytes:
        if self._member.eof:
            if not piece.strip(b"\0"):  # padding after the last member, as tapes and some servers add
                return b""
            self._member = zlib.decompressobj(wbits=31)
        self._member.decompress(piece, _INFLATED)
        return self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        # The last step may have stopped at its output limit with all input consumed: drain the rest.
        while not self._member.eof and self._member.decompress(b"", _INFLATED):
            pass
        if not self._member.eof:
            raise _cut("its gzip stream does not end")


def _cut(why: str) -> NoBackup:
    return NoBackup(
        f"the archive is cut short: {why}",
        hint="export the backup again; is the old machine's disk full, or a proxy in between?",
    )


def pass_through(source: BinaryIO, sink: BinaryIO, name: str, total: int, progress: ProgressListener) -> Exported:
    """Check an archive exported by hand while copying it from a file to `sink`. Raises NoBackup."""
    inspector = Inspector(sink)
    while piece := source.read(_INFLATED):
        if inspector.size == 0 and looks_like_html(piece):
            raise NoBackup(f"{name} is a web page, not a backup", hint="export the backup again, logged in")
        inspector.feed(piece)
        progress(Progress(inspector.size, total))
    inspector.finish()
    return Exported(name, inspector.container, inspector.size, inspector.sha256)
