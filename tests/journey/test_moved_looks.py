"""The world moved after a record and before `resume`, which looks: a record says what was done, not what is so."""

import functools
from collections.abc import Callable

import pytest

from tests.journey import moving
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Stop, Story, Told

Move = Callable[[Story], object]
slowly = functools.partial(pytest.param, marks=pytest.mark.slow)  # of many of one kind, `make check` tries one


def moved(story: Story, after: tuple[str, str], move: Move) -> Told:
    """Killed after that record; something moves; it is resumed."""
    stop: Stop = ("SIGKILL", "after", after)
    assert story.migrate(stop=stop).status == KILLED
    story.lab.settle()
    move(story)
    told = story.resume()
    story.lab.settle()
    return told


def assert_migrated(story: Story, told: Told) -> None:
    assert told.status == DONE, told.err
    assert (story.live(), story.answers_the_world()) == (["new"], True)
    assert story.journal[-1]["kind"] == "end"


def undone(story: Story) -> list[str]:
    return [step for kind, step in story.recorded if kind == "undone"]


# ---- before the switch ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_new_vm_that_was_switched_off_is_started(story: Story) -> None:
    told = moved(story, ("done", "verify"), lambda story: moving.switch_off(story, moving.new(story)))
    assert_migrated(story, told)
    assert "expected running; seen: off" in told.out
    assert undone(story) == []


@pytest.mark.slow
def test_a_new_vm_that_was_deleted_is_made_again(story: Story) -> None:
    told = moved(story, ("done", "verify"), lambda story: moving.delete(story, moving.new(story)))
    assert_migrated(story, told)
    assert undone(story)[-1] == "deploy"


@pytest.mark.slow
def test_an_isolation_that_is_gone_is_set_again_before_the_new_vm_is_plugged_in(story: Story) -> None:
    def lose(story: Story) -> None:
        unit = "/etc/systemd/system/sysinit.target.wants/vmmigrate-isolation.service"
        moving.lose_at_boot(story, moving.new(story), unit)

    told = moved(story, ("done", "verify"), lose)
    assert_migrated(story, told)
    assert "the new guest: expected isolated, also after a boot; seen: not isolated" in told.out


@pytest.mark.slow
def test_an_archive_that_is_gone_is_exported_again(story: Story) -> None:
    told = moved(story, ("done", "collect-tls"), lambda story: (story.run_folder / "archive.age").unlink())
    assert_migrated(story, told)
    assert undone(story) == ["collect-tls", "export"]


# ---- in the switch -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_old_guest_that_was_restarted_has_its_intake_closed_again(story: Story) -> None:
    told = moved(story, ("done", "close-intake"), lambda story: moving.restart(story, moving.old(story)))
    assert_migrated(story, told)
    assert "expected closed; seen: open: the old guest was restarted" in told.out
    assert undone(story) == ["close-intake", "close-console"]


@pytest.mark.slow
def test_an_old_vm_that_was_plugged_in_by_hand_is_closed_and_unplugged_again(story: Story) -> None:
    told = moved(story, ("done", "switch"), lambda story: moving.plug(story, moving.old(story)))
    assert_migrated(story, told)
    assert "seen: plugged in again beside the new VM" in told.out
    assert undone(story) == ["switch", "carry", "close-intake", "close-console"]


@pytest.mark.slow
@pytest.mark.parametrize("after", [("done", "switch"), ("done", "autostart")], ids="-".join)
def test_a_new_vm_that_was_restarted_in_the_switch_is_still_isolated(story: Story, after: tuple[str, str]) -> None:
    def restart(story: Story) -> None:
        moving.restart(story, moving.new(story))
        assert not story.answers_the_world()

    assert_migrated(story, moved(story, after, restart))
    assert undone(story) == []


# ---- the host reboots: at most one comes back, and after the commit exactly one ------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("after", "live"),
    [
        slowly(("done", "verify"), ["old"]),
        (("done", "autostart"), ["new"]),
        slowly(("learnt", "open"), ["new"]),
        slowly(("done", "open"), ["new"]),
        slowly(("done", "tidy"), ["new"]),
    ],
    ids=str,
)
def test_a_host_that_reboots_brings_back_at_most_one(story: Story, after: tuple[str, str], live: list[str]) -> None:
    seen: list[list[str]] = []
    told = moved(story, after, lambda story: seen.append(moving.reboot_the_host(story)))
    assert seen == [live]
    assert_migrated(story, told)
    assert story.conflicts() == []


@pytest.mark.slow
@pytest.mark.parametrize(("after", "live"), [(("done", "close-intake"), ["old"]), (("done", "switch"), [])], ids=str)
def test_where_it_left_the_new_one_off_in_the_switch_the_old_one_serves_at_once(
    story: Story, after: tuple[str, str], live: list[str]
) -> None:
    """Nobody waits for a boot while no mail is taken: what was prepared is kept, and `resume` goes on with it."""
    seen: list[list[str]] = []
    told = moved(story, after, lambda story: seen.append(moving.reboot_the_host(story)))
    assert seen == [live]
    assert told.status == WENT_BACK, told.err
    assert "expected running; seen: off" in told.err
    assert "deploy" not in undone(story)
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert_migrated(story, story.resume())
    assert story.conflicts() == []


@pytest.mark.slow
def test_after_the_commit_it_serves_without_anybody(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", "open"))).status == KILLED
    story.lab.settle()
    assert moving.reboot_the_host(story) == ["new"]
    assert story.answers_the_world()


# ---- after the commit ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_new_vm_that_is_off_after_the_commit_is_started(story: Story) -> None:
    told = moved(story, ("done", "open"), lambda story: moving.switch_off(story, moving.new(story)))
    assert_migrated(story, told)
    assert undone(story) == []


@pytest.mark.slow
def test_one_that_is_off_is_started_to_be_asked_for_its_mail_before_it_is_gone_back_from(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.switch_off(story, moving.new(story))
    assert story.rollback().status == DONE
    assert (story.live(), story.answers_the_world()) == (["old"], True)


@pytest.mark.slow
def test_one_that_was_deleted_after_the_commit_is_not_called_live(story: Story) -> None:
    told = moved(story, ("done", "open"), lambda story: moving.delete(story, moving.new(story)))
    assert told.status == WENT_BACK
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert "is deleted, and whatever mail it held with it" in told.out


@pytest.mark.slow
def test_an_old_vm_that_was_plugged_in_after_the_commit_is_unplugged_and_named(story: Story) -> None:
    told = moved(story, ("done", "open"), lambda story: moving.plug(story, moving.old(story)))
    assert_migrated(story, told)
    assert "mailgw was plugged in beside" in told.out
    assert "mail that it took meanwhile is in its queue" in told.out


@pytest.mark.slow
def test_an_untagged_new_vm_that_starts_with_its_host_is_not_joined_by_the_old_one(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.untag(story, moving.new(story))
    assert story.rollback("--scope", "switch").status == ATTENTION
    moving.plug(story, moving.new(story), up=False)
    told = story.rollback("--scope", "switch")
    assert told.status == ATTENTION
    assert "starts with its host, and does not have the tag of this run any more" in told.err
    assert story.live() == ["old"]
    assert moving.reboot_the_host(story) == []  # the new one comes back unplugged, and alone


@pytest.mark.slow
def test_who_went_back_by_hand_is_not_overruled(story: Story) -> None:
    def swap(story: Story) -> None:
        moving.plug(story, moving.new(story), up=False)
        moving.plug(story, moving.old(story))

    told = moved(story, ("done", "open"), swap)
    assert told.status == ATTENTION
    assert "somebody changed both links by hand" in told.err
    assert story.live() == ["old"]
    assert story.rollback().status == DONE
    assert (story.live(), story.answers_the_world()) == (["old"], True)


# ---- an import runs at most once in a VM ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_half_import_whose_undo_was_recorded_is_not_continued_in_the_same_vm(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("begin", "import"))).status == KILLED
    half = story.new_vm()["id"]
    assert story.rollback(stop=("SIGKILL", "after", ("undone", "import"))).status == KILLED
    assert story.rollback("--scope", "switch").status == DONE
    assert story.resume().status == DONE
    assert story.new_vm()["id"] != half


# ---- whose the new VM is -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("step", [slowly("deploy"), slowly("verify"), "close-intake"])
def test_a_new_vm_that_has_lost_its_tag_is_left_as_it_is(story: Story, step: str) -> None:
    seen: list[object] = []

    def untag(story: Story) -> None:
        moving.untag(story, moving.new(story))
        seen.append(story.world()["new"])

    told = moved(story, ("done", step), untag)
    assert told.status in (ATTENTION, WENT_BACK)
    assert "without the tag of this run: nobody knows any more whose it is" in told.err
    assert story.world()["new"] == seen[0]
    assert (story.live(), story.answers_the_world()) == (["old"], True)


# ---- on a way back: what was undone --------------------------------------------------------------------------


def gone_back_until(story: Story, undone: str) -> None:
    """Killed in the switch, and in its way back after that record."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "verify-live"))).status == KILLED
    assert story.rollback(stop=("SIGKILL", "after", ("undone", undone))).status == KILLED
    story.lab.settle()


def old_unplugged(story: Story) -> None:
    moving.plug(story, moving.old(story), up=False)


def plugged_the_other_way(story: Story) -> None:
    moving.plug(story, moving.old(story), up=False)
    moving.plug(story, moving.new(story))


def old_off(story: Story) -> None:
    moving.switch_off(story, moving.old(story))


@pytest.mark.slow
@pytest.mark.parametrize("move", [old_unplugged, *map(slowly, (plugged_the_other_way, old_off))])
@pytest.mark.parametrize("undone", ["switch", slowly("close-intake")])
def test_an_old_vm_that_is_not_live_any_more_is_put_right_by_the_way_back(
    story: Story, undone: str, move: Move
) -> None:
    gone_back_until(story, undone)
    move(story)
    told = story.rollback()
    story.lab.settle()
    assert told.status == DONE, told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert "this is not undone any more, so it is undone again" in told.out
    assert told.out.splitlines()[-1].startswith("MAIL: flowing through mailgw")


@pytest.mark.slow
def test_links_alone_are_put_right_too(story: Story) -> None:
    gone_back_until(story, "switch")
    old_unplugged(story)
    told = story.rollback("--links-only")
    story.lab.settle()
    assert (told.status, story.live()) == (ATTENTION, ["old"]), told.err  # its intake is closed yet


@pytest.mark.slow
def test_a_run_that_was_switched_back_is_switched_back_again_where_it_is_not_so_any_more(story: Story) -> None:
    assert story.migrate().status == DONE
    assert story.rollback().status == DONE
    assert story.rollback().status == REFUSED
    plugged_the_other_way(story)
    told = story.rollback()
    story.lab.settle()
    assert (told.status, story.live(), story.answers_the_world()) == (DONE, ["old"], True), told.err
    assert story.command("status", story.run_id).out.splitlines()[0].startswith("MAIL: flowing through mailgw")
