"""A stand-in appliance in this process, at an address of its own: what the client's tests talk to."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fixtures.appliance import root as roots
from fixtures.appliance import seed, sshd
from fixtures.appliance.config import CONSOLE_TOML
from fixtures.appliance.files import Root
from fixtures.appliance.machine import SMTP_PORT, SSH_PORT, Machine
from fixtures.appliance.network import Nic
from hypervisors import Secret, TlsTrust, fetch_leaf, fingerprint_of
from hypervisors.wire.ssh import Login, SshServer, host_key_seen
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.ssh.shell import SshShell
from vmmigrate.appliance.web.console import WebConsole

LIVE_MAC, STAGING_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Guest:
    """`address`: where SSH (2222), SMTP (2525) and the console (8443) listen."""

    machine: Machine
    address: str
    admin: Account
    sa: Account
    ssh_port: int = SSH_PORT
    smtp_port: int = SMTP_PORT

    @property
    def url(self) -> str:
        return f"https://{self.address}:8443/ciphermail"

    @property
    def trust(self) -> TlsTrust:
        return TlsTrust(fingerprint=fingerprint_of(fetch_leaf(self.address, 8443)))

    def behave(self, setting: str) -> None:
        """Add a line to console.toml: `personality = "CutShort"`."""
        root = self.machine.root
        root.write(CONSOLE_TOML, root.read(CONSOLE_TOML) + f"{setting}\n".encode())

    @contextmanager
    def shell(self, account: Account | None = None) -> Iterator[SshShell]:
        key = host_key_seen(self.address, SSH_PORT)
        shell = SshShell(SshServer(self.address, SSH_PORT, host_key=key.fingerprint), login_of(account or self.sa))
        try:
            yield shell
        finally:
            shell.close()

    @contextmanager
    def console(self, *, logged_in: bool = True) -> Iterator[WebConsole]:
        console = WebConsole(self.url, self.trust, timeout=10)
        try:
            if logged_in:
                console.log_in(self.admin)
            yield console
        finally:
            console.close()


@contextmanager
def old_guest(folder: Path) -> Iterator[Guest]:
    """The seeded old VM with one NIC."""
    address = _address()
    roots.write_old_root(folder / "old", seed.OLD_RELEASE, address=address, gateway="127.65.0.1")
    nics = [Nic(LIVE_MAC, True)]
    with _running(folder / "old", nics) as machine:
        yield Guest(machine, address, _account(seed.ADMIN_OLD), _account(seed.SA_OLD))


@contextmanager
def fresh_guest(folder: Path) -> Iterator[Guest]:
    """A fresh image of the next release: the live NIC's link is down, staging has a lease."""
    address = _address()
    roots.write_image(folder / "image", seed.NEW_RELEASE)
    roots.unpack_disk(folder / "image", folder / "fresh")
    nics = [Nic(LIVE_MAC, False), Nic(STAGING_MAC, True, lease=address)]
    with _running(folder / "fresh", nics) as machine:
        yield Guest(machine, address, _account(seed.ADMIN_FRESH), _account(seed.SA_FRESH))


@contextmanager
def _running(folder: Path, nics: list[Nic]) -> Iterator[Machine]:
    machine = Machine(Root(folder))
    sshd.attach(machine)
    machine.boot()
    assert machine.set_nics(nics)
    machine.reconcile()
    try:
        yield machine
    finally:
        machine.shut_down()


def _address() -> str:
    """Unused in this process and in the other workers."""
    return f"127.65.{_WORKER + 1}.{next(_numbers)}"


def _account(account: seed.Account) -> Account:
    return Account(account.user, Secret(account.password))


def login_of(account: Account) -> Login:
    return Login(account.user, lambda: account.password)
