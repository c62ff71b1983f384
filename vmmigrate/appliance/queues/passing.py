"""A packed queue as it comes: only queue files pass, because it is unpacked as root on another machine.

Whoever packs it may be hostile: names that leave the folder or end a line, links, devices, set-uid files, sparse files.
What Postfix's queues hold is little, and tar writes it in one way, so anything else ends the transfer.
"""

import re
from collections.abc import Callable
from typing import BinaryIO

from hypervisors import Progress, ProgressListener, no_progress
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import QUEUE_RECORDS

_BLOCK = 512
_MAGIC, _FILE, _PAX = b"ustar\x0000", b"0", b"x"
# queue_directory/QUEUE, the folders of hash_queue_names, and a queue id, as mail_queue_id_ok() of Postfix has it
_NAME = re.compile(
    rb"(?:maildrop|incoming|active|deferred|hold|defer|bounce|trace)(?:/[0-9A-Za-z])*/[0-9A-Za-z_]{1,60}"
)
_NUMBER = re.compile(rb"[0-7]{1,11}[ \0]*")
# What `tar --format=posix` says of a file beside its header: times, and owners that do not fit there.
_RECORD = re.compile(rb"(?:[acm]time=-?[0-9]{1,18}(?:\.[0-9]{1,18})?|[ug]id=[0-9]{1,18}|[ug]name=[^\0\n]{1,256})")
_SPECIAL = 0o7000  # set-uid, set-gid, sticky


class QueueFiles:
    """A sink that passes on a tar of queue files. `write` raises ApplianceError for anything else. `moves` counts."""

    def __init__(self, host: str, sink: BinaryIO, moves: ProgressListener = no_progress) -> None:
        self._host, self._sink, self._moves = host, sink, moves
        self._held = bytearray()
        self._take: Callable[[bytes], None] = self._header
        self._left = _BLOCK  # bytes until what is held is whole
        self._passed, self._ended = 0, False

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            piece, rest = rest[: self._left], rest[self._left :]
            self._left -= len(piece)
            if self._take != self._content:
                self._held += piece
            if not self._left:
                whole, self._held = bytes(self._held), bytearray()
                self._take(whole)
        self._sink.write(data)
        self._passed += len(data)
        self._moves(Progress(self._passed, 0))
        return len(data)

    def finish(self) -> None:
        """Raises ApplianceError where it was cut off."""
        if not self._ended:
            raise ApplianceError(
                f"{self._host}: the packed queue ends in the middle",
                hint="look at that machine's disk and log, then resume",
            )

    def _header(self, block: bytes) -> None:
        self._left = _BLOCK
        empty = not block.strip(b"\0")
        self._must(empty or not self._ended, "something after its end")
        self._ended = empty
        if not empty:
            self._must(block[257:265] == _MAGIC and not block[345:500].strip(b"\0"), "a header of another form")
            self._member(block, self._number(block[124:136]))

    def _member(self, block: bytes, size: int) -> None:
        kind, name = block[156:157], block[:100].rstrip(b"\0")
        if kind == _PAX:
            self._must(0 < size <= QUEUE_RECORDS.most, "records of an odd length")
            self._after(size, lambda data: self._records(data[:size]))
            return
        self._must(kind == _FILE and bool(_NAME.fullmatch(name)), f"{name.decode(errors='replace')!r}, no queue file")
        self._must(not self._number(block[100:108]) & _SPECIAL, "a file with special rights")
        self._after(size, self._content)

    def _after(self, size: int, take: Callable[[bytes], None]) -> None:
        """So many bytes, in whole blocks, are for `take`; then a header comes."""
        if size:
            self._left, self._take = -(-size // _BLOCK) * _BLOCK, take

    def _content(self, data: bytes) -> None:
        self._left, self._take = _BLOCK, self._header

    def _records(self, data: bytes) -> None:
        """`LENGTH NAME=VALUE\\n`, each; its own length counts in."""
        while data:
            digits, _, _ = data.partition(b" ")
            length = int(digits) if re.fullmatch(rb"[1-9][0-9]{0,4}", digits) else 0
            record = data[len(digits) + 1 : length - 1]
            self._must(len(digits) < length <= len(data) and data[length - 1 : length] == b"\n", "a damaged record")
            self._must(bool(_RECORD.fullmatch(record)), f"the record {record.decode(errors='replace')!r}")
            data = data[length:]
        self._content(b"")

    def _number(self, field: bytes) -> int:
        self._must(bool(_NUMBER.fullmatch(field)), "a header of another form")
        return int(field.rstrip(b" \0"), 8)

    def _must(self, holds: bool, what: str) -> None:
        if not holds:
            raise ApplianceError(
                f"{self._host}: what it packed of its mail queue has {what}: nothing of it is carried",
                hint="see there: find $(postconf -h queue_directory) -type f; move what is no mail out of the queues",
            )
