"""An archive that claims more than any backup has is read up to a limit, whatever its own size."""

import gzip
import io
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO, cast

import pytest

from tests.limits.twin import Endless, most, twin
from vmmigrate.appliance.backup import bounded, contents
from vmmigrate.appliance.queues.passing import QueueFiles
from vmmigrate.errors import ApplianceError, NoBackup
from vmmigrate.updating import needs, running
from vmmigrate.updating.packages import Package
from vmmigrate.updating.running import here


class _Counting(io.BytesIO):
    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(-1 if size is None else size)
        self.taken += len(piece)
        return piece


def _refused(data: bytes, container: str) -> tuple[str, int]:
    source = _Counting(data)
    with pytest.raises(NoBackup) as caught:
        contents.read_contents(source, container, len(data))
    return str(caught.value), source.taken


def _header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@twin("ARCHIVE", "ARCHIVE_RATIO")
def test_zeros_without_end_are_unpacked_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened: a gibibyte takes seconds."""
    assert bounded.unpacked_limit(1 << 60) == most("ARCHIVE")
    assert bounded.unpacked_limit(1 << 25) == most("ARCHIVE_RATIO") << 25
    monkeypatch.setattr(bounded, "GIB", 1 << 20)
    stream = Endless(bytes(512), _header("zeros", 1 << 40))
    forward = bounded.Forward(cast(BinaryIO, stream), 1000)
    with pytest.raises(bounded.TooMuch):
        forward.drain()
    assert stream.taken <= (1 << 20) + (1 << 18)


@twin("ARCHIVE_MEMBERS")
def test_members_without_end_are_not_counted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened: a hundred thousand take seconds."""
    assert most("ARCHIVE_MEMBERS") == contents.MEMBERS
    monkeypatch.setattr(contents, "MEMBERS", 50)
    data = _header("m", 0) * 5000 + bytes(1024)
    said, taken = _refused(data, "tar")
    assert "holds more than 50 members" in said
    assert taken <= 60 * 512 + tarfile.RECORDSIZE


@twin("ARCHIVE_LISTED")
def test_of_many_members_the_first_are_listed() -> None:
    data = _header("../m", 0) * 1000 + bytes(1024)
    seen = contents.read_contents(io.BytesIO(data), "tar", len(data))
    assert (len(seen.members), len(seen.oddities), seen.count) == (most("ARCHIVE_LISTED"), most("ARCHIVE_LISTED"), 1000)


@twin("ARCHIVE_HEADER")
def test_a_name_of_gigabytes_is_not_read() -> None:
    said, taken = _refused(_header("././@LongLink", 8 << 30, tarfile.GNUTYPE_LONGNAME) + bytes(1 << 20), "tar")
    assert "headers are longer than 128 KiB" in said
    assert taken <= most("ARCHIVE_HEADER") + tarfile.RECORDSIZE


@twin("ARCHIVE_HEADERS")
def test_long_names_of_all_members_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened: of 64 MiB."""
    assert most("ARCHIVE_HEADERS") == bounded._HEADERS
    monkeypatch.setattr(bounded, "_HEADERS", 1 << 20)
    name = b"n" * (100 << 10)
    one = _header("././@LongLink", len(name), tarfile.GNUTYPE_LONGNAME) + name + bytes(-len(name) % 512)
    said, taken = _refused((one + _header("m", 0)) * 100 + bytes(1024), "tar")
    assert "headers are longer" in said
    assert taken <= (1 << 20) + len(one)


@twin("ZIP_DIRECTORY")
def test_a_directory_of_gigabytes_is_not_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("m", b"x" * 500)
    whole = bytearray(out.getvalue() + bytes(9 << 20))
    end = out.getvalue().rindex(b"PK\5\6")
    claims = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 9 << 20, 0, 0)
    whole[end:] = bytes(9 << 20) + claims
    said, taken = _refused(bytes(whole), "zip")
    assert "directory is longer than 8192 KiB" in said
    assert taken <= most("ZIP_DIRECTORY")


def test_the_limits_let_an_honest_archive_through() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in range(300):
            info = tarfile.TarInfo(f"config/{number}")
            info.size = 100
            archive.addfile(info, io.BytesIO(b"x" * 100))
    data = gzip.compress(out.getvalue())
    assert contents.read_contents(io.BytesIO(data), "gzip", len(data)).count == 300


@twin("PACKAGE_SAYS")
def test_a_tool_that_says_something_without_end_is_ended() -> None:
    ran = here(("yes",))
    assert (ran.code, ran.out, "more than the limit" in ran.err) == (126, "", True)


@twin("PACKAGE_TIME")
def test_a_tool_that_does_not_end_is_ended_with_all_that_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened: two minutes."""
    assert most("PACKAGE_TIME") == running.PACKAGE_TIME.most
    monkeypatch.setattr(running, "PACKAGE_TIME", replace(running.PACKAGE_TIME, most=0.2))
    ran = here(("sh", "-c", "sleep 60 & sleep 60"))
    assert (ran.code, "takes longer" in ran.err) == (126, True)


@twin("PACKAGE_NEEDS")
def test_requirements_without_end_are_asked_of_no_host() -> None:
    requires = tuple(f"lib{number}" for number in range(most("PACKAGE_NEEDS") // 5))
    package = Package(Path("/x"), "deb", "x", "5", "all", (), "", requires)
    found = needs.look(SimpleNamespace(run=None), (package,))  # type: ignore[arg-type]
    assert "requirements" in found.unknown


@twin("QUEUE_RECORDS")
def test_records_of_a_queue_file_are_taken_up_to_the_limit() -> None:
    """The transfer ends at their header: not a byte of them is kept."""
    header = _header("PaxHeaders/x", most("QUEUE_RECORDS") + 1, tarfile.XHDTYPE)
    files = QueueFiles("gw", io.BytesIO())
    with pytest.raises(ApplianceError, match="records of an odd length"):
        files.write(header.replace(b"ustar  \0", b"ustar\x0000"))
