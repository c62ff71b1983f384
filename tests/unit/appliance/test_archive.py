"""An archive on its way: passed on unchanged, digested, named by its magic, refused where it is cut."""

import gzip
import hashlib
import io
import os
import tarfile
import tracemalloc
import zipfile

import pytest

from vmmigrate.appliance.backup.archive import Inspector, looks_like_html, sniff_container
from vmmigrate.errors import NoBackup

WHOLE = gzip.compress(os.urandom(300_000))


def inspect(data: bytes, step: int = 1000, *, framed: bool = False) -> Inspector:
    sink = io.BytesIO()
    inspector = Inspector(sink)
    for start in range(0, len(data), step):
        inspector.feed(data[start : start + step])
    inspector.finish(framed=framed)
    assert sink.getvalue() == data
    return inspector


@pytest.mark.parametrize("step", [30, 1000, 1 << 20])
def test_a_whole_archive_passes_unchanged(step: int) -> None:
    inspector = inspect(WHOLE, step)
    assert (inspector.container, inspector.size) == ("gzip", len(WHOLE))
    assert inspector.sha256 == hashlib.sha256(WHOLE).hexdigest()


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 1000, len(WHOLE) - 200])
def test_a_gzip_stream_cut_anywhere_is_no_backup(cut: int) -> None:
    with pytest.raises(NoBackup, match="cut short"):
        inspect(WHOLE[:-cut])


def test_a_gzip_stream_with_a_wrong_byte_is_no_backup() -> None:
    damaged = bytearray(WHOLE)
    damaged[-6] ^= 1
    with pytest.raises(NoBackup, match="damaged"):
        inspect(bytes(damaged))


def test_several_members_and_padding_are_whole() -> None:
    assert inspect(WHOLE + WHOLE + bytes(1024), 999).container == "gzip"
    with pytest.raises(NoBackup):
        inspect(WHOLE + WHOLE[:-3])


def test_a_bomb_of_zeros_is_judged_too() -> None:
    bomb = gzip.compress(bytes(64 << 20), compresslevel=9)
    assert inspect(bomb, 1 << 18).size == len(bomb)
    with pytest.raises(NoBackup, match="cut short"):
        inspect(bomb[:-1], 1 << 18)


def test_a_handful_of_bytes_is_no_backup() -> None:
    with pytest.raises(NoBackup, match="sent 0 bytes"):
        inspect(b"")
    with pytest.raises(NoBackup, match="sent 100 bytes"):
        inspect(b"x" * 100)


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"Salted__12345678", "openssl"),
        (b"-----BEGIN PGP MESSAGE-----", "pgp"),
        (b"\x85\x01\x0c\x03", "pgp"),
        (b"something", "unknown"),
        (b"", "unknown"),
    ],
)
def test_containers_by_magic(head: bytes, container: str) -> None:
    assert sniff_container(head) == container


def test_html_is_seen_as_such() -> None:
    for head in (b"<!DOCTYPE html>", b"\r\n <HTML>", b"\xef\xbb\xbf<html>", b"<?xml version='1.0'?><html>"):
        assert looks_like_html(head)
    assert not looks_like_html(WHOLE)


# ---- what has no checksum on its way ----------------------------------------------------------------------------


def zipped(members: dict[str, bytes], comment: bytes = b"", how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        archive.comment = comment
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("dump")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


NOISE = os.urandom(200_000)
WITHIN = zipped({"first": NOISE}, how=zipfile.ZIP_STORED)
ZIP = zipped({"within.zip": WITHIN, "second": NOISE}, how=zipfile.ZIP_STORED)
PGP = b"-----BEGIN PGP MESSAGE-----\n\n" + b"A" * 500 + b"\n-----END PGP MESSAGE-----\n"
WHOLE_ONES = {
    "zip": ZIP,
    "zip with the longest comment": zipped({"a": NOISE}, bytes(65535)),
    "zip with bytes after it": ZIP + bytes(64),
    "tar": tarred(NOISE),
    "openssl": b"Salted__" + os.urandom(8 + 1024),
    "pgp": PGP,
    "unknown": b"\0\1\2" + NOISE,
}


@pytest.mark.parametrize("name", WHOLE_ONES)
def test_what_ends_as_its_kind_does_is_whole(name: str) -> None:
    for step in (300, 70_000, 1 << 20):
        assert inspect(WHOLE_ONES[name], step).container == name.split()[0]


def test_a_zip_of_64_bits_is_whole_and_cut_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    large = zipped({"a": NOISE, "b": NOISE})
    assert b"PK\6\6" in large
    assert inspect(large).size == len(large)
    sizes = large.rfind(b"PK\5\6") + 12
    as_java_does = large[:sizes] + b"\xff" * 8 + large[sizes + 8 :]  # both numbers stand in the larger record alone
    assert inspect(as_java_does).size == len(large)
    for cut in (1, 22, 40, 100, 1000):
        with pytest.raises(NoBackup, match="the directory at the end of the zip is missing"):
            inspect(as_java_does[:-cut])


CUT_ONES = {
    "zip by a byte": ZIP[:-1],
    "zip by its last record": ZIP[:-22],
    "zip in the middle": ZIP[:100_000],
    "zip where one within it ends": ZIP[: ZIP.index(WITHIN) + len(WITHIN)],
    "tar in the middle": tarred(NOISE)[: 512 * 100],
    "tar within a block": tarred(NOISE)[:-3],
    "openssl": WHOLE_ONES["openssl"][:-5],
    "pgp": PGP[:-12],
}


@pytest.mark.parametrize("name", CUT_ONES)
def test_what_does_not_end_so_is_cut_short(name: str) -> None:
    for step in (300, 70_000, 1 << 20):
        with pytest.raises(NoBackup, match=r"^the archive is cut short: "):
            inspect(CUT_ONES[name], step)


def test_a_cipher_without_blocks_is_whole_where_the_server_told_its_length() -> None:
    assert inspect(CUT_ONES["openssl"], framed=True).container == "openssl"


def test_the_end_is_judged_without_holding_what_came_before() -> None:
    class Nowhere(io.BytesIO):
        def write(self, data: object) -> int:
            return 0

    inspector, piece = Inspector(Nowhere()), bytes(1 << 18)
    tracemalloc.start()
    inspector.feed(ZIP[:1000])
    for _ in range(200):
        inspector.feed(piece)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 1 << 20
    with pytest.raises(NoBackup, match="cut short"):
        inspector.finish()
