"""NICs that others change at a bad moment, and a new gateway that is put back: no act of ours leaves nobody live."""

import shutil
from typing import Any

import pytest

from fixtures.appliance import state
from hypervisors import VmRef
from tests.journey import moving
from tests.journey.conftest import Worlds
from tests.journey.story import ATTENTION, DONE, KILLED, WENT_BACK, Stop, Story, assert_same

pytestmark = pytest.mark.slow
UNPLUGGED: Stop = ("SIGKILL", "after", ("done", "switch"))  # nobody takes mail


def live_nic(story: Story, now: dict[str, Any], vm: VmRef) -> dict[str, Any]:
    nics: list[dict[str, Any]] = now["vms"][vm.id]["nics"]
    return next(nic for nic in nics if nic["network"] == story.lab.lan)


def change(story: Story, vm: VmRef, **fields: object) -> None:
    """Of its live NIC."""
    with state.edit(story.lab.folder) as now:
        live_nic(story, now, vm).update(fields)
    story.lab.settle()


ELSEWHERE = {"mac": "52:54:00:99:99:99"}, {"network": "staging"}


def test_an_old_vm_with_a_second_plugged_in_nic_is_not_down(story: Story) -> None:
    """The first one is, and was all that was read."""
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    with state.edit(story.lab.folder) as now:
        nics = now["vms"][story.lab.old_id]["nics"]
        nics.append({**live_nic(story, now, moving.old(story)), "link_up": True, "stored_link_up": True})
    told = story.resume()
    story.lab.settle()
    assert (told.status, moving.live_names(story)) == (WENT_BACK, ["mailgw"]), told.err
    assert "mailgw could be live beside the other: set its link down" in told.err
    assert f"vmmigrate resume {story.run_id}" in told.err


@pytest.mark.parametrize("fields", ELSEWHERE, ids=["another MAC", "another network"])
@pytest.mark.parametrize("flags", [(), ("--links-only",)], ids=["whole", "links"])
def test_a_live_gateway_is_not_closed_for_an_old_vm_that_could_not_be_plugged_in(
    story: Story, fields: dict[str, str], flags: tuple[str, ...], undisturbed: Worlds
) -> None:
    assert story.migrate().status == DONE
    mac = story.lab.vm(story.lab.old_id)["nics"][0]["mac"]
    change(story, moving.old(story), **fields)
    told = story.rollback(*flags)
    assert told.status == ATTENTION
    assert f"the NIC {mac} of mailgw: expected on lan" in told.err
    assert told.out.splitlines()[-1].startswith(f"MAIL: flowing through {moving.new(story).name}")
    assert story.answers_the_world()
    with state.edit(story.lab.folder) as now:
        now["vms"][story.lab.old_id]["nics"][0].update(mac=mac, network=story.lab.lan)
    assert_same(story.world(), undisturbed.migrated)
    assert story.rollback().status == DONE


@pytest.mark.parametrize("fields", ELSEWHERE, ids=["another MAC", "another network"])
def test_in_the_switch_the_new_vm_is_kept_until_the_old_one_can_be_plugged_in(
    story: Story, fields: dict[str, str], undisturbed: Worlds
) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    mac = story.lab.vm(story.lab.old_id)["nics"][0]["mac"]
    change(story, moving.old(story), **fields)
    told = story.rollback()
    assert told.status == ATTENTION
    assert f"the NIC {mac} of mailgw: expected on lan" in told.err
    assert "MAIL: DOWN since" in told.out.splitlines()[-1]
    assert moving.new(story).name == f"mailgw-{story.run_id}"
    with state.edit(story.lab.folder) as now:
        now["vms"][story.lab.old_id]["nics"][0].update(mac=mac, network=story.lab.lan)
    assert story.rollback().status == DONE
    assert_same(story.world(), undisturbed.before)


def test_a_new_vm_that_has_lost_its_nic_is_not_called_deleted(story: Story) -> None:
    assert story.migrate().status == DONE
    change(story, moving.new(story), mac="52:54:00:99:99:99")
    first, *lines = story.command("status", story.run_id).out.splitlines()
    assert first.startswith("MAIL: not looked at: somebody greets at ")  # by that MAC, for all that is known
    assert f"{moving.new(story).name} has no NIC with its MAC" in first
    offered = [line for line in lines if line.startswith("next: ")]
    assert [f"vmmigrate rollback {story.run_id}" in line for line in offered] == [True]
    told = story.rollback()
    assert told.status == DONE
    assert "new VM: there, without its NIC: check it" in told.out
    assert story.answers_the_world()


def test_an_old_vm_that_was_restored_under_another_id_is_named(story: Story) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    restored = moving.clone(story, moving.old(story), "restored", power="off")
    moving.delete(story, moving.old(story))
    for told in (story.rollback(), story.resume()):
        assert told.status == ATTENTION
        assert f"seen: deleted; its MAC has restored ({restored.id}) now" in told.err
        assert "by hand, in this order" not in told.err
    seen = story.command("status", story.run_id).out
    assert "next:" not in seen
    assert "vmmigrate rollback" not in seen.splitlines()[0]


def test_a_new_gateway_that_was_put_back_to_before_its_opening_is_not_finished_with(story: Story) -> None:
    """It greets this workstation, and nobody else."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "verify-live"))).status == KILLED
    root, kept = story.lab.root_of(moving.new(story).id).at("/"), story.folder / "snapshot"
    shutil.copytree(root, kept, symlinks=True)
    assert story.resume().status == DONE
    moving.switch_off(story, moving.new(story))
    shutil.rmtree(root)
    shutil.copytree(kept, root, symlinks=True)
    moving.switch_on(story, moving.new(story))
    assert not story.answers_the_world()
    told = story.finish()
    assert told.status == ATTENTION
    assert "expected open; seen: isolated: it lets only this workstation in" in told.err
    assert story.lab.vm(story.lab.old_id)["power"] == "running"
    assert story.rollback().status == DONE
    assert story.answers_the_world()


# ---- in another network --------------------------------------------------------------------------------------


def test_the_old_one_is_not_closed_for_a_new_vm_that_nobody_would_hear(story: Story, undisturbed: Worlds) -> None:
    """It was moved after it was prepared: plugged in there it is at the address, and in nobody's network."""
    assert story.prepare().status == DONE
    change(story, moving.new(story), network=story.lab.staging)
    told = story.cutover()
    assert told.status == WENT_BACK, told.out
    assert f"the network of the live NIC of {moving.new(story).name}: expected lan; seen: staging" in told.err
    assert ("done", "close-intake") not in story.recorded
    assert (moving.live_names(story), story.answers_the_world()) == (["mailgw"], True)
    with state.edit(story.lab.folder) as now:
        now["vms"][moving.new(story).id]["nics"][0]["network"] = story.lab.lan
    assert story.cutover().status == DONE
    assert_same(story.world(), undisturbed.migrated)


def test_finish_keeps_the_old_one_where_another_greets_for_the_new(story: Story) -> None:
    assert story.migrate().status == DONE
    change(story, moving.new(story), network=story.lab.staging)
    told = story.finish()
    assert told.status == ATTENTION, told.out
    assert f"the network of the live NIC of {moving.new(story).name}: expected lan; seen: staging" in told.err
    assert story.world()["old"]["power"] == "running"
    assert story.rollback().status == DONE
    assert story.live() == ["old"]
