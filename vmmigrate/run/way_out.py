"""What a person types where a way back did not get through: the commands that end the outage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from hypervisors import Problem
from vmmigrate.errors import JournalDamaged, RunFolderFailed
from vmmigrate.events import DOWN, FLOWING, TWICE, Service
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.fold import Status
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.standing import Standing
from vmmigrate.run.status import read_status
from vmmigrate.settings.models import Settings
from vmmigrate.settings.stored import read_stored


def by_hand(
    standing: Standing, plan: Any, settings: Settings, mail: Service | None = None, *, reached: bool = True
) -> str:
    """To go behind a hint; "" while somebody is live, by a look (`mail`), else as far as the run knows.

    `reached`: a command of this program gets as far as the hypervisor.
    """
    return _typed(standing, plan, settings.hypervisor.url, mail, reached=reached)


def _typed(standing: Standing, plan: Any, url: str, mail: Service | None = None, *, reached: bool) -> str:
    state, itinerary = standing.state, standing.itinerary
    seen = mail is not None and mail.state in (FLOWING, TWICE)
    down = mail is not None and mail.state == DOWN and standing.undid(itinerary.everything)
    if seen or not (standing.exposed or down) or state.steps[itinerary.commit] is Status.DONE:
        return ""
    shortcut = itinerary.shortcut(state) if reached else ()
    lines = [*shortcut, *itinerary.by_hand(plan, url, state)]
    numbered = [f"\n    {number}. {line}" for number, line in enumerate(lines, start=1)]
    return "\n  meanwhile perhaps nobody takes mail; by hand, in this order:" + "".join(numbered) if lines else ""


@contextmanager
def said(standing: Standing, plan: Any, settings: Settings, *, reached: bool = True) -> Iterator[None]:
    """Within the block a problem is in the way of the way back: its hint says what a person can do."""
    try:
        yield
    except Problem as problem:
        problem.hint += by_hand(standing, plan, settings, reached=reached)
        raise


@contextmanager
def said_of(rundir: RunDir, itineraries: Sequence[Itinerary]) -> Iterator[None]:
    """The same of a run that cannot be taken up, because a file of its folder cannot be read or written: as far as
    journal and plan can be read.
    """
    try:
        yield
    except (RunFolderFailed, JournalDamaged) as failed:
        with suppress(Problem):
            seen = read_status(rundir, itineraries)
            failed.hint += _typed(seen.standing, seen.plan, _url(rundir, seen.plan), reached=False)
        raise


def _url(rundir: RunDir, plan: Any) -> str:
    """Of the hypervisor. The settings have it, and a migration's plan."""
    try:
        return read_stored(rundir.settings).settings.hypervisor.url
    except JournalDamaged:
        return str(getattr(plan, "hypervisor", ""))
