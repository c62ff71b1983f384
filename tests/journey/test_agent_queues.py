"""Mail that the old mail agent holds in its own queues: none of it is left behind unless the operator says so."""

import threading

import pytest

from fixtures.appliance import queue_pages
from tests.journey.conftest import Tell
from tests.journey.story import DONE, KILLED, REFUSED, WENT_BACK, Story

pytestmark = pytest.mark.slow


def held(story: Story, queue: str, name: str = "MAIL-1") -> None:
    queue_pages.put(story.lab.root_of(story.lab.old_id), queue, name)


def acted(story: Story) -> bool:
    return story.lab.root_of(story.lab.old_id).at(queue_pages.ACTED).exists()


def test_what_it_could_not_handle_stops_the_switch_until_it_is_accepted(story: Story) -> None:
    held(story, "error")
    told = story.migrate()
    assert told.status == WENT_BACK
    assert "could not handle 1 messages" in told.err
    assert "--accept mpa-error" in told.err
    assert ("learnt", "close-intake") not in story.recorded  # before the old gateway was touched
    assert story.answers_the_world()
    told = story.resume("--accept", "mpa-error")
    assert told.status == DONE, told.err
    assert "accepted (mpa-error): 1 in the error queue of mailgw" in told.out
    assert "mpa-error" in next(line["value"]["accepted"] for line in story.journal if line.get("group") == "Intake")
    assert not acted(story)


def test_a_run_that_was_killed_in_the_switch_knows_what_was_accepted(story: Story) -> None:
    held(story, "error")
    assert story.prepare().status == DONE
    assert (
        story.cutover("--accept", "mpa-error", stop=("SIGKILL", "after", ("learnt", "close-intake"))).status == KILLED
    )
    told = story.resume()
    assert told.status == DONE, told.err
    assert story.rollback().status == DONE
    assert story.answers_the_world()


def test_what_it_is_handling_is_waited_for(story: Story) -> None:
    held(story, "spool")
    handled = threading.Timer(8.0, queue_pages.drop, (story.lab.root_of(story.lab.old_id), "spool", "MAIL-1"))
    handled.start()
    told = story.migrate(limits={"drain": 60})
    handled.cancel()
    assert told.status == DONE, told.err


def test_what_it_does_not_hand_on_in_time_goes_back(story: Story) -> None:
    held(story, "respool")
    told = story.migrate()
    assert told.status == WENT_BACK
    assert "the mail agent: 1 in MPA respool" in told.err
    assert story.answers_the_world()
    assert list(story.world()) == ["old"]


def test_pages_that_are_not_found_are_for_the_operator_to_accept(tell: Tell) -> None:
    story = tell(old={"shape": {"queues": "none"}})
    told = story.prepare()
    assert told.status == DONE, told.err
    assert "what the mail agent holds is not known" in told.out
    told = story.cutover()
    assert told.status == WENT_BACK
    assert "--accept mpa-unknown" in told.err
    assert story.answers_the_world()
    told = story.cutover("--accept", "mpa-unknown")
    assert told.status == DONE, told.err


def test_an_id_that_there_is_not_is_a_wrong_command(story: Story) -> None:
    told = story.migrate("--accept", "mpa-error,hope")
    assert told.status == REFUSED
    assert "hope: nothing that can be accepted; there are main-cf, maps, " in told.err
    assert not story.run_ids
    told = story.migrate(switch={"accept": "hope"})
    assert told.status == REFUSED
    assert "there are main-cf, maps, " in told.err
