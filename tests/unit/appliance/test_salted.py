"""Files of `openssl enc`: opened by the combination that made them, read anywhere, and by no other."""

import io
import subprocess
from pathlib import Path

import pytest

from hypervisors import Secret
from vmmigrate.appliance.backup.salted import SCHEMES, Opened, Scheme

PLAIN = bytes(range(256)) * 2000 + b"the end"
PASSWORD = Secret("correct horse")


def made_by_openssl(folder: Path, scheme: Scheme, plain: bytes = PLAIN) -> io.BytesIO:
    cipher, derivation = scheme.name.split()
    kind, _, digest = derivation.removesuffix("/10000").partition("-")
    derive = ["-pbkdf2", "-iter", "10000"] if kind == "pbkdf2" else []
    (folder / "word").write_text(PASSWORD.reveal())
    done = subprocess.run(
        ["openssl", "enc", f"-{cipher}", *derive, "-md", digest, "-salt", "-pass", f"file:{folder / 'word'}"],
        input=plain,
        capture_output=True,
        check=True,
    )
    return io.BytesIO(done.stdout)


def opening(encrypted: io.BytesIO, password: Secret = PASSWORD) -> list[str]:
    """Which combinations give the plaintext."""
    names = []
    for scheme in SCHEMES:
        try:
            opened = Opened(encrypted, scheme, password)
        except ValueError:
            continue
        if opened.read() == PLAIN:
            names.append(scheme.name)
    return names


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_what_openssl_made_is_opened_by_its_own_combination(tmp_path: Path, scheme: Scheme) -> None:
    assert Opened(made_by_openssl(tmp_path, scheme), scheme, PASSWORD).read() == PLAIN


def test_no_other_combination_opens_it(tmp_path: Path) -> None:
    assert opening(made_by_openssl(tmp_path, SCHEMES[4])) == ["aes-256-cbc evp-md5"]


def test_another_password_opens_nothing(tmp_path: Path) -> None:
    assert opening(made_by_openssl(tmp_path, SCHEMES[0]), Secret("wrong horse")) == []


@pytest.mark.parametrize("scheme", [SCHEMES[0], SCHEMES[-1]], ids=lambda scheme: scheme.name)
def test_it_is_read_anywhere_and_backwards_as_a_zip_is(tmp_path: Path, scheme: Scheme) -> None:
    opened = io.BufferedReader(Opened(made_by_openssl(tmp_path, scheme), scheme, PASSWORD), 100)
    for offset, count in ((0, 10), (511_990, 30), (15, 1), (16, 17), (300_001, 5000), (8, 8), (len(PLAIN), 1)):
        opened.seek(offset)
        assert opened.read(count) == PLAIN[offset : offset + count]
    assert opened.seek(-3, io.SEEK_END) == len(PLAIN) - 3
    assert opened.read() == b"end"


@pytest.mark.parametrize("length", [0, 8, 16, 17, 31])
def test_a_file_too_short_or_of_no_whole_block_is_none(length: int) -> None:
    data = io.BytesIO((b"Salted__" + bytes(40))[:length])
    for scheme in SCHEMES:
        with pytest.raises(ValueError, match=r"its length is not a multiple of (8|16)"):
            Opened(data, scheme, PASSWORD)
