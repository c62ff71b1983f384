"""A new gateway that has an IPv6 address alone on staging: found, verified, filled, switched to, gone back from."""

from collections.abc import Iterator

import pytest

from tests.journey.conftest import a_story
from tests.journey.story import DONE, KILLED, Child, Story

pytestmark = pytest.mark.slow


@pytest.fixture
def story(child: Child) -> Iterator[Story]:
    with a_story(child, ipv6=True) as story:
        yield story


def test_it_is_found_killed_in_the_switch_migrated_to_and_gone_back_from(story: Story) -> None:
    before = story.world()
    assert story.migrate(stop=("SIGKILL", "after", ("done", "switch"))).status == KILLED
    told = story.resume()
    assert told.status == DONE, told.err
    assert "https://[::1]:8443/ciphermail" in str(story.journal)
    assert story.live() == ["new"]
    assert "MAIL: flowing through" in told.out + told.err
    assert story.rollback().status == DONE
    assert story.live() == ["old"]
    assert story.finish().status == DONE
    assert story.world() == before
    assert story.conflicts() == []


def test_its_address_may_be_given_as_a_url_has_it(story: Story) -> None:
    told = story.migrate(stop=("SIGKILL", "after", ("done", "ready")), new={"staging_address": "[0:0::1]"})
    assert told.status == KILLED, told.err
    assert "https://[::1]:8443" in str(story.journal)
    assert story.rollback().status == DONE
    assert list(story.world()) == ["old"]
