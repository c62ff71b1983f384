"""One message is handed to the new gateway once it is open, where the operator asked for it; it goes out once."""

import pytest

from fixtures.appliance import mailspool
from tests.journey.records import MIGRATION
from tests.journey.story import DONE, KILLED, Story, Told

pytestmark = pytest.mark.slow
TO = "postmaster@example.test"


def said(told: Told) -> list[str]:
    return [line.partition("test message ")[2] for line in told.out.splitlines() if "test message vmmigrate-" in line]


def sent(story: Story) -> list[str]:
    """Of those that the new gateway delivered."""
    root = story.lab.root_of(story.new_vm()["id"])
    return [each for each in mailspool.delivered(root) if f"vmmigrate: test message of run {story.run_id}" in each]


def test_it_is_handed_over_and_followed(story: Story) -> None:
    told = story.migrate("--test-mail", TO)
    assert told.status == DONE, told.err
    [words] = said(told)
    assert (words.startswith(f"vmmigrate-{story.run_id}@"), words.endswith(": sent")) == (True, True)
    assert len(sent(story)) == 1
    journal = "".join(map(str, story.journal))
    assert TO not in journal


def test_nobody_asked_for_it(story: Story) -> None:
    told = story.migrate()
    assert (told.status, said(told), sent(story)) == (DONE, [], [])


def test_an_address_that_is_set_later_is_in_no_record(story: Story) -> None:
    """The journal says that it was; which it is, is among the settings."""
    assert story.prepare().status == DONE
    told = story.command("cutover", story.run_id, "--yes", mail={"test": TO})
    assert (told.status, len(said(told)), len(sent(story))) == (DONE, 1, 1), told.err
    journal = "".join(map(str, story.journal))
    assert ("mail.test was not set when the run began, and set at this " in journal, TO in journal) == (True, False)


def test_who_is_killed_behind_it_does_not_send_it_twice(story: Story) -> None:
    """The record that it is begun is on the disk, the message is out, its end is not recorded."""
    end_of_it = MIGRATION.index(("begin", "test-mail")) + 3  # records are counted from 1, and it learns that it began
    told = story.migrate("--test-mail", TO, stop=("SIGKILL", "before", end_of_it))
    assert told.status == KILLED
    assert len(sent(story)) == 1
    told = story.resume()
    assert (told.status, len(sent(story))) == (DONE, 1), told.err
    assert said(told)[0].endswith(": sent")
