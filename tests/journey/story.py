"""A process lab with a way to run, kill and resume migrations in it, and to tell two worlds apart."""

import contextlib
import json
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from fixtures.appliance import sshd, state
from fixtures.processlab import ProcessLab

CHECKOUT = Path(__file__).parents[2]
KILLED = -9
DONE, WENT_BACK, REFUSED, ATTENTION, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130

# A signal, and when it comes: 'before' or 'after' a record is made, the nth of that process or by its kind and step
# (the first such); or after the hypervisor's nth change of state ('edit').
Stop = tuple[str, str, int | tuple[str, str]]
World = dict[str, Any]


LONGEST = 600.0  # seconds for one command, on a machine that is busy


class Child:
    """A preloaded process, of tests/journey/child.py unless another is named, one for a test session."""

    def __init__(self, module: str = "tests.journey.child") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env=_without_certificates(),
        )

    def ask(self, request: Mapping[str, object]) -> int:
        self.begin(request)
        return self.end()

    def begin(self, request: Mapping[str, object]) -> IO[str]:
        """Start a command; what is returned can be read as soon as it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._process.stdout

    def end(self) -> int:
        """Wait for the one that was begun; its exit status. One that never ends is killed."""
        assert self._process.stdout is not None
        late = threading.Timer(LONGEST, self._kill)
        late.daemon = True
        late.start()
        try:
            return int(self._process.stdout.readline())
        finally:
            late.cancel()

    def running(self) -> int:
        """The process of the command that was begun. Raises ValueError where none runs."""
        server = self._process.pid
        return int(Path(f"/proc/{server}/task/{server}/children").read_text())

    def close(self) -> None:
        """A command that stands still, of a test that failed, would be waited for for ever."""
        self._kill()
        self._process.communicate()

    def _kill(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            os.kill(self.running(), signal.SIGKILL)


def _without_certificates() -> dict[str, str]:
    """No lab's certificate is signed by a public authority, and reading them all costs 20 ms a connection."""
    return {**os.environ, "SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}


@dataclass(frozen=True)
class Told:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


@dataclass
class Story:
    """One lab and what happened to it."""

    lab: ProcessLab
    folder: Path
    child: Child
    secrets: dict[str, str] = field(init=False)
    hypervisor: str = "MemoryHypervisor"  # or an odd one's name
    only_port: int = 0  # the one that a command may connect to: a jump host's
    standing: Mapping[str, Any] = field(default_factory=dict)  # settings of every command, by section
    clock: float = 0.0  # seconds by which somebody sets the wall clock forward as soon as the old VM is closed

    def __post_init__(self) -> None:
        lab = self.lab
        self.secrets = {
            "VMMIGRATE_OLD_CONSOLE_PASSWORD": lab.admin_old.password,
            "VMMIGRATE_OLD_SSH_PASSWORD": lab.sa_old.password,
            "VMMIGRATE_NEW_CONSOLE_PASSWORD": lab.admin_fresh.password,
            "VMMIGRATE_NEW_SSH_PASSWORD": lab.sa_fresh.password,
        }

    # ---- what is run -----------------------------------------------------------------------------------------

    def migrate(
        self, *flags: str, stop: Stop | None = None, vm: str = "", image: Path | None = None, **settings: Any
    ) -> Told:
        """`settings`: by section, over those that fit the lab."""
        what = (vm or self.lab.old_name, str(image or self.lab.image))
        return self.command("migrate", *what, "--yes", *flags, stop=stop, **settings)

    def prepare(self, *flags: str, stop: Stop | None = None, **settings: Any) -> Told:
        what = (self.lab.old_name, str(self.lab.image))
        return self.command("prepare", *what, "--yes", *flags, stop=stop, **settings)

    def rehearse(self, *flags: str, stop: Stop | None = None, **settings: Any) -> Told:
        what = (self.lab.old_name, str(self.lab.image))
        return self.command("rehearse", *what, "--yes", *flags, stop=stop, **settings)

    def cutover(self, *flags: str, stop: Stop | None = None) -> Told:
        return self.command("cutover", self.run_id, "--yes", *flags, stop=stop)

    def plan(self, *flags: str, **settings: Any) -> Told:
        return self.command("plan", self.lab.old_name, str(self.lab.image), *flags, **settings)

    def resume(self, *flags: str, stop: Stop | None = None) -> Told:
        return self.command("resume", self.run_id, *flags, stop=stop)

    def rollback(self, *flags: str, stop: Stop | None = None) -> Told:
        return self.command("rollback", self.run_id, "--yes", *flags, stop=stop)

    def finish(self) -> Told:
        return self.command("finish", self.run_id, "--yes")

    def command(self, *argv: str, stop: Stop | None = None, **settings: Any) -> Told:
        """`vmmigrate ARGV`, in this lab and with its secrets in the environment."""
        return self.begin(*argv, stop=stop, **settings)()

    def begin(self, *argv: str, stop: Stop | None = None, **settings: Any) -> Callable[[], Told]:
        """The same, begun: what is returned waits for its end."""
        told = self.folder / "told"
        told.mkdir(exist_ok=True)
        number = len(list(told.iterdir())) // 2
        out, err = told / f"{number}-{argv[0]}.out", told / f"{number}-{argv[0]}.err"
        environ = self.environ(settings)
        paths = {"lab": str(self.lab.folder), "folder": str(self.folder), "out": str(out), "err": str(err)}
        odd = {"hypervisor": self.hypervisor, "only_port": self.only_port, "clock": self.clock}
        self.child.begin({**paths, **odd, "argv": argv, "stop": stop, "environ": environ})
        return lambda: Told(self.child.end(), out.read_text(), err.read_text())

    def environ(self, settings: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Of a command in this lab: secrets, folders, and `settings` over those that fit the lab."""
        named = _as_environment("VMMIGRATE_", self._settings(settings or {}))
        return {**os.environ, **self.secrets, **self._folders(), **named}

    # ---- what is there ---------------------------------------------------------------------------------------

    @property
    def run_ids(self) -> list[str]:
        runs = self.folder / "runs"
        return sorted(path.name for path in runs.iterdir()) if runs.is_dir() else []

    @property
    def run_id(self) -> str:
        return self.run_ids[-1]

    @property
    def run_folder(self) -> Path:
        return self.folder / "runs" / self.run_id

    @property
    def key(self) -> Path:
        return self.folder / "keys" / f"{self.run_id}.key"

    @property
    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run_folder / "journal.jsonl").read_text().splitlines()]

    @property
    def recorded(self) -> tuple[tuple[str, str], ...]:
        """The journal's kinds and steps, '' where a record is no step's."""
        return tuple((record["kind"], record.get("step", "")) for record in self.journal)

    def world(self) -> World:
        """All there is, without what differs between any two runs: ids, MACs of staging, leases, times."""
        self.lab.settle()
        vms = state.read(self.lab.folder)[1]["vms"]
        known = {vm["name"]: self._vm(identity, vm) for identity, vm in vms.items()}
        return {("old" if name == self.lab.old_name else "new"): vm for name, vm in known.items()}

    def everything(self) -> dict[str, bytes]:
        """Every byte of the lab: hypervisor.json and all files of all guests."""
        self.lab.settle()
        return {
            str(path.relative_to(self.lab.folder)): path.read_bytes()
            for path in self.lab.folder.rglob("*")
            if path.is_file() and path.name not in (state.SETTLED, sshd.LOG)  # the watcher's own, the stand-in's own
        }

    def live(self) -> list[str]:
        """The VMs that run and are plugged in to the live network: 'old', 'new'."""
        return [
            name
            for name, vm in self.world().items()
            if vm["power"] == "running" and (self.lab.lan, True, True) in vm["nics"]
        ]

    def answers_the_world(self) -> bool:
        """Whether mail from anywhere is taken at the gateway's address."""
        elsewhere = ("127.0.0.2", 0)  # to a guest's firewall this is not the workstation
        try:
            with smtplib.SMTP(self.lab.address, self.lab.smtp_port, "localhost", 30, elsewhere) as client:
                return client.ehlo()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def console_answers_the_world(self) -> bool:
        """Whether a browser elsewhere reaches the console at the gateway's address: an isolated one, or a closed one,
        ends the connection.
        """
        at = (self.lab.address, self.lab.console_port)
        try:
            with socket.create_connection(at, 30, ("127.0.0.2", 0)) as plain:
                context = ssl._create_unverified_context()  # noqa: S323 -- whose it is does not matter here
                with context.wrap_socket(plain) as tls:
                    return tls.version() is not None
        except OSError:
            return False

    def new_vm(self) -> dict[str, Any]:
        vms = state.read(self.lab.folder)[1]["vms"]
        return next({"id": one, **vm} for one, vm in vms.items() if one != self.lab.old_id)

    def old_boot(self) -> str:
        """Another value after each boot of the old VM."""
        return self.lab.root_of(self.lab.old_id).text("/proc/sys/kernel/random/boot_id")

    def conflicts(self) -> list[str]:
        """Each time two live guests bore one identity."""
        return self.lab.conflicts()

    # ---- within ----------------------------------------------------------------------------------------------

    def _folders(self) -> dict[str, str]:
        return {
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "VMMIGRATE_RUNS_FOLDER": str(self.folder / "runs"),
            "VMMIGRATE_KEYS_FOLDER": str(self.folder / "keys"),
        }

    def _settings(self, more: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        lab = self.lab
        given: dict[str, Any] = {
            "hypervisor": {"store": lab.store},
            "old": {
                "address": lab.address,
                "smtp_port": lab.smtp_port,
                "ssh": {"port": lab.ssh_port, "host_key": lab.host_key},
            },
            "new": {"staging": lab.staging, "ssh": {"port": lab.ssh_port}},
            "switch": {"accept": "main-cf,maps,first-password"},  # what every migration of this lab leaves
            "outage": {"watch": False},  # it would be one more client of every guest
            "limits": {"drain": 0.3, "network": 20, "boot": 30, "restart": 30, "answer": 10},
        }
        return merged(merged(given, self.standing), more)

    def _vm(self, identity: str, vm: dict[str, Any]) -> dict[str, Any]:
        kept = ("power", "vcpus", "memory", "machine", "domain_type", "autostart", "complete", "booted")
        root = Path(self.lab.root_of(identity).at("/"))
        return {
            **{key: vm[key] for key in kept},
            "notes": self._anonymous(vm["notes"]),
            "nics": [(nic["network"], nic["link_up"], nic["stored_link_up"]) for nic in vm["nics"]],
            "volumes": len(vm["volumes"]),
            "files": {name: self._anonymous(text) for name, text in self._files(root)},
        }

    def _files(self, root: Path) -> list[tuple[str, str]]:
        """What the program could have changed in a guest. Salted, or a digest of what is: only that it is there."""
        found = []
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if not path.is_file() or VOLATILE.search(name):
                continue
            data = b"" if name.endswith((".p12", "vmmigrate-tls.json")) else path.read_bytes()
            found.append((name, data.decode(errors="replace")))
        return found

    def _anonymous(self, text: str) -> str:
        text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN", text)
        text = text.replace(self.lab.lan_net, "LAN.").replace(self.lab.staging_net, "STAGING.")
        return re.sub(r"STAGING\.\d+", "STAGING.N", text)


VOLATILE = re.compile(r"boot_id$|ssh_host_|^run/|^tmp/|/log/|sessions|\.pid$")


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings, those of `over` first."""
    both = {key: merged(under[key], over[key]) for key in under.keys() & over.keys() if isinstance(over[key], Mapping)}
    return {**under, **over, **both}


def _as_environment(prefix: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings as the program's variables: old.ssh.port is VMMIGRATE_OLD__SSH__PORT."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{prefix}{key.upper()}"
        found |= _as_environment(name + "__", value) if isinstance(value, Mapping) else {name: str(value)}
    return found


def assert_same(world: World, expected: World) -> None:
    """Compared piece by piece, so that a failure shows the piece."""
    assert world.keys() == expected.keys()
    for name, vm in world.items():
        assert _without_files(vm) == _without_files(expected[name])
        assert vm["files"] == expected[name]["files"]


def _without_files(vm: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in vm.items() if key != "files"}
