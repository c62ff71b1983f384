"""A fresh image of each network stack in a container, reached by the product's own shell over its staging NIC."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from fixtures import lab as labs
from fixtures.appliance import seed
from fixtures.lab.cabled import LEASE, LIVE, STAGING, Cabled, cabled
from fixtures.lab.release import Recipe
from fixtures.lab.stacks import Stack
from hypervisors import NotYet, Secret, Unreachable, once_reachable, wait_for
from hypervisors.wire.ssh import Login, SshServer
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.ssh.shell import SshShell

LIVE_NIC = 1  # eth1


@dataclass
class Guest:
    """Each look at it is a log-in of its own where a reboot came between."""

    box: Cabled
    recipe: Recipe
    address: str = LEASE

    def __post_init__(self) -> None:
        self.shell = self.shell_at(self.address)

    def shell_at(self, address: str) -> Shell:
        account = self.recipe.account
        server = SshServer(address, 22, self.box.host_key)
        return SshShell(server, Login(account.user, password=lambda: Secret(account.password)))

    def answers(self) -> None:
        look = once_reachable(lambda: self.shell.run(("true",)))
        wait_for(f"SSH at {self.address}", look, timeout=180, clears="see cabled.log", pause=0.2, max_pause=0.5)

    def root(self, script: str) -> str:
        return self.shell.run(("sh", "-euc", script), user="root", timeout=60).stdout

    def reboot(self) -> None:
        """Its NICs know nothing afterwards, and only the first is plugged in."""
        before = self._boot_id()
        with suppress(Unreachable):  # it was quicker than its answer
            self.shell.run(("systemctl", "--no-block", "reboot"), user="root")

        def look() -> None:
            if self._boot_id() == before:
                raise NotYet("the boot before")

        wait_for("another boot", once_reachable(look), timeout=180, clears="see cabled.log", pause=0.2, max_pause=0.5)

    def _boot_id(self) -> str:
        """When systemd began: the kernel's own id is this machine's."""
        asked = self.shell.run(("systemctl", "show", "--property=UserspaceTimestampMonotonic"), check=False)
        if asked.status:
            raise NotYet(asked.stderr)
        return asked.stdout

    def connects(self, address: str, port: int) -> str:
        """'answered', or the error's own words."""
        try:
            self.connection(address, port).close()
        except OSError as error:
            return str(error)
        return "answered"

    def connection(self, address: str, port: int) -> socket.socket:
        return socket.create_connection((address, port), timeout=1.0)


def made_by_itself(box: Cabled) -> str:
    """The address of IPv6 that the guest makes of what the router advertises."""

    def look() -> str:
        for address in box.addresses:
            return address
        raise NotYet("none yet")

    return wait_for("an address of IPv6", look, timeout=180, clears="see cabled.log", pause=0.2, max_pause=0.5)


@contextmanager
def booted(stack: Stack, networks: tuple[str, ...] = (STAGING, LIVE)) -> Iterator[Guest]:
    recipe = Recipe(seed.NEW_RELEASE, stack=stack)
    with cabled(labs.folders(), recipe, print, networks) as box, box.beside():
        address = LEASE if networks[0] == STAGING else made_by_itself(box)
        guest = Guest(box, recipe, address)
        guest.answers()
        yield guest
