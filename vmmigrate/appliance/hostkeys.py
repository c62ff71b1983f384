"""The SSH host keys of a guest: read, put in place of its own, and its own put back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.tls.keys import prove
from vmmigrate.appliance.tls.magnitude import refuse_large_key
from vmmigrate.appliance.tls.pem import key_blocks
from vmmigrate.appliance.units import BOOT_ID
from vmmigrate.errors import BadKeys
from vmmigrate.limits import PEM_KEY

KINDS = ("ed25519", "ecdsa", "rsa")  # as clients prefer them; sshd takes no DSA key since OpenSSH 7.0
# The unit has one of both names; where sshd is started for each connection there is nothing to reload. Sessions go on.
USE = ("sh", "-c", "/usr/sbin/sshd -t || exit 1; systemctl reload ssh.service; systemctl reload sshd.service; true")
TEST = ("/usr/sbin/sshd", "-t")
_OWN = ".vmmigrate-own"
_LARGEST = PEM_KEY.most
_OPENSSH = b"BEGIN OPENSSH PRIVATE KEY"
_PRIVATE, _PUBLIC = FileMeta("0600", "root", "root"), FileMeta("0644", "root", "root")


@dataclass(frozen=True)
class HostKey:
    """`kind`: as in the file's name. `line`: the public key, `ssh-ed25519 AAAA…`."""

    kind: str
    line: str
    private: bytes = field(repr=False)


def path(kind: str) -> str:
    """Where sshd looks for it, unless sshd_config says otherwise (sshd_config(5), HostKey)."""
    return f"/etc/ssh/ssh_host_{kind}_key"


def question(kind: str) -> tuple[str, ...]:
    return ("cat", path(kind))


QUESTIONS = tuple(question(kind) for kind in KINDS)  # of the old gateway, as root
PUBLIC = tuple(("cat", f"{path(kind)}.pub") for kind in KINDS)


def read(look: LookingShell) -> tuple[tuple[HostKey, ...], tuple[str, ...]]:
    """Those that are there, and that anybody could use; the kinds of the others that are there."""
    said = {kind: look.run(question(kind), user="root", check=False) for kind in KINDS}
    found = {kind: parsed(kind, answer.stdout) for kind, answer in said.items() if answer.status == 0}
    return tuple(key for key in found.values() if key), tuple(kind for kind, key in found.items() if key is None)


def look_at(shell: Shell) -> LookingShell:
    """All of the new gateway, in one command: what it has, what lies beside, and which boot this is."""
    look = LookingShell(shell)
    files = [name for kind in KINDS for name in (path(kind), f"{path(kind)}{_OWN}")]
    look.ahead(BOOT_ID, TEST, *PUBLIC, files=files, user="root")
    return look


def parsed(kind: str, text: str) -> HostKey | None:
    """None for what is no private key, or one behind a passphrase; and for one that is too large to be tried."""
    data = text.encode(errors="replace")
    if len(data) > _LARGEST:
        return None
    try:
        key = _loaded(data)
        prove(key)
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, TypeError, NotImplementedError, UnsupportedAlgorithm, InvalidSignature, InternalError, BadKeys):
        return None  # NotImplementedError: a point of its curve that is compressed
    return HostKey(kind, public.decode(), data)


def _loaded(data: bytes) -> Any:
    if _OPENSSH in data:
        return load_ssh_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    block = next(iter(key_blocks(data)), b"")
    refuse_large_key(block)
    return load_pem_private_key(block, None, unsafe_skip_rsa_key_validation=True)


def public(look: LookingShell, *, user: str | None = "root") -> dict[str, str]:
    """By kind, the public key's line of each that is there."""
    asked = dict(zip(KINDS, PUBLIC, strict=True))
    said = {kind: look.run(question, user=user, check=False).stdout.split()[:2] for kind, question in asked.items()}
    return {kind: " ".join(words) for kind, words in said.items() if len(words) == 2}


def place(shell: Shell, look: LookingShell, keys: Sequence[HostKey]) -> None:
    """In place of the guest's own ones, which stay beside; sshd has them from now on. Raises CommandFailed, also where
    its sshd would not start as it was: nothing is changed then.
    """
    look.run(TEST, user="root")
    metas = {key.kind: look.file_meta(path(key.kind)) for key in keys}
    files = (file for key in keys for file in _files(key, metas[key.kind] or _PRIVATE))
    shell.install(*_beside(look, keys), *files)
    shell.run(USE, user="root")


def _beside(look: LookingShell, keys: Sequence[HostKey]) -> Iterator[NewFile]:
    """Of those kinds the guest's own, as far as they do not lie beside yet."""
    for key in keys:
        here, meta = path(key.kind), look.file_meta(path(key.kind))
        if meta and look.file_meta(f"{here}{_OWN}") is None and look.read_file(here) != key.private:
            yield NewFile(f"{here}{_OWN}", look.read_file(here), meta)


def put_back(shell: Shell, placed: Mapping[str, str], added: Sequence[str]) -> tuple[str, ...]:
    """The guest's own ones, as far as they lie beside, and sshd reads them again, if it can; the kinds that stay.

    `placed`: by kind, the line of what was put in place. `added`: those of which the guest had none. They go where
    they still are that, and where another key is left: without any sshd does not start.
    """
    look = look_at(shell)
    metas = {kind: look.file_meta(f"{path(kind)}{_OWN}") for kind in placed}
    own = {kind: _own(look, kind, meta) for kind, meta in metas.items() if meta}
    here = public(look)
    ours = [kind for kind in placed if kind not in own and here.get(kind) == placed[kind]]
    goes = [kind for kind in ours if kind in added] if own or set(here) - set(ours) else []
    if own:
        shell.install(*(file for files in own.values() for file in files))
    if goes:
        shell.run(("rm", "-f", *(name for kind in goes for name in (path(kind), f"{path(kind)}.pub"))), user="root")
    if own or goes:
        shell.run(USE, user="root", check=False)
    return tuple(kind for kind in ours if kind not in goes)


def _own(look: LookingShell, kind: str, meta: FileMeta) -> tuple[NewFile, ...]:
    data = look.read_file(f"{path(kind)}{_OWN}")
    key = parsed(kind, data.decode(errors="replace"))
    return _files(key, meta) if key else (NewFile(path(kind), data, meta),)


def lines(host: str, port: int, own: Mapping[str, str], kept: Mapping[str, str]) -> tuple[str, ...]:
    """For known_hosts: another port than 22 stands behind brackets (sshd(8)). Of one kind it has one."""
    name = host if port == 22 else f"[{host}]:{port}"
    shown = {**own, **kept}
    return tuple(f"{name} {shown[kind]}" for kind in KINDS if kind in shown)


def _files(key: HostKey, meta: FileMeta) -> tuple[NewFile, NewFile]:
    where = path(key.kind)
    return NewFile(where, key.private, meta), NewFile(f"{where}.pub", f"{key.line}\n".encode(), _PUBLIC)
