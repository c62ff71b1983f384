"""How many commands a whole migration gives both guests over SSH; the peer is what it gave before they were counted."""

import contextlib

from benchmarks.figure import Figure
from fixtures import guest_commands
from tests.journey.conftest import a_story
from tests.journey.story import DONE, Child

BEFORE, BEFORE_IN_OUTAGE = 238, 10


def measure() -> tuple[Figure, Figure]:
    with contextlib.closing(Child()) as child, a_story(child) as story:
        migrated = story.migrate()
        assert migrated.status == DONE, migrated.err
        commands = guest_commands.of_run(story.lab.folder, story.journal)
    return (
        _figure("guest_commands", len(commands), BEFORE),
        _figure("guest_commands_in_outage", sum(each.in_outage for each in commands), BEFORE_IN_OUTAGE),
    )


def _figure(name: str, count: int, before: int) -> Figure:
    return Figure(name, float(count), "commands", f"{before} before", round(before / count, 2))
