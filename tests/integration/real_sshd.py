"""OpenSSH's own server as an ordinary user on a port of its own: for what only the real one does."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.ports import free_port
from hypervisors import NotYet, wait_for

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
NEEDS_SSHD = pytest.mark.skipif(not SSHD, reason="needs openssh-server")
USER = getpass.getuser()


@dataclass(frozen=True)
class RealSshd:
    """`host_key`: its public key line; `log`: what it says, also on failure."""

    folder: Path
    address: str
    port: int
    host_key: str
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def running(
    folder: Path,
    *options: str,
    authorized: str = "",
    kind: str = "ed25519",
    wrapper: tuple[str, ...] = (),
    address: str = "127.0.0.1",
) -> Iterator[RealSshd]:
    """sshd with these lines of configuration, which come before ours: the first of a name holds."""
    folder.mkdir(parents=True, exist_ok=True)
    key, port = make_key(folder / "host_key", kind), free_port(address)
    (folder / "authorized_keys").write_text(authorized)
    ours = (
        f"ListenAddress {address}:{port}",
        f"HostKey {key}",
        "PidFile none",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin yes",
        "PrintMotd no",
    )
    (folder / "sshd_config").write_text("\n".join((*options, *ours)) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*wrapper, SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stdin=subprocess.DEVNULL, stderr=log
        )
    sshd = RealSshd(folder, address, port, Path(f"{key}.pub").read_text(), process)
    try:
        wait_for("sshd", lambda: _answers(sshd), timeout=15, clears="", pause=0.02)
        yield sshd
    finally:
        process.kill() if wrapper else process.terminate()
        process.wait()


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "", comment: str = "") -> Path:
    """A key pair made by ssh-keygen; the private one's path."""
    path.unlink(missing_ok=True)
    bits = ("-b", "2048") if kind == "rsa" else ()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-C", comment, "-f", str(path)], check=True
    )
    return path


def public(path: Path) -> str:
    return Path(f"{path}.pub").read_text()


def _answers(sshd: RealSshd) -> None:
    if sshd.process.poll() is not None:
        raise AssertionError(sshd.log)
    try:
        socket.create_connection((sshd.address, sshd.port), 1).close()
    except OSError as error:
        raise NotYet(str(error)) from error
