"""Uploads that go wrong: killed, cut, without session, to a host that nobody vouches for; nothing is left behind."""

import hashlib
from collections.abc import Callable
from typing import Literal

import pytest

from fixtures.vsphere import inventory
from fixtures.vsphere.proxy import HostBehind, cut
from tests.journey.story import DONE, KILLED, WENT_BACK, Told, assert_same
from tests.journey.vsphere.story import VsphereStory

pytestmark = pytest.mark.vsphere

MIDDLE = 500_000  # bytes of an image of 1.2 million

Thumbprint = Literal["right", "wrong", "none"]


@pytest.fixture
def untouched(story: VsphereStory) -> Callable[[], None]:
    """Asserts that it is as it was at the start: no VM, no file, the old one live."""
    before, machines, files = story.world(), story.machines(), story.files()

    def check() -> None:
        assert_same(story.world(), before)
        assert (story.machines(), story.files()) == (machines, files)
        assert (story.live(), story.conflicts()) == (["old"], [])
        assert story.answers_the_world()

    return check


def kill(story: VsphereStory) -> None:
    """With all that it has given to its kernel to send."""
    story.kill()
    cut()


def assert_went_back(told: Told, *words: str) -> None:
    assert told.status == WENT_BACK, told.err
    for word in words:
        assert word in told.err
    assert "\n  → " in told.err


# ---- ends in mid-upload --------------------------------------------------------------------------------------


def test_a_run_killed_in_mid_upload_is_rolled_back(story: VsphereStory, untouched: Callable[[], None]) -> None:
    story.lab.proxy.in_upload(MIDDLE, lambda: kill(story))
    assert story.migrate().status == KILLED
    assert len(story.machines()) == 2
    (upload,) = story.lab.proxy.uploads.all
    assert not upload.complete
    told = story.rollback()
    assert (told.status, told.err) == (DONE, "")
    untouched()


def test_a_run_killed_in_mid_upload_is_resumed(story: VsphereStory) -> None:
    story.lab.proxy.in_upload(MIDDLE, lambda: kill(story))
    assert story.migrate().status == KILLED
    told = story.resume()
    assert (told.status, told.err) == (DONE, "")
    half, whole = story.lab.proxy.uploads.all
    assert (half.complete, whole.complete) == (False, True)
    assert whole.sha256() == hashlib.sha256(story.lab.image.read_bytes()).hexdigest()
    assert sorted(story.machines()) == ["mailgw", f"mailgw-{story.run_id}"]
    assert (story.live(), story.answers_the_world()) == (["new"], True)


@pytest.mark.parametrize("broken", ["cut", "stalled"])
def test_an_upload_that_breaks_off_once_is_made_again(story: VsphereStory, broken: str) -> None:
    story.lab.proxy.in_upload(MIDDLE, cut if broken == "cut" else story.lab.proxy.stall)
    told = story.migrate(limits={"stall": 1})
    assert (told.status, told.err) == (DONE, "")
    assert list(story.lab.proxy.uploads.leases.values()) == ["aborted", "completed"]
    assert sorted(story.machines()) == ["mailgw", f"mailgw-{story.run_id}"]
    assert (story.live(), story.answers_the_world()) == (["new"], True)


def test_an_upload_that_always_breaks_off_leaves_nothing(story: VsphereStory, untouched: Callable[[], None]) -> None:
    def cut_again() -> None:
        story.lab.proxy.in_upload(MIDDLE, cut_again)
        cut()

    story.lab.proxy.in_upload(MIDDLE, cut_again)
    told = story.migrate(limits={"reconnect": 0.5})
    assert_went_back(told, "waited ", "the upload to 127.0.0.1 broke off")
    assert set(story.lab.proxy.uploads.leases.values()) == {"aborted"}
    untouched()


def test_an_upload_that_always_stalls_leaves_nothing(story: VsphereStory, untouched: Callable[[], None]) -> None:
    def stall_again() -> None:
        story.lab.proxy.in_upload(MIDDLE, stall_again)
        story.lab.proxy.stall()

    story.lab.proxy.in_upload(MIDDLE, stall_again)
    told = story.migrate(limits={"stall": 1, "reconnect": 0.5})
    assert_went_back(told, "127.0.0.1 took no byte of the disk, or too few, for 1 s")
    assert set(story.lab.proxy.uploads.leases.values()) == {"aborted"}
    untouched()


def test_a_session_that_ends_in_mid_upload_costs_a_second_upload(story: VsphereStory) -> None:
    """The lease was the old session's."""
    story.lab.proxy.in_upload(MIDDLE, lambda: inventory.end_other_sessions(story.lab.simulator))
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")
    assert len(story.lab.proxy.uploads.all) == 2
    assert sorted(story.machines()) == ["mailgw", f"mailgw-{story.run_id}"]
    assert (story.live(), story.answers_the_world()) == (["new"], True)


# ---- answers that are lost -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ImportVApp", "HttpNfcLeaseComplete", "PowerOnVM_Task", "ReconfigVM_Task"])
def test_a_call_whose_answer_is_lost_is_survived_or_leaves_nothing(
    story: VsphereStory, untouched: Callable[[], None], method: str
) -> None:
    story.lab.proxy.after_call(method, cut)
    told = story.migrate()
    assert story.lab.proxy.faults_are_over()
    if told.status == DONE:
        assert_migrated(story)
    else:
        assert_went_back(told, "no answer from the server")
        untouched()


@pytest.mark.parametrize("method", ["ImportVApp", "HttpNfcLeaseComplete", "PowerOnVM_Task", "RetrievePropertiesEx"])
def test_one_503_is_survived_or_leaves_nothing(story: VsphereStory, untouched: Callable[[], None], method: str) -> None:
    story.lab.proxy.answer_503(method)
    told = story.migrate()
    assert story.lab.proxy.faults_are_over()
    if told.status == DONE:
        assert_migrated(story)
    else:
        assert_went_back(told, "503")
        untouched()


def assert_migrated(story: VsphereStory) -> None:
    assert sorted(story.machines()) == ["mailgw", f"mailgw-{story.run_id}"]
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["new"], [], True)


# ---- the host behind the lease -------------------------------------------------------------------------------


def test_a_host_behind_the_lease_is_believed_by_its_authority(story: VsphereStory) -> None:
    story.lab.proxy.put_host_behind(HostBehind(trusted=True, thumbprint="none"))
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")


@pytest.mark.parametrize("pinned", [False, True])
def test_a_host_behind_the_lease_is_believed_by_the_thumbprint_that_a_trusted_vcenter_told(
    story: VsphereStory, pinned: bool
) -> None:
    story.lab.proxy.put_host_behind(HostBehind(trusted=False, thumbprint="right"))
    told = story.migrate(**({"hypervisor": {"fingerprint": story.lab.fingerprint}} if pinned else {}))
    assert (told.status, told.err) == (DONE, "")


@pytest.mark.parametrize("thumbprint", ["wrong", "none"])
def test_a_host_that_nobody_vouches_for_gets_no_byte(
    story: VsphereStory, untouched: Callable[[], None], thumbprint: Thumbprint
) -> None:
    story.lab.proxy.put_host_behind(HostBehind(trusted=False, thumbprint=thumbprint))
    assert_went_back(story.migrate(), "certificate")
    assert story.lab.proxy.uploads.all == []
    untouched()


@pytest.mark.parametrize("thumbprint", ["wrong", "none"])
def test_with_a_pinned_vcenter_another_host_gets_no_byte(
    story: VsphereStory, untouched: Callable[[], None], thumbprint: Thumbprint
) -> None:
    story.lab.proxy.put_host_behind(HostBehind(trusted=False, thumbprint=thumbprint))
    assert_went_back(story.migrate(hypervisor={"fingerprint": story.lab.fingerprint}), "certificate")
    assert story.lab.proxy.uploads.all == []
    untouched()
