"""vApp properties: wrong ones are told by the plan, right ones reach the machine, secret ones stand nowhere else."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures.vsphere.images import with_properties
from tests.journey.story import DONE, KILLED, REFUSED, WENT_BACK, assert_same
from tests.journey.test_secrets import forms
from tests.journey.vsphere.conftest import Tell
from tests.journey.vsphere.story import VsphereStory
from tests.journey.vsphere.test_refusals import nothing_changed

pytestmark = pytest.mark.vsphere

PROPERTIES = """
<Property ovf:key="net.address" ovf:type="string" ovf:userConfigurable="true" vmw:qualifiers="Ip">
  <Label>Address</Label></Property>
<Property ovf:key="sa.password" ovf:type="string" ovf:password="true" ovf:qualifiers="MinLen(8)"
 ovf:userConfigurable="true"/>
<Property ovf:key="build" ovf:type="string" ovf:value="5.5"/>
"""
ADDRESS, PASSWORD = "192.0.2.99", "a §ecret of the new guest's"
FILE = f"""
[new.properties]
"net.address" = "{ADDRESS}"
"sa.password" = {{ env = "NEW_SA" }}
"""
BOTH = {"net.address": ADDRESS, "sa.password": PASSWORD, "build": "5.5"}


@pytest.fixture
def ova(story: VsphereStory) -> Path:
    """One that needs an address and a password."""
    return asking_for(story, PROPERTIES)


def given(story: VsphereStory, text: str, **environ: str) -> None:
    """In the operator's own configuration file, and in the environment."""
    path = story.folder / "config" / "vmmigrate" / "vmmigrate.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    story.secrets.update(environ)


def asking_for(story: VsphereStory, properties: str) -> Path:
    return with_properties(story.lab.ova, properties, story.folder / "properties.ova")


def handed_over(story: VsphereStory) -> Mapping[str, str]:
    """What the new VM's guest is told."""
    machines = story.lab.simulator.machines()["machines"].values()
    [told] = [each["properties"] for each in machines if each["name"] != story.lab.old_name]
    return dict(told)


def assert_secret(story: VsphereStory, value: str = PASSWORD) -> None:
    """It stands in nothing that the program wrote or said."""
    written = [path for path in story.folder.rglob("*") if path.is_file() and story.lab.folder not in path.parents]
    ours = [path for path in written if story.lab.simulator.folder not in path.parents]
    assert {"told", "runs"} <= {path.relative_to(story.folder).parts[0] for path in ours}
    assert [path for path in ours for form in forms(value) if form in path.read_bytes()] == []


def refused(story: VsphereStory, ova: Path) -> str:
    with nothing_changed(story):
        told = story.command("plan", story.lab.old_name, str(ova))
    assert told.status == REFUSED, told
    assert told.out.count("property") == 0
    return told.err


# ---- the plan ------------------------------------------------------------------------------------------------


def test_what_is_missing_is_told_by_name_with_the_line_that_gives_it(story: VsphereStory, ova: Path) -> None:
    said = refused(story, ova)
    assert "the property net.address (Address) of properties.ova needs a value\n" in said
    assert '→ give it in the file: new.properties."net.address" = "…"\n' in said
    assert "the property sa.password of properties.ova needs a value\n" in said
    assert '→ give it in the file: new.properties."sa.password" = { env = "NAME" }\n' in said


def test_all_that_is_wrong_is_told_at_once(story: VsphereStory, ova: Path) -> None:
    given(story, f'[new.properties]\n"net.adress" = "{ADDRESS}"\n"sa.password" = "{PASSWORD}"\nbuild = "6"\n')
    said = refused(story, ova)
    assert "4 problems block this:\n" in said
    assert (
        "properties.ova has no property 'net.adress'\n    → those that can be set: net.address, sa.password\n" in said
    )
    assert "the property sa.password is a password, which must not be in the file\n" in said
    assert 'new.properties."sa.password" = { env = "NAME" }, { file = "PATH" }' in said
    assert "the property build cannot be set: its publisher fixed it\n" in said
    assert "the property net.address (Address) of properties.ova needs a value\n" in said
    assert PASSWORD not in said


def test_a_value_that_vsphere_would_refuse_is_told(story: VsphereStory, ova: Path) -> None:
    given(story, FILE.replace(ADDRESS, "192.0.2"), NEW_SA=PASSWORD)
    assert "the property net.address (Address) takes an IP address\n" in refused(story, ova)


def test_an_image_without_an_ovf_has_none(story: VsphereStory) -> None:
    given(story, FILE)
    assert "new-release.vmdk has no OVF, so no vApp properties\n" in refused(story, story.lab.image)


def test_a_bare_esxi_refuses_those_given_and_warns_of_those_asked_for(tell: Tell) -> None:
    story = tell("esx")
    ova = asking_for(story, PROPERTIES)
    plan = story.command("plan", story.lab.old_name, str(ova))
    assert plan.status == DONE, plan
    assert "properties.ova needs the properties net.address (Address), sa.password, and " in plan.out
    given(story, FILE, NEW_SA=PASSWORD)
    with nothing_changed(story):
        told = story.command("plan", story.lab.old_name, str(ova))
    assert told.status == REFUSED
    assert "passes no vApp properties to a guest\n" in told.err
    assert "or deploy through a vCenter" in told.err


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "new.properties.sa.password: the environment has no NEW_SA"),
        ({"NEW_SA": "§hort"}, "property: the property sa.password takes 8 characters or more"),
    ],
)
def test_a_secret_that_cannot_be_had_or_does_not_fit_is_told_before_anything_is_changed(
    story: VsphereStory, ova: Path, environ: Mapping[str, str], words: str
) -> None:
    given(story, FILE, **environ)
    with nothing_changed(story):
        told = story.migrate(image=ova)
    assert told.status == REFUSED
    assert words in told.err
    assert "\n  → " in told.err
    assert "§hort" not in told.out + told.err


def test_another_value_than_was_agreed_to_is_refused(story: VsphereStory, ova: Path) -> None:
    given(story, FILE, NEW_SA=PASSWORD)
    plan = story.folder / "plan.json"
    told = story.command("plan", story.lab.old_name, str(ova), "-o", str(plan))
    assert f"property    net.address = {ADDRESS}\nproperty    sa.password: a secret\n" in told.out
    assert json.loads(plan.read_text())["properties"] == {"net.address": ADDRESS, "sa.password": None}
    given(story, FILE.replace(ADDRESS, "192.0.2.98"))
    with nothing_changed(story):
        told = story.migrate("--plan", str(plan), image=ova)
    assert told.status == REFUSED
    assert f"properties was net.address = {ADDRESS}; sa.password: a secret, is net.address = 192.0.2.98;" in told.err


# ---- the run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["lines", "json"])
def test_they_reach_the_machine_and_a_secret_one_stands_nowhere_else(
    story: VsphereStory, ova: Path, flags: tuple[str, ...]
) -> None:
    given(story, FILE, NEW_SA=PASSWORD)
    plan = story.folder / "plan.json"
    assert story.command("plan", story.lab.old_name, str(ova), "-o", str(plan), *flags).status == DONE
    told = story.migrate("--plan", str(plan), *flags, image=ova)
    assert (told.status, told.err) == (DONE, "")
    assert handed_over(story) == BOTH
    assert story.rollback(*flags).status == DONE
    assert story.command("status", story.run_id, *flags).status == DONE
    assert_secret(story)


def test_a_boolean_is_sent_as_a_vcenter_takes_it(story: VsphereStory) -> None:
    ova = asking_for(story, '<Property ovf:key="dhcp" ovf:type="boolean" ovf:userConfigurable="true"/>')
    given(story, '[new.properties]\ndhcp = "true"\n')
    told = story.migrate(image=ova)
    assert (told.status, told.err) == (DONE, "")
    assert handed_over(story) == {"dhcp": "True"}


def test_a_secret_that_vcenter_refuses_in_words_that_repeat_it_stands_nowhere(story: VsphereStory) -> None:
    """A short one, which is not redacted wherever it may stand."""
    ova = asking_for(story, '<Property ovf:key="ratio" ovf:type="real64" ovf:userConfigurable="true"/>')
    given(story, '[new.properties]\nratio = { env = "NEW_RATIO" }\n', NEW_RATIO="0,§715")
    told = story.migrate(image=ova)
    assert told.status == WENT_BACK, told.err
    assert "the server refuses: Invalid value '…' specified for property ratio." in told.err
    assert_secret(story, "0,§715")


def test_the_search_for_secrets_finds_one(story: VsphereStory) -> None:
    assert story.plan().status == DONE
    runs = story.folder / "runs"
    runs.mkdir(exist_ok=True)
    (runs / "log.txt").write_text(json.dumps({"value": PASSWORD}))
    with pytest.raises(AssertionError, match=r"log\.txt"):
        assert_secret(story)


def test_a_server_that_drops_them_is_found_out_and_nothing_is_left(story: VsphereStory, ova: Path) -> None:
    given(story, FILE, NEW_SA=PASSWORD)
    before, files = story.world(), story.files()
    story.lab.proxy.rewrite(rb"<vAppConfig\b.*?</vAppConfig>", b"")
    told = story.migrate(image=ova)
    assert told.status == WENT_BACK, told.err
    assert "came out with other values of its properties than asked for: net.address, sa.password\n  → " in told.err
    assert_same(story.world(), before)
    assert (story.machines(), story.files()) == ({"mailgw": "poweredOn"}, files)
    assert story.answers_the_world()
    assert_secret(story)


# ---- resumed -------------------------------------------------------------------------------------------------


def crashed(story: VsphereStory, ova: Path, kind: str) -> None:
    """Killed at that record of `deploy`; the secret is no longer in the environment."""
    given(story, FILE, NEW_SA=PASSWORD)
    assert story.migrate(image=ova, stop=("SIGKILL", "after", (kind, "deploy"))).status == KILLED
    del story.secrets["NEW_SA"]


def test_a_run_that_was_killed_before_it_deployed_fetches_them_again(story: VsphereStory, ova: Path) -> None:
    crashed(story, ova, "begin")
    told = story.resume()
    assert told.status == REFUSED
    assert "new.properties.sa.password: the environment has no NEW_SA" in told.err
    story.secrets["NEW_SA"] = PASSWORD
    assert story.resume().status == DONE
    assert handed_over(story) == BOTH
    assert_secret(story)


def test_a_run_that_was_killed_after_it_deployed_wants_none(story: VsphereStory, ova: Path) -> None:
    crashed(story, ova, "done")
    told = story.resume()
    assert (told.status, told.err) == (DONE, "")
    assert handed_over(story) == BOTH
