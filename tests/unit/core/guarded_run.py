"""A run over a hypervisor in a file, with an old and a new machine, for what guards see of them."""

import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from small_plan import LAN, PLAN

from fixtures.appliance import state
from fixtures.memory import MemoryHypervisor, add_vm, create_lab
from fixtures.ports import free_port
from hypervisors import NicSpec, VmRef
from vmmigrate.doors import Doors
from vmmigrate.events import Event, StepRemark
from vmmigrate.facts import Claim, Intake, NewVm, Plugged
from vmmigrate.learnt import Facts, group_to_json
from vmmigrate.run.clocks import THIS_MACHINE
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.stage import Run
from vmmigrate.settings.load import load
from vmmigrate.settings.secrets import ProcessSecrets

MAC = PLAN.identity.mac
HOST = "127.0.77.1"


@dataclass
class Bench:
    """`old` runs, plugged in; `new` runs, unplugged, with the tag of r1."""

    folder: Path
    hypervisor: MemoryHypervisor
    old: VmRef
    new: VmRef
    events: list[Event] = field(default_factory=list)

    def run(self, run_id: str = "r1", *facts: object, hypervisor: MemoryHypervisor | None = None) -> Run:
        settings = load(None, {"old": {"smtp_port": free_port()}, "new": {"ssh": {"port": free_port()}}}, {})
        identity = replace(PLAN.identity, address=f"{HOST}/8")
        run = Run(
            run_id=run_id,
            rundir=RunDir(self.folder / "runs" / run_id, self.folder / "keys" / run_id),
            plan=replace(PLAN, old=self.old, identity=identity),
            settings=settings,
            hypervisor=hypervisor or self.hypervisor,
            doors=Doors(settings, ProcessSecrets({}).of(settings)),
            emit=self.events.append,
            clocks=THIS_MACHINE,
            workstation=lambda: f"the workstation of {run_id}",
        )
        for fact in facts:
            run.facts = run.facts.with_json(*group_to_json(fact))
        run.enter("step", lambda value: self._learn(run, value), leave_behind=False)
        return run

    def switched(self, run_id: str = "r1") -> Run:
        """As in the switch, or after it."""
        claim = Claim("", autostart=False)
        return self.run(run_id, claim, NewVm(self.new, MAC, "52:54:00:00:00:02"), Intake(1.0), Plugged(MAC, True, True))

    def _learn(self, run: Run, value: object) -> None:
        run.facts = run.facts.with_json(*group_to_json(value))

    def link(self, vm: VmRef, *, up: bool) -> None:
        self.hypervisor.set_nic(vm, MAC, link_up=up)

    def another(self, name: str = "clone", *, power: str = "running") -> VmRef:
        """As somebody cloned it, plugged in."""
        return add_vm(self.folder, name, [NicSpec(LAN, MAC, link_up=True)], power=power)

    def edit(self, vm: VmRef, **fields: Any) -> None:
        with state.edit(self.folder) as now:
            now["vms"][vm.id].update(fields)

    def notes(self) -> str:
        return self.hypervisor.inventory(self.old).notes

    def remarks(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, StepRemark)]


def bench(folder: Path) -> Bench:
    create_lab(folder)
    old = add_vm(folder, "mailgw", [NicSpec(LAN, MAC, link_up=True)], power="running")
    new = add_vm(folder, "mailgw-2", [NicSpec(LAN, MAC, link_up=False)], power="running", tag="r1")
    return Bench(folder, MemoryHypervisor(folder), old, new)


def listening(run: Run) -> socket.socket:
    """Somebody at the live address who takes mail."""
    return socket.create_server((HOST, run.settings.old.smtp_port))


def facts_of(*values: object) -> Facts:
    facts = Facts()
    for value in values:
        facts = facts.with_json(*group_to_json(value))
    return facts
