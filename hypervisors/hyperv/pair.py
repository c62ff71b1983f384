"""The two machines of a probe, and each thing that is tried with them: what is seen is answered in a few words."""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypervisors import qemu_img
from hypervisors.hyperv import machines, nics, notes, power, reading, removing, sending, starting
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.session import Session
from hypervisors.types import NOWHERE, Network, PowerState, VmRef, no_progress

VLAN = 30
_MEMORY = 64 << 20  # bytes
_DISK = 1 << 20  # bytes
TEXT = "\u00fc" + "notes of some length, " * 90 + "\nand a second line"  # about as long as a claim with a reason
_NOT_READY = {-1, 32775, 32780}  # what the shutdown component says while nothing boots there: power.py
NAMES = {generation: f"{notes.ABOVE}probe-{generation}" for generation in (1, 2)}
_PLAIN = {
    "dynamic_memory": False,
    "memory_minimum": _MEMORY,
    "memory_maximum": _MEMORY,
    "memory": _MEMORY,
    "stop_action": "TurnOff",
    "checkpoint_type": "Disabled",
    "compatible_processor": False,
    "nested": False,
    "reserve": 0,
    "maximum": 100,
    "weight": 100,
    "processors": 1,
    "secure_boot": "Off",
    "template": "",
}


@dataclass
class Pair:
    """The two machines. They have one MAC, which is locally administered, on a switch of their own."""

    session: Session
    run_id: str
    store: str
    switch: str
    disk: Path  # a file of this workstation, to be sent
    mac: str = field(default_factory=lambda: f"02{secrets.token_hex(5)}")
    spare: str = field(default_factory=lambda: f"02{secrets.token_hex(5)}")
    made: dict[int, VmRef] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        return Network(f"{notes.ABOVE}{self.run_id}", reading.KIND, id=self.switch, vlan=VLAN)

    @property
    def folder(self) -> str:
        return f"{self.store}\\{notes.ABOVE}{self.run_id}"

    def name(self, generation: int) -> str:
        return NAMES[generation]

    def nic(self, generation: int) -> Facts:
        """As the host shows it now. Raises NotFound."""
        facts = machines.one(self.session, self.made[generation])
        return reading.nic_facts(facts, _spaced(self.mac)) or {}


@contextmanager
def disk_to_send() -> Iterator[Path]:
    """An empty one. Raises NotSupported, NoRoom, HypervisorError: of this workstation."""
    with tempfile.TemporaryDirectory(prefix="vmmigrate.") as private:
        disk = Path(private, "probe.vhdx")
        qemu_img.make_empty(disk, "vhdx", _DISK)
        yield disk


def _make(pair: Pair, generation: int, nics_wanted: list[dict[str, Any]]) -> Facts:
    """A machine without a disk; as the host shows it."""
    name = pair.name(generation)
    line = notes.line_of(pair.run_id, "<id>", complete=False)
    with door(f"definition of {name}"):
        asked: dict[str, Any] = {**_PLAIN, "folder": pair.folder, "name": name, "notes": line, "nics": nics_wanted}
        made = pair.session.ask("create", **asked, generation=generation)
    pair.made[generation] = reading.ref_of(made)
    return machines.one(pair.session, pair.made[generation])


def _wanted(pair: Pair, mac: str, *, connected: bool) -> dict[str, Any]:
    return {"mac": mac, "connected": connected, "switch_id": pair.switch, "vlan": VLAN, "spoofing": "On"}


def make_first(pair: Pair) -> str:
    facts = _make(pair, 1, [_wanted(pair, pair.mac, connected=True)])
    wrong = [
        *([] if reading.is_of(facts, pair.run_id) else ["its notes do not say whose it is"]),
        *([] if reading.of(facts, "path", str) == f"{pair.folder}\\{pair.name(1)}" else [f"it is in {facts['path']}"]),
        *_other_nic(pair, reading.nic_facts(facts, _spaced(pair.mac))),
    ]
    return "; ".join(wrong) or "yes"


def _other_nic(pair: Pair, nic: Facts | None) -> list[str]:
    if nic is None:
        return ["its NIC has another MAC"]
    dynamic = ["its MAC is dynamic"] if reading.of(nic, "dynamic_mac", bool) else []
    network = reading.network_of(nic)
    return dynamic + ([] if network == pair.network else [f"its NIC is in {network}"])


def make_second(pair: Pair) -> str:
    _make(pair, 2, [_wanted(pair, pair.mac, connected=False), _wanted(pair, pair.spare, connected=False)])
    return "yes"


def give_disks(pair: Pair) -> str:
    """One that was converted and sent, one that is made there."""
    path = f"{pair.folder}\\{pair.name(1)}\\probe.vhdx"
    sending.send(pair.session, pair.disk, f"{path}.part", no_progress)
    with door(f"disk of {pair.name(1)}"):
        asked: dict[str, Any] = {"vm": pair.made[1].id, "uploaded": f"{path}.part", "path": path}
        pair.session.ask("attach", **asked, controller="IDE", location=0)
    with door(f"disk of {pair.name(2)}"):
        asked = {"vm": pair.made[2].id, "path": f"{pair.folder}\\{pair.name(2)}\\probe.vhdx", "size": _DISK << 2}
        pair.session.ask("empty-disk", **asked, controller="SCSI", location=1)
    disks = [len(reading.each(machines.details(pair.session, pair.made[each]), "disks")) for each in (1, 2)]
    return "yes" if disks == [1, 1] else f"they have {disks[0]} and {disks[1]}"


def start(generation: int) -> Callable[[Pair], str]:
    def start(pair: Pair) -> str:
        power.switch_on(pair.session, pair.made[generation])
        state = reading.of(machines.one(pair.session, pair.made[generation]), "state", str)
        return "yes" if state == "Running" else state

    return start


def hand_over(old: int, new: int) -> Callable[[Pair], str]:
    """Both run, as at a switch: the one is disconnected, the other connected."""

    def hand_over(pair: Pair) -> str:
        nics.set_nic(pair.session, pair.made[old], _spaced(pair.mac), False, None)
        nics.set_nic(pair.session, pair.made[new], _spaced(pair.mac), True, pair.network)
        there = [reading.network_of(pair.nic(each)) for each in (old, new)]
        return "yes" if there == [NOWHERE, pair.network] else f"{there[0]}, {there[1]}"

    return hand_over


def down_has_switch(pair: Pair) -> str:
    return str(pair.nic(1).get("switch") or "none")


def down_keeps(pair: Pair) -> str:
    nic = pair.nic(1)
    return f"VLAN {nic.get('vlan')}, spoofing {nic.get('spoofing')}"


def keeps_mac(pair: Pair) -> str:
    return (
        "; ".join(_other_nic(pair, reading.nic_facts(machines.one(pair.session, pair.made[1]), _spaced(pair.mac))))
        or "yes"
    )


def remove_running_nic(pair: Pair) -> str:
    nics.remove_nic(pair.session, pair.made[2], _spaced(pair.spare), pair.run_id)
    left = reading.nic_facts(machines.one(pair.session, pair.made[2]), _spaced(pair.spare))
    return "yes" if left is None else "it is still there"


def write_notes(pair: Pair) -> str:
    vm = pair.made[2]
    before = notes.folded(reading.of(machines.one(pair.session, vm), "notes", str))
    with door(f"notes of {vm.name}"):
        pair.session.ask("set-notes", vm=vm.id, notes=notes.with_text(before, TEXT), over=before)
    now = machines.one(pair.session, vm)
    text = notes.text_of(reading.of(now, "notes", str))
    if not reading.is_of(now, pair.run_id):
        return "the run's mark is lost"
    return "yes" if text == TEXT else f"{len(text)} characters of {len(TEXT)}"


def set_autostart(pair: Pair) -> str:
    starting.switch(pair.session, pair.made[1], True, "Start:30")
    now = machines.details(pair.session, pair.made[1])
    return f"{now.get('start_action')}:{now.get('start_delay')}"


def ask_shutdown(pair: Pair) -> str:
    """Nothing boots there, so nobody can hear it."""
    with door(f"shutdown of {pair.made[1].name}"):
        result = reading.of(pair.session.ask("shut-down", vm=pair.made[1].id), "result", int)
    return "nobody hears it" if result in _NOT_READY else f"the component answered {result}"


def save(pair: Pair) -> str:
    vm = pair.made[2]
    with door(f"saving of {vm.name}"):
        pair.session.ask("save", vm=vm.id, tag=notes.prefix_of(pair.run_id, vm.id))
    return reading.of(machines.one(pair.session, vm), "state", str)


def remove_saved(pair: Pair) -> str:
    return _removed(pair, 2)


def remove_running(pair: Pair) -> str:
    power.cut(pair.session, pair.made[1], pair.run_id)
    if reading.power_of(machines.one(pair.session, pair.made[1])) is not PowerState.OFF:
        return "it is not off"
    return _removed(pair, 1)


def _removed(pair: Pair, generation: int) -> str:
    removing.destroy(pair.session, pair.made[generation], pair.run_id)
    return "yes" if machines.one_or_none(pair.session, pair.made[generation]) is None else "it is still there"


def _spaced(mac: str) -> str:
    return ":".join(mac[at : at + 2] for at in range(0, 12, 2))
