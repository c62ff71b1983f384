"""Both guests behind a line with a round trip of 100 ms: the outage is a matter of how often it is crossed."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from real_sshd import NEEDS_SSHD

from fixtures.far import Far, away
from fixtures.openssh import USER, make_key, public, running
from tests.journey.story import DONE, Story

pytestmark = [NEEDS_SSHD, pytest.mark.slow]
ROUND_TRIP = 0.1  # seconds
OUTAGE = 15.0  # seconds, the most that is permitted with it
ITSELF = 5.0  # of these, what guests and hypervisor take beside the line: 4.5 s were measured on real ones (README)


@pytest.fixture
def far(story: Story, tmp_path: Path) -> Iterator[tuple[Far, dict[str, Any]]]:
    key = make_key(tmp_path / "id")
    with (
        running(tmp_path / "jump", authorized=public(key)) as jump,
        away((jump.address, jump.port), ROUND_TRIP / 2) as line,
    ):
        story.only_port = line.port
        url = f"ssh://{USER}@127.0.0.1:{line.port}"
        yield line, {"url": url, "key_file": str(key), "host_key": jump.host_key.strip()}
    story.only_port = 0


def when(story: Story, **wanted: str) -> float:
    at = next(record["at"] for record in story.journal if wanted.items() <= record.items())
    return datetime.fromisoformat(at).timestamp()


def test_the_outage_crosses_it_seldom_enough(story: Story, far: tuple[Far, dict[str, Any]]) -> None:
    line, via = far
    told = story.migrate(old={"via": via}, new={"via": via})
    assert (told.status, told.err) == (DONE, "")
    closed, opened = when(story, kind="learnt", group="Intake"), when(story, kind="done", step="open")
    turns = sum(closed <= at <= opened for at in line.turns)
    print(f"outage {opened - closed:.1f} s, {turns} round trips of {len(line.turns)}")
    assert 0 < turns * ROUND_TRIP <= OUTAGE - ITSELF
