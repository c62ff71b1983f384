"""Backups: what they hold, whether they are whole, those that a password shuts, and what a console calls them."""

import gzip
import io
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import requests

from hypervisors import Secret, no_progress
from tests.fuzz.parser import Parser, text
from vmmigrate.appliance.backup import contents, streams
from vmmigrate.appliance.backup.archive import Inspector, sniff_container
from vmmigrate.archives import read_archive


def _members() -> Iterator[bytes]:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for name, kind in (
                ("config/main.cf", tarfile.REGTYPE),
                ("n" * 90, tarfile.REGTYPE),
                ("l", tarfile.SYMTYPE),
            ):
                info = tarfile.TarInfo(name)
                info.type, info.size, info.linkname = kind, 5 if kind == tarfile.REGTYPE else 0, "/etc/passwd"
                archive.addfile(info, io.BytesIO(b"-- Po"))
        yield out.getvalue()
        yield gzip.compress(out.getvalue(), mtime=0)
    for how in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", how) as packed:
            packed.writestr("config/main.cf", "x" * 300)
            packed.writestr("database.sql", "-- PostgreSQL database dump\n")
        yield out.getvalue()
    yield gzip.compress(b"-- PostgreSQL database dump\n" * 9, mtime=0)


def _shut() -> Iterator[bytes]:
    plain = next(each for each in _members() if each.startswith(b"\x1f\x8b"))
    for how in ("-aes-256-cbc -pbkdf2", "-aes-128-cbc -md md5", "-des3 -md sha1"):
        command = ["openssl", "enc", "-e", *how.split(), "-pass", "pass:word"]
        yield subprocess.run(command, input=plain, capture_output=True, check=True).stdout
    yield b"-----BEGIN PGP MESSAGE-----\n\nhQ==\n-----END PGP MESSAGE-----\n"


def _contents(data: bytes) -> object:
    container = sniff_container(data[:512])
    return container in ("gzip", "zip", "tar") and contents.read_contents(io.BytesIO(data), container, len(data))


def _streamed(data: bytes) -> object:
    inspector = Inspector(io.BytesIO())
    for at in range(0, len(data), 700):
        inspector.feed(data[at : at + 700])
    return inspector.finish(framed=len(data) % 2 == 0)


def _by_hand(data: bytes) -> object:
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as file:
        file.write(data)
        file.flush()
        return read_archive(Path(file.name), Secret("word"), no_progress)


def _named(data: bytes) -> object:
    answer = requests.Response()
    answer.headers["Content-Disposition"] = text(data)
    name = streams._file_name(answer, "gzip")
    assert "/" not in name
    assert name not in ("", ".", "..")
    assert name.isprintable()
    return name


def _names() -> Iterator[bytes]:
    header = Message()
    header.add_header("Content-Disposition", "attachment", filename=("utf-8", "", "bäckup.zip"))
    yield header["Content-Disposition"].encode() if isinstance(header["Content-Disposition"], str) else b""
    yield b'attachment; filename="backup-1.tar.gz"'
    yield b"attachment; filename*=UTF-8''b%C3%A4ckup.zip; filename=x.zip"


PARSERS = (
    Parser("contents", _contents, _members),
    Parser("streamed", _streamed, lambda: (*_members(), *_shut())),
    Parser("by-hand", _by_hand, lambda: (*_members(), *_shut())),
    Parser("file-name", _named, _names),
)
