"""At `finish` the new VM gets the old one's name: at once where one that runs can be renamed, else by a restart."""

import pytest

from fixtures.appliance import state
from fixtures.memory import add_vm
from tests.journey import moving
from tests.journey.conftest import Worlds
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, Story, Told, assert_same

RENAME = {"rename": "true"}
EDITS = 14  # at most, of the hypervisor's state, in one `finish`

pytestmark = pytest.mark.slow


def names(story: Story) -> dict[str, str]:
    """Of each VM by its id."""
    return {identity: vm["name"] for identity, vm in state.read(story.lab.folder)[1]["vms"].items()}


def power(story: Story) -> dict[str, str]:
    return {vm["name"]: vm["power"] for vm in state.read(story.lab.folder)[1]["vms"].values()}


def retired(story: Story) -> str:
    return f"{story.lab.old_name}-old-{story.run_id.partition('-')[0]}"


def migrated(story: Story, hypervisor: str = "MemoryHypervisor") -> dict[str, str]:
    """By role, the ids of both."""
    story.hypervisor = hypervisor
    assert story.migrate(new=RENAME).status == DONE
    called = {name: identity for identity, name in names(story).items()}
    old = called.pop(story.lab.old_name)
    return {"old": old, "new": next(iter(called.values()))}


def assert_renamed(story: Story, ids: dict[str, str]) -> None:
    assert names(story) == {ids["old"]: retired(story), ids["new"]: story.lab.old_name}
    assert power(story) == {retired(story): "off", story.lab.old_name: "running"}
    assert story.answers_the_world()


def finish(story: Story, edit: int = 0) -> Told:
    stop = ("SIGKILL", "edit", edit) if edit else None
    return story.command("finish", story.run_id, "--yes", stop=stop)


def test_the_plan_says_both_names_and_that_nothing_undoes_it(story: Story) -> None:
    told = story.plan("--json", new=RENAME)
    assert f"at `finish` {story.lab.old_name} becomes {story.lab.old_name}-old-2" in told.out
    assert "nothing undoes that" in told.out
    assert "no mail is taken meanwhile" not in told.out
    story.hypervisor = "RenamesOff"
    assert "no mail is taken meanwhile" in story.plan("--json", new=RENAME).out
    assert "becomes" not in story.plan("--json").out


def test_both_are_renamed_at_finish_and_not_before(story: Story) -> None:
    ids = migrated(story)
    assert names(story)[ids["old"]] == story.lab.old_name
    asked = story.command("finish", story.run_id)
    assert f"{story.lab.old_name} becomes {retired(story)} and " in asked.err + asked.out
    told = finish(story)
    assert (told.status, told.err) == (DONE, "")
    assert f"now called: the old VM {retired(story)}, the new one {story.lab.old_name}" in told.out
    assert_renamed(story, ids)
    notes = {name: vm["notes"] for name, vm in _vms(story).items()}
    assert f"Replaced by {story.lab.old_name} (vmmigrate run {story.run_id}, finished)." in notes[retired(story)]


def test_where_one_that_runs_keeps_its_name_it_is_restarted(story: Story) -> None:
    ids = migrated(story, "RenamesOff")
    told = finish(story)
    assert (told.status, told.err) == (DONE, "")
    assert "while it was restarted as" in told.out
    assert_renamed(story, ids)


@pytest.mark.parametrize("hypervisor", ["MemoryHypervisor", "RenamesOff"])
def test_a_finish_that_is_killed_after_each_change_is_run_again(story: Story, hypervisor: str) -> None:
    ids = migrated(story, hypervisor)
    for edit in range(1, EDITS):
        told = finish(story, edit=1)
        if told.status == DONE:
            break
        assert told.status == KILLED, (edit, told.err)
    assert finish(story).status in (DONE, REFUSED)
    assert edit > 3
    assert_renamed(story, ids)


@pytest.mark.long  # the one above comes to the same places, one after the other
@pytest.mark.parametrize("hypervisor", ["MemoryHypervisor", "RenamesOff"])
@pytest.mark.parametrize("edit", range(1, 9))
def test_a_finish_that_is_killed_once_is_run_again(story: Story, hypervisor: str, edit: int) -> None:
    ids = migrated(story, hypervisor)
    if finish(story, edit=edit).status == KILLED:
        assert finish(story).status == DONE
    assert_renamed(story, ids)


@pytest.mark.parametrize("hypervisor", ["MemoryHypervisor", "RenamesOff"])
@pytest.mark.parametrize("edit", range(1, 6))
def test_a_way_back_after_a_finish_that_was_killed_gives_the_names_back(
    story: Story, hypervisor: str, edit: int, undisturbed: Worlds
) -> None:
    ids = migrated(story, hypervisor)
    assert finish(story, edit=edit).status == KILLED
    story.lab.settle()
    told = story.rollback()
    story.lab.settle()
    unseen: tuple[str, ...] = ()
    if told.status == ATTENTION:  # it was killed after it had removed the new VM's NIC on staging: nobody can ask it
        assert "its NIC on staging was removed" in told.err
        unseen = ("--discard-mail", "unseen", "--discard-settings", "unseen")
        assert story.rollback("--leave-mail").status == DONE
    handed_over = hypervisor == "RenamesOff" and edit >= 4  # the new one runs: it keeps the old one's name, and says so
    if handed_over:
        assert f"the old VM is called {retired(story)} now, and the new one {story.lab.old_name}" in told.out
        assert names(story) == {ids["old"]: retired(story), ids["new"]: story.lab.old_name}
    else:
        assert names(story) == {ids["old"]: story.lab.old_name, ids["new"]: f"{story.lab.old_name}-{story.run_id}"}
    assert moving.live_names(story) == [names(story)[ids["old"]]]
    assert story.answers_the_world()
    told = story.command("finish", story.run_id, "--yes", *unseen)
    assert told.status == DONE, told.err
    assert list(names(story)) == [ids["old"]]
    if not handed_over:
        assert_same(story.world(), {"old": undisturbed.before["old"]})


def test_a_name_that_is_taken_when_it_is_planned(story: Story) -> None:
    told = story.plan(new=RENAME)
    [name] = {word for word in told.out.split() if word.startswith(f"{story.lab.old_name}-old-")}
    add_vm(story.lab.folder, name.rstrip(","), ())
    told = story.migrate(new=RENAME)
    assert told.status == REFUSED
    assert f"for new.rename: there is a virtual machine {name.rstrip(',')} already" in told.err
    assert "leave new.rename out" in told.err


def test_a_name_that_is_taken_by_then(story: Story) -> None:
    ids = migrated(story, "RenamesOff")
    other = add_vm(story.lab.folder, retired(story), ())
    told = finish(story)
    assert told.status == ATTENTION
    assert f"{story.lab.old_name} cannot be called {retired(story)}: there is a virtual machine" in told.err
    assert f"vmmigrate finish {story.run_id}" in told.err
    assert story.answers_the_world()
    with state.edit(story.lab.folder) as now:
        now["vms"].pop(other.id)
    assert finish(story).status == DONE
    assert_renamed(story, ids)


def test_what_somebody_else_called_them_stays(story: Story) -> None:
    ids = migrated(story)
    with state.edit(story.lab.folder) as now:
        now["vms"][ids["old"]]["name"] = "archive"
    told = finish(story)
    assert told.status == DONE
    assert "was renamed to archive by somebody: that stays" in told.out
    assert names(story) == {ids["old"]: "archive", ids["new"]: story.lab.old_name}


def test_after_a_way_back_finish_renames_nothing(story: Story) -> None:
    ids = migrated(story)
    assert story.rollback().status == DONE
    assert finish(story).status == DONE
    assert names(story) == {ids["old"]: story.lab.old_name}


def _vms(story: Story) -> dict[str, dict[str, str]]:
    return {vm["name"]: vm for vm in state.read(story.lab.folder)[1]["vms"].values()}
