"""`update --vm` where the gateway is a machine of the stand-in Hyper-V host: its snapshot is a Standard checkpoint."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.appliance import state
from fixtures.hyperv import lab
from fixtures.packagehost import database, machine
from fixtures.packagehost.host import DEBIAN, Kind
from hypervisors import VmRef
from tests.journey.hyperv_story import NEEDS
from tests.journey.story import DONE, KILLED, REFUSED, WENT_BACK
from tests.journey.updating import Tale, failing, is_new

pytestmark = [
    *NEEDS,
    pytest.mark.skipif(database.programs() is None, reason="needs PostgreSQL"),
]
_FAILS = {"postinst": "#!/bin/sh\nexit 1\n"}
Begin = Callable[[str], tuple[Tale, VmRef]]


@pytest.fixture
def begin(tell_host: Callable[[Kind], Tale]) -> Iterator[Begin]:
    """A host whose machine has checkpoints of that type."""
    with contextlib.ExitStack() as stack:

        def begin(checkpoint_type: str) -> tuple[Tale, VmRef]:
            tale = tell_host(DEBIAN)
            folder = tale.host.folder / "hypervisor"
            vm = machine.add_hyperv_machine(folder, tale.disk, checkpoint_type)
            way = stack.enter_context(lab.reached(folder))
            tale.settings |= {
                "VMMIGRATE_HYPERVISOR__URL": way.url,
                "VMMIGRATE_HYPERVISOR__HOST_KEY": way.host_key.strip(),
                "VMMIGRATE_HYPERVISOR__KEY_FILE": str(way.key),
            }
            return tale, vm

        yield begin


def checkpoints(tale: Tale, vm: VmRef) -> list[str]:
    return list(state.read(tale.host.folder / "hypervisor")[1]["vms"][vm.id].get("snapshots", {}))


@pytest.mark.long
def test_an_update_keeps_its_checkpoint_until_it_is_finished(begin: Begin) -> None:
    tale, vm = begin("Standard")
    told = tale.update(vm=vm)
    assert told.status == DONE, told.err
    assert is_new(tale)
    assert len(checkpoints(tale, vm)) == 1
    assert tale("finish", tale.run_id, "--yes").status == DONE
    assert checkpoints(tale, vm) == []


def test_a_failure_goes_back_by_the_checkpoint_and_leaves_none(begin: Begin, tmp_path: Path) -> None:
    """No package of the installed release is left: by packages alone it could not."""
    tale, vm = begin("Standard")
    for path in (tale.host.root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    before = tale.world()
    told = tale.update(packages=failing(tmp_path / "new", {"djigzo-web": _FAILS}), vm=vm)
    assert told.status == WENT_BACK, told.err
    assert tale.world() == before
    assert checkpoints(tale, vm) == []


@pytest.mark.long
def test_killed_with_its_checkpoint_made_it_goes_back_by_it(begin: Begin, tmp_path: Path) -> None:
    tale, vm = begin("Standard")
    before = tale.world()
    bad = failing(tmp_path / "new", {"djigzo": _FAILS})
    assert tale.update(stop=("SIGKILL", "after", ("learnt", "install")), packages=bad, vm=vm).status == KILLED
    assert len(checkpoints(tale, vm)) == 1
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.world() == before
    assert checkpoints(tale, vm) == []


def test_a_machine_whose_checkpoints_lack_its_memory_is_refused_with_the_command(begin: Begin) -> None:
    tale, vm = begin("Production")
    before = tale.world()
    told = tale.update(vm=vm)
    assert told.status == REFUSED, told.err
    assert "Set-VM -Name 'packaged' -CheckpointType Standard" in told.err + told.out
    assert tale.world() == before
    assert not (tale.host.folder / "runs").exists()
