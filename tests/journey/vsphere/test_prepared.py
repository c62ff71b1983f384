"""Prepared, changed, cut over, rehearsed and given up against the simulator: with that adapter's own acts."""

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from tests.journey import moving
from tests.journey.story import DONE, KILLED, assert_same
from tests.journey.test_fresh import DORA, users
from tests.journey.vsphere.conftest import Tell
from tests.journey.vsphere.story import VsphereStory

pytestmark = [pytest.mark.vsphere, pytest.mark.slow]


def test_what_changed_since_it_was_prepared_comes_along_in_another_vm(story: VsphereStory) -> None:
    assert story.prepare().status == DONE
    first = story.new_vm()["id"]
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    moving.add_a_user(story, moving.old(story), DORA)
    assert story.cutover(stop=("SIGKILL", "after", ("undone", "deploy"))).status == KILLED
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    told = story.resume()
    assert told.status == DONE, told.err
    assert story.new_vm()["id"] != first
    assert DORA in users(story)
    assert (story.live(), story.conflicts()) == (["new"], [])


@pytest.mark.parametrize("kind", ["vpx", "esx"])
def test_what_was_prepared_or_rehearsed_leaves_nothing(tell: Tell, kind: str) -> None:
    story = tell(kind)
    before = story.world()
    told = story.rehearse()
    assert told.status == DONE, told.err
    assert "\nrehearsed\n" in told.out
    assert_same(story.world(), before)
    assert story.prepare().status == DONE
    for name in [name for name in story.secrets if "HYPERVISOR" not in name]:
        del story.secrets[name]
    told = story.rollback()
    assert told.status == DONE, told.err
    assert_same(story.world(), before)
    assert story.live() == ["old"]
