"""A new image that poses as another machine: nothing is done to the one at whose address it says it is."""

import pytest

from fixtures.appliance import hostkey, state
from tests.journey.records import number
from tests.journey.story import KILLED, WENT_BACK, Story

pytestmark = pytest.mark.slow


def test_one_that_says_it_is_the_old_gateway(story: Story) -> None:
    """Its lease, and the host key that its agent reports, are the old one's; so is the password, by the operator."""
    lab = story.lab
    assert story.migrate(stop=("SIGKILL", "before", number("learnt", "ready"))).status == KILLED
    new = story.new_vm()
    with state.edit(lab.folder) as now:
        now["vms"][new["id"]]["leases"] = {nic["mac"]: lab.address for nic in new["nics"] if nic["network"] != lab.lan}
    public = f"{hostkey.HOST_KEY}.pub"
    lab.root_of(new["id"]).write(public, lab.root_of(lab.old_id).text(public).encode())
    story.secrets["VMMIGRATE_NEW_SSH_PASSWORD"] = lab.sa_old.password
    told = story.resume()
    assert told.status == WENT_BACK, told.err
    assert f"at {lab.address} is not the new VM" in told.err
    theirs = lab.root_of(lab.old_id)
    assert not theirs.has("/etc/vmmigrate/isolation.nft")
    assert ("begin", "isolate") not in story.recorded
    assert story.live() == ["old"]
    assert story.answers_the_world()
