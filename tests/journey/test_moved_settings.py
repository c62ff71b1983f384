"""Users, certificates, keys and settings made in a new gateway that was live: none is deleted without its number."""

import json

import pytest

from fixtures.appliance.store import FILE_STORE
from tests.journey import moving
from tests.journey.story import ATTENTION, DONE, REFUSED, Story, Told

pytestmark = pytest.mark.slow


def add(story: Story, table: str, *row: str) -> None:
    """As an administrator does in the new gateway's console."""
    root = story.lab.root_of(moving.new(story).id)
    tables = json.loads(root.read(FILE_STORE))
    tables[table]["rows"].append(list(row))
    root.write(FILE_STORE, json.dumps(tables).encode())


def change(story: Story, table: str, cell: str) -> None:
    root = story.lab.root_of(moving.new(story).id)
    tables = json.loads(root.read(FILE_STORE))
    tables[table]["rows"][0][-1] = cell
    root.write(FILE_STORE, json.dumps(tables).encode())


def finish(story: Story, *flags: str) -> Told:
    return story.command("finish", story.run_id, "--yes", *flags)


def test_what_was_made_in_it_is_counted_and_named(story: Story) -> None:
    assert story.migrate().status == DONE
    add(story, "cm_users", "dora@example.test", "internal", "2026-01-01")
    add(story, "cm_certificates", "ab" * 20, "CN=dora", "CN=ca", "dora@example.test", "PEM")
    add(story, "cm_keystore", "dora", "ab" * 20, "KEY")
    change(story, "cm_properties", "another value")
    assert story.rollback().status == DONE
    before = story.everything()
    for flags in ((), ("--discard-settings", "3"), ("--discard-settings", "unseen"), ("--discard-mail", "4")):
        told = finish(story, *flags)
        assert told.status == ATTENTION, told.out
        assert "seen: 4 entries (1 certificates, 1 cm_properties, 1 cm_users, 1 private keys)" in told.err
        assert "--discard-settings 4" in told.err
        assert story.everything() == before
    told = finish(story, "--discard-settings", "4")
    assert told.status == DONE, told.err
    assert told.out.count(", deleted with it as requested: 4 entries") == 1
    assert (list(story.world()), story.live()) == (["old"], ["old"])


def test_what_the_old_gateway_has_by_now_is_not_counted(story: Story) -> None:
    """The certificate and its key were brought over by hand."""
    assert story.migrate().status == DONE
    add(story, "cm_certificates", "ab" * 20, "CN=dora", "CN=ca", "dora@example.test", "PEM")
    assert story.rollback().status == DONE
    old, new = (story.lab.root_of(vm.id) for vm in (moving.old(story), moving.new(story)))
    old.write(FILE_STORE, new.read(FILE_STORE))
    assert finish(story).status == DONE


def test_one_that_is_off_is_started_unplugged_and_looked_at(story: Story) -> None:
    assert story.migrate().status == DONE
    add(story, "cm_users", "dora@example.test", "internal", "2026-01-01")
    assert story.rollback().status == DONE
    moving.switch_off(story, moving.new(story))
    told = finish(story)
    assert told.status == ATTENTION
    assert "seen: 1 entry (1 cm_users)" in told.err
    assert (story.world()["new"]["power"], story.live()) == ("running", ["old"])


def test_one_that_does_not_answer_cannot_be_looked_at(story: Story) -> None:
    assert story.migrate().status == DONE
    assert story.rollback().status == DONE
    moving.cut_off(story, moving.new(story))
    told = finish(story)
    assert told.status == ATTENTION
    assert "--discard-mail unseen" in told.err
    assert finish(story, "--discard-mail", "0", "--discard-settings", "0").status == ATTENTION
    assert "new" in story.world()
    assert finish(story, "--discard-mail", "unseen", "--discard-settings", "unseen").status == DONE
    assert (list(story.world()), story.live()) == (["old"], ["old"])


def test_a_number_is_a_number(story: Story) -> None:
    assert story.migrate().status == DONE
    assert story.rollback().status == DONE
    told = finish(story, "--discard-mail", "all")
    assert told.status == REFUSED
    assert "--discard-mail 'all' is neither a number nor 'unseen'" in told.err
