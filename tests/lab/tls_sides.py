"""Both sides of a copy: the old one is a process lab's gateway, the new one is what `aim` of a test module says."""

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from certified import shown_at
from tls_shapes import MAIN, MASTER, OWNED, Files, Shape, Side

from fixtures import processlab
from fixtures.appliance import seed
from fixtures.appliance.files import Root
from fixtures.lab import Lab
from fixtures.processlab import ProcessLab
from vmmigrate.alone import tls_copy as tlscopy
from vmmigrate.parts import Parts
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets

FOLDERS = ("/etc/postfix", "/etc/tomcat9", "/usr/share/djigzo-web/ssl", "/etc/pki")


class Guest:
    """The new gateway, seen by root's own commands."""

    def __init__(self, gateway: tlscopy.Gateway) -> None:
        self.gateway = gateway
        self.main, self.master = (gateway.shell.read_file(path).decode() for path in (MAIN, MASTER))

    def root(self, script: str) -> str:
        return self.gateway.shell.run(("sh", "-euc", script), user="root", timeout=120).stdout

    def lay(self, side: Side) -> None:
        """Files, modes and owners of a shape, and the services that read them."""
        lines = ["umask 077", "mkdir -p -m 755 /etc/pki/tls/certs /etc/pki/tls/private"]
        owned: dict[str, list[str]] = {}
        for path, data in side.configuration(self.main, self.master).items():
            lines.append(f"base64 -d > {path} <<END\n{base64.b64encode(data).decode()}\nEND")
            owned.setdefault(OWNED.get(path, "600 root:root"), []).append(path)
        for (mode, owner), paths in [(owner.split(), paths) for owner, paths in owned.items()]:
            lines.append(f"chmod {mode} {' '.join(paths)}; chown {owner} {' '.join(paths)}")
        self.root("\n".join([*lines, *(["postfix reload"] if side.services else [])]))

    def state(self) -> list[str]:
        """Digest, mode, owner and time of every file that a copy may touch, and of what it may leave."""
        said = self.root(
            f"find {' '.join(FOLDERS)} $(ls -d /var/lib/vmmigrate* || true) -type f "
            "-exec sha256sum {} + -printf '%p %m %u %g %T@\\n'"
        )
        return sorted(said.splitlines())


@dataclass(frozen=True)
class Aim:
    """Where the new gateway is, and the host key it shows; its account is that of a seeded one."""

    address: str
    host_key: str


@pytest.fixture(scope="module")
def old(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    with processlab.process_lab(tmp_path_factory.mktemp("old")) as made:
        yield made


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    return Parts(ProcessSecrets(environ()), folder / "runs", folder / "keys")


def environ() -> dict[str, str]:
    seeded = seed.SA_OLD.password
    return {**os.environ, "VMMIGRATE_OLD_SSH_PASSWORD": seeded, "VMMIGRATE_NEW_SSH_PASSWORD": seeded}


def settings(aim: Aim, old: ProcessLab) -> dict[str, object]:
    return {
        "old": {"ssh": {"port": old.ssh_port, "host_key": old.host_key}},
        "new": {"ssh": {"host_key": aim.host_key}},
        "limits": {"restart": 60},
    }


@pytest.fixture(scope="module")
def reach(aim: Aim, old: ProcessLab, parts: Parts) -> Iterator[tuple[tlscopy.Reach, tlscopy.Reach]]:
    with tlscopy.gateways(Settings.model_validate(settings(aim, old)), parts) as found:
        yield found


@pytest.fixture(scope="module")
def guest(aim: Aim, reach: tuple[tlscopy.Reach, tlscopy.Reach]) -> Guest:
    """One for all tests of a module: what one leaves, the next one overwrites."""
    return Guest(reach[1](aim.address))


@pytest.fixture
def giving(old: ProcessLab, reach: tuple[tlscopy.Reach, tlscopy.Reach]) -> Iterator[Callable[[Side], tlscopy.Gateway]]:
    """The old gateway with a shape's files; afterwards as it was."""
    root = old.root_of(old.old_id)
    with ExitStack() as undone:

        def have(side: Side) -> tlscopy.Gateway:
            laid = side.configuration(root.text(MAIN), root.text(MASTER))
            undone.callback(_write, root, {path: root.read(path) for path in laid if root.has(path)})
            _write(root, laid)
            return reach[0](old.address)

        yield have


def _write(root: Root, files: Files) -> None:
    for path, data in files.items():
        root.write(path, data)


def shown(guest: Guest, shape: Shape) -> dict[tuple[int, str], list[str]]:
    """By openssl. Roots that an administrator put into a chain are sent too: not looked at here."""
    return {
        (port, kind): shown_at(guest.gateway.host, port, starttls=port in (25, 587), kind=kind)[:2]
        for port, kinds in shape.shows.items()
        for kind in kinds
    }


def expected(shape: Shape) -> dict[tuple[int, str], list[str]]:
    return {(port, kind): each.shown for port, kinds in shape.shows.items() for kind, each in kinds.items()}
