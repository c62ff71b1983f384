"""A new VM that never boots: the wait for it ends with what was guessed of its hardware."""

from pathlib import Path
from typing import Any, cast

import pytest
from small_plan import LAN, PLAN

from fixtures.memory import MemoryHypervisor, add_vm, create_lab
from hypervisors import Clock, NicSpec, Pace, PowerState, TimedOut
from vmmigrate.events import silent
from vmmigrate.facts import NewVm
from vmmigrate.learnt import Facts, group_to_json
from vmmigrate.run.clocks import Clocks
from vmmigrate.run.stage import Run
from vmmigrate.settings.models import Settings
from vmmigrate.steps import ready

MAC = "52:54:00:00:00:02"


class Ticking:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


GUESSED = (
    " If it never booted: firmware bios was guessed from the old VM, disk bus virtio was guessed from the old VM: "
    "set new.firmware or new.disk_bus."
)


@pytest.mark.parametrize(
    ("said", "guessed"),
    [({}, GUESSED), ({"firmware": "bios", "disk_bus": "virtio"}, "")],
    ids=["guessed", "said"],
)
def test_what_was_guessed_is_the_hint(tmp_path: Path, said: dict[str, str], guessed: str) -> None:
    create_lab(tmp_path, networks=[{"name": LAN.name, "kind": LAN.kind, "active": True}])
    clock = Ticking()
    new = NewVm(add_vm(tmp_path, "new", [NicSpec(LAN, MAC, True)], tag="run1"), "52:54:00:00:00:01", MAC)
    run = Run(
        run_id="run1",
        rundir=cast(Any, None),
        plan=PLAN,
        settings=Settings.model_validate({"new": said}),
        hypervisor=MemoryHypervisor(tmp_path),
        doors=cast(Any, None),
        emit=silent,
        clocks=Clocks(wall=clock.now),
        pace=Pace(Clock(clock.now, clock.sleep)),
        facts=Facts().with_json(*group_to_json(new)),
    )
    with pytest.raises(TimedOut) as caught:
        ready.do(run)
    assert run.hypervisor.power_state(run.facts.of(NewVm).vm) is PowerState.RUNNING
    assert str(caught.value).startswith("waited 300 s for the new VM's address on staging")
    operator = " If the hypervisor cannot find the address, set new.staging_address."
    assert caught.value.hint == f"{ready.BOOTS}{guessed}{operator}"
