"""known_hosts as OpenSSH reads it: each form of a line, and damaged ones, which have no effect."""

import base64
import subprocess
from pathlib import Path

import pytest

from hypervisors import TrustRefused, Unusable
from hypervisors.wire.ssh.known_hosts import known
from hypervisors.wire.ssh.server import HostKey, SshServer, fingerprint_of_key, known_fingerprints, known_types, verify

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5H/n8zvQ54gsDkNb2Ebg59nYdjEPqSg4unLLFsaxtb"
_BLOB = base64.b64decode(_KEY.split()[1])


def _file(tmp_path: Path, *lines: bytes | str) -> Path:
    path = tmp_path / "known_hosts"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


@pytest.mark.parametrize(
    "damaged",
    [
        f"@cert-authority *.example.org {_KEY}",
        "|1|zzzz " + _KEY,
        "|1|zzzz|yyyy|x " + _KEY,
        "|1|AAAA|é " + _KEY,
        b"# M\xfcller",
        b"gw.m\xfcller " + _KEY.encode(),
        "gw.example.org ssh-ed25519 AAAA=BBB",
        "gw.example.org ssh-ed25519 " + "A" * 41,
        "gw.example.org ssh-rsa " + _KEY.split()[1],
        "gw.example.org ssh-ed25519",
        "@revoked",
        "@",
        b"\0" * 40,
        "gw.example.org 2048 35 1234567890",
        "\u00a0 \u2028",
    ],
)
def test_a_line_that_says_nothing_hides_no_other(tmp_path: Path, damaged: bytes | str) -> None:
    path = _file(tmp_path, damaged, f"gw.example.org {_KEY}", damaged)
    assert known(path, "gw.example.org", 22).keys == (("ssh-ed25519", _BLOB),)
    assert known(_file(tmp_path, damaged), "gw.example.org", 22).keys == ()


@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("gw.example.org", "gw.example.org", 22),
        ("gw.example.org", "GW.example.org", 22),
        ("other,gw.example.org,192.0.2.1", "192.0.2.1", 22),
        ("[gw.example.org]:2222", "gw.example.org", 2222),
        ("[2001:db8::1]:2222", "2001:db8::1", 2222),
        ("2001:db8::1", "2001:db8::1", 22),
        ("*.example.org", "gw.example.org", 22),
        ("g?.example.org", "gw.example.org", 22),
        ("[*.example.org]:2222", "gw.example.org", 2222),
        ("*,!old.example.org", "gw.example.org", 22),
    ],
)
def test_names(tmp_path: Path, names: str, host: str, port: int) -> None:
    path = _file(tmp_path, f"{names} {_KEY} a comment")
    assert known_fingerprints(host, port, path) == (fingerprint_of_key(_KEY),)
    assert known_types(SshServer(host, port, known_hosts=path)) == ["ssh-ed25519"]


@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("gw.example.org", "gw.example.org", 2222),
        ("[gw.example.org]:2222", "gw.example.org", 22),
        ("*,!gw.example.org", "gw.example.org", 22),
        ("[gw].example.org", "g.example.org", 22),
        ("?.example.org", "gw.example.org", 22),
    ],
)
def test_names_of_others(tmp_path: Path, names: str, host: str, port: int) -> None:
    assert known_fingerprints(host, port, _file(tmp_path, f"{names} {_KEY}")) == ()


@pytest.mark.parametrize(("host", "port"), [("gw.example.org", 22), ("gw.example.org", 2222), ("2001:db8::1", 22)])
def test_names_that_openssh_has_hashed(tmp_path: Path, host: str, port: int) -> None:
    path = _file(tmp_path, f"{host if port == 22 else f'[{host}]:{port}'} {_KEY}")
    subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=True, capture_output=True)
    assert path.read_text().startswith("|1|")
    assert known_fingerprints(host, port, path) == (fingerprint_of_key(_KEY),)
    assert known_fingerprints("other.example.org", port, path) == ()


@pytest.mark.parametrize("revoked", ["*", "gw.example.org", "*.example.org,other"])
def test_a_revoked_key_proves_nothing_even_if_it_is_known(tmp_path: Path, revoked: str) -> None:
    path = _file(tmp_path, f"gw.example.org {_KEY}", f"@revoked {revoked} {_KEY}")
    shown = HostKey(_KEY, fingerprint_of_key(_KEY))
    with pytest.raises(TrustRefused, match="is revoked in"):
        verify(SshServer("gw.example.org", 22, known_hosts=path), shown, "old.ssh")


def test_one_that_is_revoked_for_others_is_trusted(tmp_path: Path) -> None:
    path = _file(tmp_path, f"gw.example.org {_KEY}", f"@revoked other.example.org {_KEY}")
    verify(SshServer("gw.example.org", 22, known_hosts=path), HostKey(_KEY, fingerprint_of_key(_KEY)), "old.ssh")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="cannot read"):
        known(tmp_path, "gw.example.org", 22)
