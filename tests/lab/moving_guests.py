"""What others do to the lab's real guests and their hypervisor between two commands."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt
from migrating import SIGKILLED, ended_name, migrate, run_of, vmmigrate

from fixtures import lab as labs
from fixtures.demo.worlds import CHECKOUT, RealGuests, environment, world_of
from fixtures.lab import Lab, daemon
from fixtures.lab.places import LAN
from hypervisors import Inventory, NotYet, PowerState, connect

CLAIM = "[vmmigrate]"


@dataclass
class Hands:
    """A person at the hypervisor, by another name than the program's."""

    uri: str

    @contextlib.contextmanager
    def hypervisor(self) -> Iterator[Any]:
        with contextlib.closing(connect(self.uri)) as made:
            yield made

    def plug(self, name: str, *, up: bool) -> None:
        with self.hypervisor() as hypervisor:
            vm = hypervisor.find(name)
            nic = next(nic for nic in hypervisor.inventory(vm).nics if nic.network.name == LAN)
            hypervisor.set_nic(vm, nic.mac, link_up=up)

    def live(self) -> list[str]:
        """The names of those that run and are plugged in to the live network."""
        with self.hypervisor() as hypervisor, self._libvirt() as connection:
            found = [hypervisor.find(domain.name()) for domain in connection.listAllDomains()]
            return sorted(vm.name for vm in found if _is_live(hypervisor.inventory(vm)))

    def remove_the_claim(self, name: str) -> None:
        with self.hypervisor() as hypervisor:
            vm = hypervisor.find(name)
            lines = hypervisor.inventory(vm).notes.splitlines()
            hypervisor.set_notes(vm, "\n".join(line for line in lines if not line.startswith(CLAIM)))

    def reset(self, name: str) -> None:
        """The guest starts again; its links stay as they are."""
        with self._libvirt() as connection:
            connection.lookupByName(name).reset()

    def start_with_the_host(self, name: str) -> None:
        with self._libvirt() as connection:
            connection.lookupByName(name).setAutostart(True)

    def reboot_the_host(self) -> list[str]:
        """All domains go off; those with autostart come back. Their names."""
        with self._libvirt() as connection:
            domains = connection.listAllDomains()
            for domain in domains:
                with contextlib.suppress(libvirt.libvirtError):  # it is off
                    domain.destroy()
            started = [domain for domain in domains if domain.autostart()]
            for domain in started:
                domain.create()
            return sorted(domain.name() for domain in started)

    @contextlib.contextmanager
    def _libvirt(self) -> Iterator[libvirt.virConnect]:
        connection = libvirt.open(self.uri)
        try:
            yield connection
        finally:
            connection.close()


def _is_live(machine: Inventory) -> bool:
    return machine.power is PowerState.RUNNING and any(nic.link_up for nic in machine.nics if nic.network.name == LAN)


# ---- libvirtd ------------------------------------------------------------------------------------------------


def restart_libvirtd(uri: str) -> None:
    def look() -> None:
        try:
            libvirt.open(uri).close()
        except libvirt.libvirtError as error:
            raise NotYet(str(error)) from error

    daemon.restart_libvirtd(labs.folders(), look)


@contextlib.contextmanager
def hung_libvirtd() -> Iterator[None]:
    process = daemon.libvirtd(labs.folders())
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


# ---- a command that stands still ----------------------------------------------------------------------------


@dataclass
class Standing:
    """A command that has stopped itself."""

    process: "subprocess.Popen[str]"

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def ended(self) -> tuple[int, str]:
        """Exit code and standard output."""
        out, _ = self.process.communicate()
        return self.process.returncode, out


def until_it_stands(guests: RealGuests, *argv: str, driver: tuple[str, ...]) -> Standing:
    """`vmmigrate ARGV`, begun, up to the SIGSTOP that the driver sends; nsenter stops with its child."""
    process = subprocess.Popen(
        guests.command(*argv, driver=driver), env=environment(guests), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 600
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert process.poll() is None, "it ended instead"
        assert time.monotonic() < deadline, "it does not stop"
        time.sleep(0.05)
    return Standing(process)


# ---- one run, from test to test ------------------------------------------------------------------------------


def killed_after(step: str, kind: str = "done") -> tuple[str, ...]:
    return ("--after", kind, step, "SIGKILL")


class Migration:
    """One run, from test to test."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.guests, self.hands, self.run = world_of(lab, folder), Hands(lab.socket_uri), ""
        (folder / "vmmigrate.toml").write_text(self.guests.settings())
        self.before, self.things = self.guests.look(self.guests.old), self.guests.things()

    @property
    def old(self) -> str:
        return self.guests.old_vm

    @property
    def new(self) -> str:
        return ended_name(self.guests)

    def begin(self, driver: tuple[str, ...]) -> None:
        status, events = migrate(self.guests, driver)
        assert status == SIGKILLED, events[-3:]
        self.run = run_of(events)

    @property
    def recorded(self) -> list[str]:
        """Each record as "kind step", and what a look saw that did not hold."""
        journal = (self.guests.folder / "runs" / self.run / "journal.jsonl").read_text().splitlines()
        return [_in_words(json.loads(line)) for line in journal]

    def resume(self, *driver: str) -> tuple[int, str]:
        """Exit code, and all that was shown and recorded."""
        status, events = vmmigrate(self.guests, "resume", self.run, driver=driver)
        return status, "\n".join(map(str, events))


def _in_words(record: dict[str, Any]) -> str:
    seen = [check["seen"] for check in record.get("checks", ()) if check["verdict"] != "pass"]
    return " ".join(filter(None, (record["kind"], record.get("step", ""), *seen)))
