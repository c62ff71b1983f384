"""Runs against the simulator that nobody disturbs: plan, migrate from VMDK and OVA, roll back, finish."""

import hashlib

import pytest

from fixtures.vsphere.lab import FOREIGN_MAC
from tests.journey.story import DONE, assert_same
from tests.journey.vsphere.conftest import Tell
from tests.journey.vsphere.story import VsphereStory

pytestmark = pytest.mark.vsphere


# ---- plan ----------------------------------------------------------------------------------------------------


def test_planning_calls_nothing_that_writes(story: VsphereStory) -> None:
    before, files = story.lab.simulator.machines(), story.files()
    story.lab.proxy.forget_calls()
    told = story.plan()
    assert (told.status, told.err) == (DONE, "")
    assert story.lab.proxy.writes() == {}
    assert story.lab.proxy.calls["RetrievePropertiesEx"] > 0
    assert story.lab.simulator.machines() == before
    assert (story.files(), story.run_ids) == (files, [])


# ---- migrate -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "form"), [("vpx", "vmdk"), ("esx", "ova"), ("vpx", "ova")])
def test_a_migration_puts_the_new_vm_in_the_old_ones_place(tell: Tell, kind: str, form: str) -> None:
    story = tell(kind)
    image = story.lab.ova if form == "ova" else story.lab.image
    before, boot = story.world()["old"], story.old_boot()
    told = story.migrate(image=image)
    assert (told.status, told.err) == (DONE, "")
    assert "old VM: kept, unplugged\nnew VM: live\n" in told.out
    world = story.world()
    old, new = world["old"], world["new"]
    assert old["nics"] == [("lan", False, False)]
    assert new["nics"] == [("lan", True, True), ("staging", True, True)]
    assert (old["power"], new["power"]) == ("running", "running")
    assert (old["autostart"], new["autostart"]) == (False, before["autostart"])
    assert (new["vcpus"], new["memory"]) == (old["vcpus"], old["memory"])
    assert old["files"] == before["files"]
    assert "replaced by" in old["notes"]
    assert (story.live(), story.conflicts(), story.old_boot()) == (["new"], [], boot)
    assert story.answers_the_world()


@pytest.mark.parametrize("form", ["vmdk", "ova"])
def test_the_uploaded_bytes_are_the_disk_of_the_image(story: VsphereStory, form: str) -> None:
    image = story.lab.ova if form == "ova" else story.lab.image
    assert story.migrate(image=image).status == DONE
    (upload,) = story.lab.proxy.uploads.all
    assert upload.sha256() == hashlib.sha256(story.lab.image.read_bytes()).hexdigest()
    assert story.lab.proxy.uploads.leases == {upload.lease: "completed"}


def test_a_mac_that_vcenter_gave_by_itself_is_not_given_by_hand(tell: Tell) -> None:
    story = tell("vpx", mac=FOREIGN_MAC)
    plan = story.plan()
    assert "DHCP reservations" in plan.out
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")
    live = story.new_vm()["nics"][0]["mac"]
    assert live.startswith("00:50:56:")
    assert int(live[9:11], 16) <= 0x3F
    assert (story.live(), story.answers_the_world()) == (["new"], True)
    assert story.rollback().status == DONE
    assert [nic["mac"] for nic in story.lab.vm("mailgw")["nics"]] == [FOREIGN_MAC]
    assert (story.live(), story.answers_the_world()) == (["old"], True)


# ---- back, and the end ---------------------------------------------------------------------------------------


def test_after_the_commit_a_rollback_switches_back_and_keeps_the_new_vm(story: VsphereStory) -> None:
    before, boot = story.world()["old"], story.old_boot()
    assert story.migrate().status == DONE
    told = story.rollback()
    assert (told.status, told.err) == (DONE, "")
    world = story.world()
    assert world["new"]["nics"] == [("lan", False, False), ("staging", True, True)]
    assert {**world["old"], "notes": ""} == {**before, "notes": ""}
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert story.answers_the_world()


def test_finish_after_a_migration_retires_the_old_vm(story: VsphereStory) -> None:
    assert story.migrate().status == DONE
    told = story.finish()
    assert (told.status, told.err) == (DONE, "")
    world = story.world()
    old, new = world["old"], world["new"]
    assert (old["power"], old["nics"], old["autostart"]) == ("off", [("lan", False, False)], False)
    assert old["notes"] == "The mail gateway\nReplaced by mailgw-RUN (vmmigrate run RUN, finished)."
    assert new["nics"] == [("lan", True, True)]
    assert story.answers_the_world()


def test_finish_after_a_switch_back_deletes_the_new_vm(story: VsphereStory) -> None:
    before, files = story.world(), story.files()
    assert story.migrate().status == DONE
    assert story.rollback().status == DONE
    assert story.finish().status == DONE
    assert_same(story.world(), before)
    assert story.files() == files
    assert story.answers_the_world()
