"""What a person types where a way back did not get through: the commands that end the outage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from hypervisors import Problem
from vmmigrate.errors import JournalDamaged, RunFolderFailed
from vmmigrate.events import DOWN, FLOWING, TWICE, Service
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.began_with import plan_of, settings_of
from vmmigrate.run.fold import RunState, Status, sound_state
from vmmigrate.run.record import read
from vmmigrate.run.recorded import of_run, readable_steps
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.standing import Standing
from vmmigrate.settings.models import Settings

_MEANWHILE = "meanwhile perhaps nobody takes mail; by hand, in this order"
_AS_FAR = "how far the run came is not known; where nobody takes mail, by hand, in this order"


def by_hand(
    standing: Standing, plan: Any, settings: Settings, mail: Service | None = None, *, reached: bool = True
) -> str:
    """To go behind a hint; "" while somebody is live, by a look (`mail`), else as far as the run knows.

    `reached`: a command of this program gets as far as the hypervisor.
    """
    return _typed(standing, plan, settings.hypervisor.url, mail, reached=reached)


def _typed(standing: Standing, plan: Any, url: str, mail: Service | None = None, *, reached: bool) -> str:
    """`plan`: None where it is lost."""
    state, itinerary = standing.state, standing.itinerary
    seen = mail is not None and mail.state in (FLOWING, TWICE)
    down = mail is not None and mail.state == DOWN and standing.undid(itinerary.everything)
    if seen or not (standing.exposed or down) or state.steps[itinerary.commit] is Status.DONE:
        return ""
    shortcut = itinerary.shortcut(state) if reached else ()
    return _numbered(_MEANWHILE, [*shortcut, *_lines(standing, plan, url)])


def _lines(standing: Standing, plan: Any, url: str) -> list[str]:
    """`plan`: None where it is lost."""
    itinerary, state = standing.itinerary, standing.state
    return list(itinerary.by_hand(plan, url, state) if plan else itinerary.by_hand_unplanned(url, state))


def _numbered(when: str, lines: Sequence[str]) -> str:
    numbered = [f"\n    {number}. {line}" for number, line in enumerate(lines, start=1)]
    return f"\n  {when}:" + "".join(numbered) if lines else ""


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
    its folder can be read.
    """
    try:
        yield
    except (RunFolderFailed, JournalDamaged) as failed:
        with suppress(Problem):
            failed.hint += _by_folder(rundir, itineraries, reached=isinstance(failed, JournalDamaged))
        raise


def _by_folder(rundir: RunDir, itineraries: Sequence[Itinerary], *, reached: bool) -> str:
    state, whole = sound_state(rundir.journal)
    itinerary = of_run(state, itineraries)
    plan, url, all_read = _plan_and_url(rundir, itinerary, state)
    standing = Standing(itinerary, state)
    if whole:
        typed = _typed(standing, plan, url, reached=reached and all_read)
        return typed and _by_command(rundir, standing, reached=reached and all_read) + typed
    return _numbered(_AS_FAR, _lines(_at_worst(standing), plan, url)) if not standing.committed else ""


def _by_command(rundir: RunDir, standing: Standing, *, reached: bool) -> str:
    """A way back goes with the copies; not where this version cannot read what the run did."""
    with suppress(Problem):
        readable_steps(standing.itinerary, standing.state, read(rundir.journal))
        return f"; to go back now: vmmigrate rollback {standing.state.run_id}" if reached else ""
    return ""


def _plan_and_url(rundir: RunDir, itinerary: Itinerary, state: RunState) -> tuple[Any, str, bool]:
    """The plan, None where it is lost; the hypervisor's URL, "" where it is; whether nothing is lost."""
    plan, url, lost = None, "", 0
    try:
        plan, _ = plan_of(rundir, itinerary, state)
    except JournalDamaged:
        lost += 1
    try:
        url = settings_of(rundir, state)[0].settings.hypervisor.url
    except JournalDamaged:
        lost += 1
    return plan, url or str(getattr(plan, "hypervisor", "")), not lost


def _at_worst(standing: Standing) -> Standing:
    """As if each step that touches what serves had been begun."""
    state, live = standing.state, standing.itinerary.live
    begun = {name: Status.BEGUN for name, phase in state.phases.items() if phase in live}
    return Standing(standing.itinerary, replace(state, steps={**state.steps, **begun}))
