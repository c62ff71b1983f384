"""SSH host keys of a guest: what is a key, what is put in place and put back, and lines of known_hosts."""

import base64
import functools
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from scripted_shell import ScriptedShell

from vmmigrate.appliance import hostkeys
from vmmigrate.appliance.port import FileMeta, Result
from vmmigrate.errors import CommandFailed
from vmmigrate.facts import KeptHostKeys
from vmmigrate.steps import host_keys

MADE = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}


@functools.cache  # OpenSSH's form has a random part
def text(kind: str, form: PrivateFormat = PrivateFormat.OpenSSH) -> str:
    return MADE[kind].private_bytes(Encoding.PEM, form, NoEncryption()).decode()


@pytest.mark.parametrize("kind", MADE)
def test_the_public_line_is_the_one_of_ssh_keygen(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(text(kind))
    file.chmod(0o600)
    told = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True).stdout
    key = hostkeys.parsed(kind, text(kind))
    assert key is not None
    assert key.line == " ".join(told.split()[:2])
    assert "PRIVATE" not in repr(key)


def test_older_forms_are_keys_too() -> None:
    assert hostkeys.parsed("rsa", text("rsa", PrivateFormat.TraditionalOpenSSL))
    assert hostkeys.parsed("ecdsa", text("ecdsa", PrivateFormat.PKCS8))


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "ssh-ed25519 AAAA",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        text("rsa")[:400],
        "\ud800",
        MADE["rsa"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode(),
        MADE["rsa"].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"x")).decode(),
    ],
)
def test_what_nobody_could_use_is_no_key(damaged: str) -> None:
    assert hostkeys.parsed("rsa", damaged) is None


def guest(**keys: str) -> ScriptedShell:
    return ScriptedShell(
        {shlex.join(hostkeys.USE): "", shlex.join(hostkeys.TEST): ""},
        {hostkeys.path(kind): data for kind, data in keys.items()},
    )


OLD = {kind: hostkeys.HostKey(kind, f"ssh-{kind} OLD", f"old {kind}".encode()) for kind in hostkeys.KINDS}


PLACED = {kind: OLD[kind].line for kind in ("ed25519", "rsa")}


def answers(shell: ScriptedShell, **lines: str) -> None:
    """What its public halves hold."""
    shell.answers |= {f"cat {hostkeys.path(kind)}.pub": line for kind, line in lines.items()}


def test_a_point_that_is_compressed_is_none() -> None:
    lines = text("ecdsa").splitlines()
    whole = base64.b64decode("".join(lines[1:-1])).replace(b"\0\0\0\x41\x04", b"\0\0\0\x41\x02")
    damaged = "\n".join((lines[0], base64.b64encode(whole).decode(), lines[-1], ""))
    assert hostkeys.parsed("ecdsa", damaged) is None


def test_of_another_kind_than_its_own_they_go_again_and_never_the_last_one() -> None:
    """The image has one of ed25519, the old gateway one of RSA."""
    shell, placed = guest(ed25519=text("ed25519")), {"rsa": OLD["rsa"].line}
    hostkeys.place(shell, hostkeys.look_at(shell), [OLD["rsa"]])
    answers(shell, ed25519="ssh-ed25519 N", rsa="ssh-rsa OLD")
    assert hostkeys.put_back(shell, placed, ()) == ("rsa",)  # whose it is, is not known
    assert hostkeys.put_back(shell, placed, ("rsa",)) == ()
    assert shell.ran[-2] == f"rm -f {hostkeys.path('rsa')} {hostkeys.path('rsa')}.pub"
    alone = guest()
    answers(alone, rsa="ssh-rsa OLD")
    assert hostkeys.put_back(alone, placed, ("rsa",)) == ("rsa",)
    assert not any("rm" in line.split() for line in alone.ran)


def test_where_sshd_would_not_start_as_it_is_nothing_is_put_in_place() -> None:
    shell = ScriptedShell({}, {hostkeys.path("ed25519"): text("ed25519")})
    with pytest.raises(CommandFailed):
        hostkeys.place(shell, hostkeys.look_at(shell), [OLD["ed25519"]])
    assert shell.files[hostkeys.path("ed25519")] == text("ed25519").encode()


def test_its_own_stay_beside_whatever_is_interrupted() -> None:
    shell = guest(ed25519=text("ed25519"))
    shell.metas[hostkeys.path("ed25519")] = FileMeta("0640", "root", "ssh_keys")
    for _ in range(2):  # the second time it finds what the first has put there
        hostkeys.place(shell, hostkeys.look_at(shell), [OLD["ed25519"], OLD["rsa"]])
        assert shell.files[hostkeys.path("ed25519")] == b"old ed25519"
        assert shell.files[hostkeys.path("rsa") + ".pub"] == b"ssh-rsa OLD\n"
        assert shell.files[hostkeys.path("ed25519") + ".vmmigrate-own"] == text("ed25519").encode()
        assert shell.metas[hostkeys.path("ed25519")] == FileMeta("0640", "root", "ssh_keys")
    answers(shell, rsa="ssh-rsa OLD")
    assert hostkeys.put_back(shell, PLACED, ("rsa",)) == ()
    assert shell.files[hostkeys.path("ed25519")] == text("ed25519").encode()
    assert shell.files[hostkeys.path("ed25519") + ".pub"].split()[0] == b"ssh-ed25519"
    assert shell.ran[-2] == f"rm -f {hostkeys.path('rsa')} {hostkeys.path('rsa')}.pub"


def test_where_nothing_was_put_in_place_nothing_is_taken_away() -> None:
    shell = guest(ed25519=text("ed25519"))
    answers(shell, ed25519="ssh-ed25519 N", rsa="ssh-rsa N")
    assert hostkeys.put_back(shell, PLACED, ("rsa",)) == ()
    assert not any("rm" in line.split() for line in shell.ran)
    assert shell.files[hostkeys.path("ed25519")] == text("ed25519").encode()


def test_another_port_stands_behind_brackets() -> None:
    own, kept = {"ed25519": "ssh-ed25519 N", "rsa": "ssh-rsa N"}, {"ed25519": "ssh-ed25519 O"}
    assert hostkeys.lines("192.0.2.1", 22, own, kept) == ("192.0.2.1 ssh-ed25519 O", "192.0.2.1 ssh-rsa N")
    assert hostkeys.lines("192.0.2.1", 2222, own, {}) == (
        "[192.0.2.1]:2222 ssh-ed25519 N",
        "[192.0.2.1]:2222 ssh-rsa N",
    )


# Of known primes, so that it need not be made: each is 2**p - 1.
_LARGE = ((11213, 9941), (4423, 4253))


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("primes", _LARGE, ids=["of 14 KiB", "of 7 KiB"])
def test_a_key_of_any_size_costs_no_test_of_its_primes(primes: tuple[int, int], form: PrivateFormat) -> None:
    """That takes minutes, in C, where nothing interrupts it. In a process of its own, which is ended."""
    p, q = (2**exponent - 1 for exponent in primes)
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    said = key.private_bytes(Encoding.PEM, form, NoEncryption())
    read = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (15, 15))\n"
        "from vmmigrate.appliance import hostkeys\n"
        "print(hostkeys.parsed('rsa', sys.stdin.read()) is not None)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", read], input=said, capture_output=True, check=True)
    assert done.stdout.strip() == (b"True" if primes == _LARGE[1] else b"False")


def test_a_key_whose_parts_do_not_fit_is_none() -> None:
    own = MADE["rsa"].private_numbers()
    d, dmp1, dmq1 = own.d - 2, own.dmp1 - 2, own.dmq1 - 2
    other = rsa.RSAPrivateNumbers(own.p, own.q, d, dmp1, dmq1, own.iqmp, own.public_numbers)
    key = other.private_key(unsafe_skip_rsa_key_validation=True)
    assert hostkeys.parsed("rsa", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()) is None


@pytest.mark.parametrize("rsa_key", [text("rsa") + "\n" * 8192, "no key", ""], ids=["too large", "none", "empty"])
def test_a_kind_that_is_there_and_not_carried_is_said(rsa_key: str) -> None:
    """Beside one that is; a kind that is not there is none of it."""
    remarks: list[str] = []

    class Old:
        def run(self, argv: tuple[str, ...], **_how: object) -> Result:
            there = {hostkeys.path("ed25519"): text("ed25519"), hostkeys.path("rsa"): rsa_key}
            return Result(0, there[argv[1]], "") if argv[1] in there else Result(1, "", "No such file")

    class Run:
        settings = SimpleNamespace(carry=SimpleNamespace(host_keys=host_keys.KEEP))
        rundir = SimpleNamespace(host_keys=None, sealed=SimpleNamespace(encrypt=lambda *_: None))
        remark = staticmethod(remarks.append)
        learnt: ClassVar[list[KeptHostKeys]] = []
        learn = learnt.append

        def old_host_key(self) -> str:
            key = hostkeys.parsed("ed25519", text("ed25519"))
            assert key
            return key.line

    host_keys.collect(Run(), Old())  # type: ignore[arg-type]
    assert [list(each.lines) for each in Run.learnt[-1:]] == [["ed25519"]]
    (said,) = remarks
    assert "not carried: rsa: no private key without a passphrase of at most 8192 bytes" in said
