"""What vSphere warns of while it makes the machine reaches the operator, without a secret and on one line."""

import json

import pytest

from tests.journey.story import DONE
from tests.journey.vsphere.story import VsphereStory

pytestmark = pytest.mark.vsphere

KINDS = ("StepBegan", "Warned")
SAID = "import spec of new-release.ova: the server warns: No manifest for … · and the rest"


@pytest.fixture
def warned(story: VsphereStory) -> VsphereStory:
    """Its server warns, in two lines with a letter that steers terminals, and lets a password slip."""
    words = f"No manifest\u009bfor {story.lab.password}\nand the rest"
    fault = '<fault xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:type="OvfUnsupportedPackage"/>'
    warning = f"<warning>{fault}<localizedMessage>{words}</localizedMessage></warning>"
    end = b"</returnval></CreateImportSpecResponse>"
    story.lab.proxy.rewrite(end, warning.encode() + end)
    return story


def test_on_the_terminal_and_in_the_log(warned: VsphereStory) -> None:
    told = warned.migrate(image=warned.lab.ova)
    assert (told.status, told.err) == (DONE, "")
    assert told.out.count(f"        warning: {SAID}\n") == 2  # for the plan, and for the machine itself
    assert (warned.run_folder / "log.txt").read_text().count(f"        warning: {SAID}\n") == 1


def test_as_an_event(warned: VsphereStory) -> None:
    told = warned.migrate("--json", image=warned.lab.ova)
    assert (told.status, told.err) == (DONE, "")
    events = [json.loads(line) for line in told.out.splitlines()]
    heard = [event["step"] if "step" in event else event["text"] for event in events if event["event"] in KINDS]
    assert [heard[at - 1] for at, words in enumerate(heard) if words == SAID] == ["plan", "deploy"]
