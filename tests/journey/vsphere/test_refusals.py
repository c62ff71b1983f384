"""What stands in the way of a migration on vSphere is said before anything is changed, with what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fixtures.appliance import ca, keys
from fixtures.vsphere import inventory
from fixtures.vsphere.lab import OLD_MAC
from tests.journey.story import DONE, REFUSED, WENT_BACK, assert_same
from tests.journey.vsphere.story import VsphereStory

pytestmark = pytest.mark.vsphere


@contextmanager
def nothing_changed(story: VsphereStory) -> Iterator[None]:
    before, files = story.lab.simulator.machines(), story.files()
    story.lab.proxy.forget_calls()
    yield
    assert story.lab.proxy.writes() == {}
    assert story.lab.simulator.machines() == before
    assert (story.files(), story.run_ids) == (files, [])


def refused(story: VsphereStory, **settings: Any) -> str:
    told = story.migrate(**settings)
    assert told.status == REFUSED, told.err
    assert "\n  → " in told.err or "\n    → " in told.err
    return told.err


# ---- the door ------------------------------------------------------------------------------------------------


def test_a_wrong_thumbprint_gets_no_password(story: VsphereStory) -> None:
    with nothing_changed(story):
        said = refused(story, hypervisor={"fingerprint": "0" * 64})
    assert story.lab.fingerprint in said
    assert story.lab.proxy.calls == {}


def test_an_authority_that_did_not_sign_gets_no_password(story: VsphereStory) -> None:
    other = ca.self_signed(keys.ec_key("other"), "Another Authority")
    (story.folder / "other.pem").write_bytes(ca.pem(other))
    with nothing_changed(story):
        said = refused(story, hypervisor={"ca_file": story.folder / "other.pem"})
    assert story.lab.fingerprint in said
    assert story.lab.proxy.calls == {}


def test_a_refused_password_is_tried_once(story: VsphereStory) -> None:
    story.secrets["VMMIGRATE_HYPERVISOR_PASSWORD"] = "wrong"
    with nothing_changed(story):
        assert "refused the account" in refused(story)
    assert story.lab.proxy.calls["Login"] == 1


# ---- the plan ------------------------------------------------------------------------------------------------


def test_an_unknown_network_is_told_with_those_there_are(story: VsphereStory) -> None:
    with nothing_changed(story):
        said = refused(story, new={"staging": "nowhere"})
    assert "no network 'nowhere'" in said
    assert "dvportgroup:lan" in said


def test_of_two_networks_of_one_name_none_is_taken(story: VsphereStory) -> None:
    with inventory.administrator(story.lab.simulator) as service:
        inventory.add_portgroup_elsewhere(service, inventory.STAGING)
        with nothing_changed(story):
            assert "2 networks are called 'staging': portgroup:staging, dvportgroup:staging" in refused(story)
            assert story.plan(new={"staging": "portgroup:staging"}).status == DONE
        inventory.add_portgroup_elsewhere(service, inventory.LAN)
    with nothing_changed(story):
        assert "2 networks are called 'lan' (dvportgroup)" in refused(story, new={"staging": "portgroup:staging"})


def test_an_unknown_datastore_is_told_with_those_there_are(story: VsphereStory) -> None:
    with nothing_changed(story):
        assert "LocalDS_0" in refused(story, hypervisor={"store": "nowhere"})


def test_a_name_that_is_taken_is_told(story: VsphereStory) -> None:
    with inventory.administrator(story.lab.simulator) as service:
        inventory.add_machine(service, "taken", "00:50:56:0a:00:77")
    with nothing_changed(story):
        assert "'taken' already" in refused(story, new={"name": "taken"})


def test_a_full_datastore_is_told(story: VsphereStory) -> None:
    story.lab.simulator.set_room(story.lab.store, 1 << 20)
    with nothing_changed(story):
        assert "LocalDS_0" in refused(story)


def test_a_mac_that_another_machine_bears_is_told(story: VsphereStory) -> None:
    with inventory.administrator(story.lab.simulator) as service:
        inventory.add_machine(service, "other", OLD_MAC)
    with nothing_changed(story):
        assert f"other has the MAC {OLD_MAC}" in refused(story)


def test_a_folder_that_is_not_there_is_told(story: VsphereStory) -> None:
    with nothing_changed(story):
        assert "there is no folder 'nowhere'" in refused(story, new={"folder": "nowhere"})


# ---- the image -----------------------------------------------------------------------------------------------


def test_an_ova_that_is_not_as_its_manifest_says_is_told(story: VsphereStory) -> None:
    image = story.changed_ova(lambda data: data[:-600_000] + b"other" + data[-599_995:])
    with nothing_changed(story):
        assert "its manifest says" in refused(story, image=image)


def test_an_ova_that_is_cut_short_is_told(story: VsphereStory) -> None:
    image = story.changed_ova(lambda data: data[:-600_000])
    with nothing_changed(story):
        assert "cut short" in refused(story, image=image)


# ---- what comes between plan and deployment ------------------------------------------------------------------


@pytest.fixture
def untouched(story: VsphereStory) -> Callable[[], None]:
    before, files = story.world(), story.files()

    def check() -> None:
        assert_same(story.world(), before)
        assert story.files() == files
        assert story.answers_the_world()

    return check


def test_a_datastore_that_fills_up_after_the_plan_leaves_nothing(
    story: VsphereStory, untouched: Callable[[], None]
) -> None:
    claimed = "ReconfigVM_Task"  # the first thing that a run writes
    story.lab.proxy.after_call(claimed, lambda: story.lab.simulator.set_room(story.lab.store, 1000))
    told = story.migrate()
    assert told.status == WENT_BACK
    assert "free" in told.err
    untouched()


def test_a_name_that_is_taken_after_the_plan_leaves_the_other_one_alone(story: VsphereStory) -> None:
    def take() -> None:
        with inventory.administrator(story.lab.simulator) as service:
            inventory.add_machine(service, "taken", "00:50:56:0a:00:77")

    story.lab.proxy.after_call("ReconfigVM_Task", take)
    told = story.migrate(new={"name": "taken"})
    assert told.status == WENT_BACK
    assert "taken already" in told.err
    assert story.machines() == {"mailgw": "poweredOn", "taken": "poweredOff"}
    assert story.answers_the_world()


def test_one_network_for_all_takes_a_way_into_the_guest_that_vsphere_has_not(story: VsphereStory) -> None:
    with nothing_changed(story):
        said = refused(story, new={"staging": "same-lan", "staging_address": "192.0.2.77"})
    assert "runs no commands in a Linux guest" in said
    assert "make a network without an uplink" in said
