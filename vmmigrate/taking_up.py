"""Take up a recorded run in this process: under its lock, then connected, with all secrets that its way wants."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from vmmigrate import known_runs
from vmmigrate.doors import Doors
from vmmigrate.events import RunStarted, Warned
from vmmigrate.parts import Parts, run_of
from vmmigrate.run import way_out
from vmmigrate.run.engine import Engine
from vmmigrate.run.recorded import Recorded, as_set_now, taken_up
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.stage import Run


@contextmanager
def run_taken_up(run_id: str, verb: str, parts: Parts) -> Iterator[Recorded]:
    rundir = known_runs.existing(run_id, parts)
    with ExitStack() as held:
        with way_out.said_of(rundir, parts.itineraries):
            recorded = held.enter_context(taken_up(rundir, parts.itineraries, parts.clocks, verb))
        yield recorded


@contextmanager
def connected(recorded: Recorded, parts: Parts) -> Iterator[tuple[Engine, Run]]:
    """The run with its parts. All that its journal alone refuses was refused before: a password may be asked for."""
    recorded, said = as_set_now(recorded, parts.given, parts.clocks)
    recorder = Recorder(parts.listen)
    given = replace(parts, listen=recorder)
    with recorder.into(recorded.journal, partial(recorded.itinerary.vms, recorded.plan)), ExitStack() as opened:
        with way_out.said(recorded.standing, recorded.plan, recorded.settings, reached=False):
            run = opened.enter_context(run_of(recorded.rundir, recorded.plan, recorded.settings, given))
        if recorded.unknown:
            left_out = ", ".join(recorded.unknown)
            recorder(Warned(f"{recorded.rundir.settings} has settings of another version, left out: {left_out}"))
        for event in said:
            recorder(event)
        yield Engine(recorded.journal, recorded.itinerary, run, recorder), run


def fetch_secrets(doors: Doors, names: Iterable[str]) -> None:
    """All at the start, so that nobody is asked for a password in the middle of a live phase."""
    for name in names:
        doors.secrets.get(name)


def report_start(run: Run, verb: str) -> None:
    run.emit(RunStarted(run.run_id, verb, str(run.rundir.path)))
