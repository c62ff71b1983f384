"""Hypervisors that lack or do one thing, by name, for the child of the journeys."""

import functools
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, ClassVar

from fixtures.appliance import seed, state
from fixtures.memory import Entry, MemoryHypervisor
from hypervisors import (
    DeploySpec,
    HypervisorError,
    Network,
    NotSupported,
    ProgressListener,
    Ran,
    Store,
    Unreachable,
    VmRef,
)

SETTERS = {
    "start",
    "shut_down",
    "power_off",
    "set_nic",
    "remove_nic",
    "set_notes",
    "set_autostart",
    "deploy",
    "destroy",
}
SETTERS |= {"rename"}


class WithoutAgent(MemoryHypervisor):
    """Lacks the ability GuestAgent."""

    agent_answers = None  # type: ignore[assignment]
    read_guest_file = None  # type: ignore[assignment]


class SilentAgent(MemoryHypervisor):
    """Could ask a guest agent, but the image has none."""

    def agent_answers(self, vm: VmRef) -> bool:
        return False


class NoCommands(MemoryHypervisor):
    """The image's guest agent may run no commands, as on RHEL."""

    def _ran(self, vm: VmRef, argv: Sequence[str], given: bytes, timeout: float) -> Ran:
        raise NotSupported("guest-exec has been disabled", hint="permit it guest-exec")


class LoadsNoRules(MemoryHypervisor):
    """In its guests rules are said to be loaded, and are not."""

    def _ran(self, vm: VmRef, argv: Sequence[str], given: bytes, timeout: float) -> Ran:
        if any("nft -f" in word for word in argv):
            return Ran(0, b"", b"")
        return super()._ran(vm, argv, given, timeout)


class DiesBeforePlugging(MemoryHypervisor):
    """The process is killed when a link is to be set up: the other one's is down by then."""

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        if link_up:
            os.kill(os.getpid(), signal.SIGKILL)
        super().set_nic(vm, mac, link_up=link_up, network=network)


class Buggy(MemoryHypervisor):
    """What no adapter should raise."""

    def start(self, vm: VmRef) -> None:
        raise ZeroDivisionError("division by nothing")


class Watched(MemoryHypervisor):
    """Writes down what each call altered in the state of its machines: seen in that state, not by what was asked."""

    LOG = "hypervisor-altered.jsonl"

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return functools.partial(self._watched, found) if name in SETTERS else found

    def _watched(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        before = state.read(self.folder)[1]["vms"]
        try:
            return call(*arguments, **named)
        finally:
            after = state.read(self.folder)[1]["vms"]
            with (self.folder / self.LOG).open("a") as log:
                for vm in before.keys() | after.keys():
                    for what in _altered(before.get(vm), after.get(vm)):
                        log.write(json.dumps([vm, what]) + "\n")


def _altered(before: Entry | None, after: Entry | None) -> Iterator[str]:
    if before is None or after is None:
        yield "virtual machine"
        return
    for name in ("power", "notes", "autostart", "name"):
        if before[name] != after[name]:
            yield name
    nics = {nic["mac"]: nic for nic in before["nics"]}, {nic["mac"]: nic for nic in after["nics"]}
    for mac in nics[0].keys() | nics[1].keys():
        was, now = (each.get(mac) for each in nics)
        if was is None or now is None:
            yield f"NIC {mac}"
        elif before["power"] == after["power"] and (was["link_up"], was["stored_link_up"]) != (
            now["link_up"],
            now["stored_link_up"],
        ):
            yield f"link of {mac}"


class CtrlC(MemoryHypervisor):
    """Somebody presses Ctrl-C while the plan is made."""

    def stores(self) -> tuple[Store, ...]:
        os.kill(os.getpid(), signal.SIGINT)
        return super().stores()


class Line(MemoryHypervisor):
    """Over a line that breaks: a broken connection is of no use, and none can be made while it is away."""

    away_until: ClassVar[float] = 0.0
    again: ClassVar[set[str]] = set()  # what was cut once already

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._broken = False
        self._refuse_away()

    def _editing(self, vm: VmRef) -> AbstractContextManager[tuple[state.State, Entry]]:
        self._refuse_away()
        return super()._editing(vm)

    def _read(self) -> state.State:
        self._refuse_away()
        return super()._read()

    def _refuse_away(self) -> None:
        if self._broken or time.monotonic() < Line.away_until:
            raise Unreachable("the line is cut", hint="wait for it")

    def _cut(self, what: str, *, away: float = 0.0) -> None:
        """Once a process."""
        if what not in Line.again:
            Line.again.add(what)
            self._broken, Line.away_until = True, time.monotonic() + away
            self._refuse_away()


class LosesAnswers(Line):
    """Each kind of change is made, and the first time its answer is lost."""

    def deploy(self, spec: DeploySpec, progress: ProgressListener) -> VmRef:
        made = super().deploy(spec, progress)
        self._cut("deploy")
        return made

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        super().set_nic(vm, mac, link_up=link_up, network=network)
        self._cut(f"link {link_up}")

    def start(self, vm: VmRef) -> None:
        super().start(vm)
        self._cut("start")

    def set_autostart(self, vm: VmRef, autostart: bool, entry: str = "") -> None:
        super().set_autostart(vm, autostart, entry)
        self._cut(f"autostart {autostart}")

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        super().set_notes(vm, notes, over=over)
        self._cut("notes")

    def destroy(self, vm: VmRef, run_id: str) -> None:
        super().destroy(vm, run_id)
        self._cut("destroy")


class AwayInTheSwitch(Line):
    """As soon as the old VM is unplugged it is away for a second; nobody is live meanwhile."""

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        super().set_nic(vm, mac, link_up=link_up, network=network)
        self._cut("switch", away=1.0)


class AwayForGood(Line):
    """From then on it does not come back within the limit of this run."""

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        super().set_nic(vm, mac, link_up=link_up, network=network)
        self._cut("switch", away=3600.0)


class ActsLate(MemoryHypervisor):
    """A link-up of the new VM is given up, and done all the same: when the way back has plugged in the old one."""

    asked: ClassVar[list[tuple[VmRef, str]]] = []

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        if link_up and self._entry(vm)["tag"]:
            ActsLate.asked.append((vm, mac))
            raise HypervisorError("no answer for 60 s: given up", hint="is its daemon stuck?")
        super().set_nic(vm, mac, link_up=link_up, network=network)

    def set_autostart(self, vm: VmRef, autostart: bool, entry: str = "") -> None:
        """To give it back is the last act of the switch's undo, and not looked at for links."""
        super().set_autostart(vm, autostart, entry)
        while autostart and ActsLate.asked:
            late, mac = ActsLate.asked.pop()
            super().set_nic(late, mac, link_up=True)


class FillsTheDisk(MemoryHypervisor):
    """When the old VM is unplugged something takes all room on the disk of the runs."""

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        super().set_nic(vm, mac, link_up=link_up, network=network)
        if not link_up:
            with suppress(OSError), Path(os.environ["VMMIGRATE_RUNS_FOLDER"], "hog").open("ab", buffering=0) as hog:
                while hog.write(bytes(4096)) == 4096:
                    pass
            logging.getLogger("hypervisors").warning(
                "the disk is full %s", "x" * 4096
            )  # recorded: more than its page has


class OtherCertificate(MemoryHypervisor):
    """When the new VM is plugged in somebody replaces the certificate of its SMTP."""

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        super().set_nic(vm, mac, link_up=link_up, network=network)
        if link_up and self._entry(vm)["tag"]:
            (self._root(vm) / "etc/postfix/tls.pem").write_bytes(seed.fresh_smtp_pem())


class RenamesOff(MemoryHypervisor):
    """As libvirt: a machine that runs keeps its name."""

    renames_running = False


class LeasesAnew(MemoryHypervisor):
    """Its DHCP server has forgotten what it gave: whoever is started gets another address on staging."""

    def start(self, vm: VmRef) -> None:
        lease_anew(self.folder, vm)
        super().start(vm)


def lease_anew(folder: Path, vm: VmRef) -> None:
    """The address after the one that it has."""
    with state.edit(folder) as now:
        leases = now["vms"][vm.id].get("leases", {})
        for mac, address in leases.items():
            network, _, host = address.rpartition(".")
            leases[mac] = f"{network}.{int(host) + 1}"


class Hangs(MemoryHypervisor):
    """A call that never comes back, once there is the file `hangs` beside the lab: what it says which."""

    def _hang(self, call: str) -> None:
        wish = self.folder.with_name("hangs")
        if wish.exists() and wish.read_text() == call:
            wish.with_name("hanging").touch()
            ours, _theirs = socket.socketpair()
            ours.recv(1)  # as in a connection whose other end says nothing

    def stores(self) -> tuple[Store, ...]:
        self._hang("plan")
        return super().stores()

    def start(self, vm: VmRef) -> None:
        self._hang("start")
        super().start(vm)

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        self._hang("link up" if link_up else "link down")
        super().set_nic(vm, mac, link_up=link_up, network=network)


_ALL = {
    kind.__name__: kind
    for kind in (
        *(MemoryHypervisor, WithoutAgent, SilentAgent, NoCommands, LoadsNoRules, DiesBeforePlugging, Buggy, CtrlC),
        *(LosesAnswers, AwayInTheSwitch, AwayForGood, ActsLate, FillsTheDisk, OtherCertificate, LeasesAnew),
        *(RenamesOff, Hangs, Watched),
    )
}


def named(name: str) -> type[MemoryHypervisor]:
    return _ALL[name]
