"""The way back of the switch: the old gateway is as it was, whatever somebody did to it meanwhile."""

from pathlib import Path

from guarded_run import bench

from hypervisors import PowerState
from vmmigrate.steps import switch


def test_an_old_vm_that_is_off_is_started(tmp_path: Path) -> None:
    """A `finish` that was interrupted may have shut it down."""
    world = bench(tmp_path)
    world.link(world.old, up=False)
    world.link(world.new, up=True)
    world.edit(world.old, power="off")
    switch.undo(world.switched())
    [nic] = world.hypervisor.inventory(world.old).nics
    assert (world.hypervisor.power_state(world.old), nic.link_up) == (PowerState.RUNNING, True)
