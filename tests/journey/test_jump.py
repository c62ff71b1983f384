"""A whole migration through a jump host, OpenSSH's own: nothing of it goes past that."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from real_sshd import NEEDS_SSHD

from fixtures.openssh import USER, make_key, public, running
from tests.journey.conftest import Worlds
from tests.journey.records import number
from tests.journey.story import DONE, INTERRUPTED, KILLED, Story, assert_same

pytestmark = NEEDS_SSHD


@pytest.fixture
def via(story: Story, tmp_path: Path) -> Iterator[dict[str, Any]]:
    key = make_key(tmp_path / "id", passphrase="said aloud")
    story.secrets["VMMIGRATE_OLD_VIA_KEY_PASSPHRASE"] = "said aloud"
    story.secrets["VMMIGRATE_NEW_VIA_KEY_PASSPHRASE"] = "said aloud"
    with running(tmp_path / "jump", "LogLevel VERBOSE", authorized=public(key)) as jump:
        story.only_port = jump.port
        url = f"ssh://{USER}@{jump.address}:{jump.port}"
        yield {"url": url, "key_file": str(key), "host_key": jump.host_key.strip()}
        assert "Failed" not in jump.log
    story.only_port = 0


@pytest.mark.slow
def test_a_plan_through_a_jump_host_says_who_is_let_in(story: Story, via: dict[str, Any]) -> None:
    before = story.everything()
    told = story.plan(old={"via": via}, new={"via": via})
    assert (told.status, told.err) == (DONE, "")
    assert told.out.count("everybody on the jump host 127.0.0.1 may pass the firewall") == 1
    assert story.everything() == before


@pytest.mark.slow
def test_a_migration_and_the_way_back_go_through_the_jump_host(
    story: Story, via: dict[str, Any], undisturbed: Worlds
) -> None:
    told = story.migrate(old={"via": via}, new={"via": via})
    assert (told.status, told.err) == (DONE, "")
    assert_same(story.world(), undisturbed.migrated)
    assert '"workstation":""' in (story.run_folder / "journal.jsonl").read_text()  # no word of the old guest's
    told = story.rollback()
    assert (told.status, told.err) == (DONE, "")
    assert_same(story.world(), undisturbed.switched_back)


@pytest.mark.slow
def test_a_migration_killed_in_the_switch_is_resumed_through_it(
    story: Story, via: dict[str, Any], undisturbed: Worlds
) -> None:
    stop = ("SIGKILL", "after", number("done", "switch"))
    assert story.migrate(old={"via": via}, new={"via": via}, stop=stop).status == KILLED
    assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)


@pytest.mark.slow
def test_without_it_the_old_gateway_is_not_reached(story: Story, via: dict[str, Any]) -> None:
    """The guard of these tests is one: a connection past the jump host is a bug's end."""
    told = story.plan(new={"via": via})
    assert told.status not in (DONE, INTERRUPTED)
