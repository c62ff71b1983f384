"""An archive on its way: passed on unchanged, digested, named by its magic, refused where it is cut."""

import gzip
import hashlib
import io
import os

import pytest

from vmmigrate.appliance.backup.archive import Inspector, looks_like_html, sniff_container
from vmmigrate.errors import NoBackup

WHOLE = gzip.compress(os.urandom(300_000))


def inspect(data: bytes, step: int = 1000) -> Inspector:
    sink = io.BytesIO()
    inspector = Inspector(sink)
    for start in range(0, len(data), step):
        inspector.feed(data[start : start + step])
    inspector.finish()
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
