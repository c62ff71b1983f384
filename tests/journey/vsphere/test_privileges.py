"""Whole runs call no method of vSphere's interface that the table of privileges does not name."""

import pytest

from hypervisors.vmware.privileges import METHODS, needs
from tests.journey.story import DONE
from tests.journey.vsphere.conftest import Tell

pytestmark = pytest.mark.vsphere


@pytest.mark.parametrize("kind", ["vpx", "esx"])
def test_runs_call_only_what_the_role_is_made_of(tell: Tell, kind: str) -> None:
    story = tell(kind)
    for act in (story.plan, story.rehearse, story.migrate, story.rollback, story.finish, story.migrate, story.finish):
        told = act()
        assert (told.status, told.err) == (DONE, "")
    calls = story.lab.proxy.calls
    assert {"ImportVApp", "Destroy_Task", "PowerOnVM_Task", "ReconfigVM_Task"} <= set(calls)
    assert [call for call in calls if call not in METHODS and not call.startswith("/rest/")] == []
    assert all(isinstance(needs(call), tuple) for call in calls)
