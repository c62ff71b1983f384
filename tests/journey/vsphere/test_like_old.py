"""What a person reads of the old VM's belongings, and what new.like_old makes of them."""

from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim

from fixtures.vsphere import belongings, inventory
from tests.journey.story import DONE, REFUSED
from tests.journey.vsphere.conftest import Tell
from tests.journey.vsphere.story import VsphereStory

pytestmark = [pytest.mark.vsphere, pytest.mark.slow]


def of(story: VsphereStory, name: str) -> dict[str, Any]:
    with inventory.administrator(story.lab.simulator) as service:
        [machine] = [each for each in inventory._all(service, vim.VirtualMachine) if each.name == name]
        return belongings.of(story.lab.simulator, service, machine)


def test_the_plan_says_what_becomes_of_them_and_the_run_does_what_it_says(story: VsphereStory) -> None:
    before = of(story, "mailgw")
    plan = story.plan()
    assert plan.status == DONE, plan.err
    dropped, _, kept = plan.out.partition("\n  kept ")
    for each in (f"tags[{belongings.TAG}]", f"permissions[{belongings.PRINCIPAL}]"):
        assert each in " ".join(kept.split())
    assert "backup jobs, replication, monitoring" in " ".join(dropped.split())
    assert "config.memoryAllocation.reservation" in dropped
    assert story.migrate().status == DONE
    made = of(story, f"mailgw-{story.run_id}")
    assert {word for word in before if made[word] == before[word]} == {
        *("tags", "custom-attributes", "permissions", "shares")
    }
    assert of(story, "mailgw") == before


def test_an_empty_list_carries_none(story: VsphereStory) -> None:
    before = of(story, "mailgw")
    assert story.migrate(new={"like_old": "", "trust_staging": True}).status == DONE
    made = of(story, f"mailgw-{story.run_id}")
    assert [word for word in before if made[word] == before[word]] == []


def test_what_a_bare_host_has_none_of_is_refused_by_the_plan(tell: Tell) -> None:
    story = tell("esx")
    told = story.migrate(new={"like_old": "tags,shares", "trust_staging": True})
    assert (told.status, "cannot carry tags from the old VM" in told.err) == (REFUSED, True)
    assert "leave it out of new.like_old" in told.err
    assert (sorted(story.machines()), story.run_ids) == (["mailgw"], [])
