"""What an operation is given by its caller, and the real parts made of that: hypervisor, doors, run."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, cast

from hypervisors import (
    REAL_TIME,
    Access,
    Hypervisor,
    Lasting,
    Pace,
    Problem,
    Progress,
    SshAccess,
    TlsTrust,
    Unreachable,
    connect,
    lasting,
    until_reachable,
)
from vmmigrate.doors import Doors
from vmmigrate.errors import UsageProblem
from vmmigrate.events import Changed, Listener, StepBegan, StepEnded, StepProgress, StepWaits, silent
from vmmigrate.itineraries import ITINERARIES
from vmmigrate.itinerary import Itinerary
from vmmigrate.model import Plan
from vmmigrate.run.clocks import THIS_MACHINE, Clocks
from vmmigrate.run.logged import warnings_to
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.service import Within, at_once
from vmmigrate.run.stage import Run
from vmmigrate.settings.given import NOTHING_GIVEN, Given
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets, Secrets


@dataclass(frozen=True)
class Parts:
    """What an operation is given by its caller: how to connect, where secrets come from, who listens, what stops it."""

    secrets: ProcessSecrets
    runs_folder: Path
    keys_folder: Path
    connect: Callable[[str, Access], Hypervisor] = connect
    listen: Listener = silent
    pace: Pace = REAL_TIME
    wall: Callable[[], float] = THIS_MACHINE.wall
    up: Callable[[], float] = THIS_MACHINE.up
    boot: Callable[[], str] = THIS_MACHINE.boot
    workstation: Callable[[], str] = socket.gethostname
    open_doors: Callable[[Settings, Secrets], Doors] = Doors
    within: Within = at_once
    watches: bool = False  # whether a run's services are asked from here in its live phases
    given: Callable[[Path | None], Given] = lambda file: NOTHING_GIVEN  # by file (None: the operator's) and environment
    itineraries: Sequence[Itinerary] = ITINERARIES

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.wall, self.up, self.boot)

    def rundir(self, run_id: str) -> RunDir:
        return RunDir(self.runs_folder / run_id, self.keys_folder / f"{run_id}.key")


class NoHypervisor:
    """In place of one, for a run that is about a host alone."""

    settling = 0.0
    keeps_network = True

    def __getattr__(self, name: str) -> NoReturn:
        raise UsageProblem("no hypervisor is given", hint="give its URL with --hypervisor, or as hypervisor.url")


@contextmanager
def reported(parts: Parts, step: str, title: str) -> Iterator[Pace]:
    """Report that something begins and ends; what is yielded reports how far it is, and may stop it."""

    def listen(progress: Progress) -> None:
        parts.listen(StepProgress(step, progress.done, progress.total))

    clock = parts.pace.clock
    started = clock.now()
    parts.listen(StepBegan(step, title, 0, 0))
    yield replace(parts.pace, hears_progress=listen)
    parts.listen(StepEnded(step, title, clock.now() - started))


@contextmanager
def hypervisor_of(settings: Settings, parts: Parts, *, patient: bool = False) -> Iterator[Hypervisor]:
    """Connected, and connected again where that breaks. `patient`: waited for at first too: it was there once.

    Without a URL there is none: a run on a host alone.
    """
    if not settings.hypervisor.url:
        yield cast("Hypervisor", NoHypervisor())
        return
    url, seconds, pace = settings.hypervisor.url, settings.limits.reconnect, heard(parts)
    with warnings_to(parts.listen):

        def connected() -> Hypervisor:
            return parts.connect(url, access_to(settings, parts))

        first = _patiently(url, connected, seconds, pace) if patient else connected()
        hypervisor = lasting(url, connected, first, seconds, pace)
        try:
            yield hypervisor
        finally:
            with suppress(Problem):  # a dead connection counts as closed
                hypervisor.close()


def _patiently(url: str, connected: Callable[[], Hypervisor], seconds: float, pace: Pace) -> Hypervisor:
    try:
        return connected()
    except Unreachable as error:
        return until_reachable(url, connected, seconds, pace, hint=error.hint)


def heard(parts: Parts) -> Pace:
    """The caller's, whose listener also hears of waits; they belong to no step."""
    return replace(parts.pace, hears_wait=lambda wait: parts.listen(StepWaits("", wait)))


def access_to(settings: Settings, parts: Parts) -> Access:
    """The hypervisor's password, asked for where its URL's kind wants one, what to trust, how long to wait."""
    secrets = parts.secrets.of(settings)
    there = settings.hypervisor
    trust = TlsTrust(there.fingerprint, there.ca_file)
    ssh = SshAccess(there.host_key, there.known_hosts, there.key_file)
    return Access(lambda: secrets.get("hypervisor.password"), trust, settings.limits.stall, ssh)


@contextmanager
def doors_of(settings: Settings, parts: Parts) -> Iterator[Doors]:
    """Closed afterwards; passwords are asked for when needed."""
    doors = parts.open_doors(settings, parts.secrets.of(settings))
    try:
        yield doors
    finally:
        doors.close()


@contextmanager
def run_of(rundir: RunDir, plan: Plan, settings: Settings, parts: Parts) -> Iterator[Run]:
    """A recorded run in this process, connected."""
    with hypervisor_of(settings, parts, patient=True) as hypervisor, doors_of(settings, parts) as doors:
        yield made_run(rundir, plan, settings, hypervisor, doors, parts)


def made_run(rundir: RunDir, plan: Plan, settings: Settings, hypervisor: Hypervisor, doors: Doors, parts: Parts) -> Run:
    run = Run(
        run_id=rundir.run_id,
        rundir=rundir,
        plan=plan,
        settings=settings,
        hypervisor=hypervisor,
        doors=doors,
        emit=parts.listen,
        clocks=parts.clocks,
        unasked=lambda: parts.open_doors(settings, parts.secrets.of(settings).without_asking()),
        within=parts.within,
        workstation=parts.workstation,
        watches=parts.watches,
        pace=parts.pace,
    )
    if isinstance(hypervisor, Lasting):
        hypervisor.keep_to(lambda: run.pace)  # nothing stops a way back, nor its wait for the hypervisor
        hypervisor.report_to(lambda each: parts.listen(Changed(each.vm.id, each.what, each.before, each.after)))
    doors.report_to(lambda side, what, ended: parts.listen(Changed(side, what, "", ended)))
    return run
