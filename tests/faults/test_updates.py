"""An update killed at any effect, rebooted or not, then resumed or rolled back: one release, whole, and all mail."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hypervisors import Clock, Pace, Problem
from tests.faults.process import Killed
from tests.faults.updates import (
    FETCHED,
    MAC,
    NEW,
    OLD,
    THEIRS,
    Dpkg,
    Hypervisor,
    Machine,
    Moves,
    Shell,
    World,
    database,
    plan,
)
from vmmigrate import operations, update
from vmmigrate.appliance.net import firewall
from vmmigrate.errors import CommandFailed, NeedsAttention, RolledBack
from vmmigrate.findings import Check, Verdict
from vmmigrate.parts import Parts
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets
from vmmigrate.steps.update import console, host, install, prepare, services, verify
from vmmigrate.updating import copying, dumping, machine
from vmmigrate.updating.tools import State

RUN = "20260101-000000-abcd"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], None]:
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda handle: None)  # a process is killed here, and no machine

    def put(world: World) -> None:
        def kept(name: str) -> Callable[..., None]:
            def act(shell: object, path: str, *_: object) -> None:
                with world.effect(name) as there:
                    there.files[path] = dict(there.settings if name == "save" else there.tables)

            return act

        def brought(shell: object, files: Sequence[copying.Brought]) -> None:
            for file in files:
                with world.effect(f"copy {file.remote}") as there:
                    there.files[file.remote] = file.sha256

        def digests(shell: object, paths: Sequence[str]) -> dict[str, str]:
            return {path: str(world.machine.files[path]) for path in paths if path in world.machine.files}

        def restored(shell: object, path: str) -> None:
            with world.effect("restore settings") as there:
                there.settings = dict(there.files[path])

        def database_restored(shell: object, path: str) -> None:
            with world.effect("restore database") as there:
                there.tables = dict(there.files[path])

        def closes(state: bool) -> Callable[..., None]:
            def act(*_: object) -> None:
                with world.effect("close" if state else "open") as there:
                    there.closed = state

            return act

        def console_kept(*_: object) -> None:
            with world.effect("switch PAM") as there:
                there.tables["cm_properties"] = 1

        def greeting(*_: object, **__: object) -> str:
            if world.dead:
                raise Killed
            if not world.machine.takes_mail:
                raise Problem("no greeting", hint="look")
            return "220 mailgw"

        for owner, name, value in (
            (copying, "upload", brought),
            (copying, "digests", digests),
            (copying, "save_settings", kept("save")),
            (copying, "restore_settings", restored),
            (copying, "laid_beside", lambda *_: ()),
            (dumping, "dump", lambda shell, path: kept("dump")(shell, path) or 1),
            (dumping, "restore", database_restored),
            (firewall, "lay_intake", lambda shell, ports: None),
            (firewall, "close_intake", closes(True)),
            (firewall, "open_intake", closes(False)),
            (firewall, "intake_closed", lambda shell: world.machine.closed),
            (services.sources, "active", lambda shell: ()),
            (services.sources, "stopping", lambda units: ()),
            (services.mail, "wait_until_quiet", lambda *_, **__: None),
            (services.mail, "banner", greeting),
            (services.mail, "settings", lambda shell: dict(world.machine.settings)),
            (console, "_within", console_kept),
            (prepare.ports, "served", lambda *_: ()),
            (verify.ports, "compared", lambda *_: iter(())),
            (machine, "is_the_host", lambda *_: iter((Check("vm-is-host", MAC, "", "", Verdict.PASS),))),
            *((room, "read_database", lambda *_, **__: database(world)) for room in (prepare, install, verify)),
        ):
            monkeypatch.setattr(owner, name, value)
        monkeypatch.setitem(host._TOOLS, "apt", Dpkg(world))

    return put


def parts(folder: Path, world: World) -> Parts:
    side = SimpleNamespace(dial=None, wanted=lambda: (), software=lambda shell: None)
    side.shell = lambda where: Shell(world)
    doors = SimpleNamespace(old=side, hang_up=lambda where: None, close=lambda: None)
    doors.secrets = SimpleNamespace(is_given=lambda name: False)
    doors.report_to = lambda listener: None
    now = itertools.count()
    return Parts(
        secrets=ProcessSecrets({}),
        runs_folder=folder / "runs",
        keys_folder=folder / "keys",
        connect=lambda url, access: Hypervisor(world),  # type: ignore[arg-type, return-value]
        open_doors=lambda settings, secrets: doors,  # type: ignore[arg-type, return-value]
        pace=Pace(Clock(lambda: float(next(now)), lambda seconds: None)),
        wall=lambda: 0.0,
        workstation=lambda: "desk",
    )


def begun(folder: Path, world: World, *, vm: bool) -> BaseException | None:
    settings = Settings.model_validate({"hypervisor": {"url": "test:///update"}, "outage": {"watch": False}})
    return _ends(lambda: update.update(plan(RUN, vm=vm), settings, parts(folder, world), yes=True))


def _ends(act: Callable[[], object]) -> BaseException | None:
    try:
        act()
    except (Killed, Problem) as error:
        return error
    return None


def followed(folder: Path, world: World, verb: str) -> BaseException | None:
    world.dead = False
    acts: dict[str, Callable[[], Any]] = {
        "resume": lambda: operations.resume(RUN, parts(folder, world)),
        "rollback": lambda: operations.rollback(RUN, parts(folder, world), yes=True),
    }
    return _ends(acts[verb])


def broken(world: World, error: BaseException | None) -> list[str]:
    """What must never be, at the end of a story that ends in that."""
    there, wrong = world.machine, list[str]()
    versions = {state.version for name, state in there.packages.items() if name.startswith("djigzo")}
    whole = all(state.status == "ii" for state in there.packages.values()) and len(versions) == 1
    if not whole and not (isinstance(error, NeedsAttention) and "dpkg --audit" in error.hint):
        wrong.append(f"half an update in silence: {there.packages}, {error}")
    if whole and not (there.takes_mail and there.delivers):
        wrong.append(f"no gateway: {there.up}, closed: {there.closed}, {error}")
    if versions == {OLD} and whole and error is None and FETCHED in there.packages:
        wrong.append("what was fetched stays")
    if world.theirs and THEIRS not in there.packages:
        wrong.append("what a person installed is gone")
    if versions == {OLD} and whole and (there.tables, there.settings) != (Machine().tables, Machine().settings):
        wrong.append(f"the old release with {there.tables}, {there.settings}")
    came = Counter([*world.out, *there.queue])
    if lost := [number for number in world.taken if number not in came]:
        wrong.append(f"lost: {lost}")
    if twice := [number for number, times in came.items() if times > 1]:
        wrong.append(f"twice: {twice}")
    return wrong


def effects_of(tmp_path: Path, stand_in: Callable[[World], None], *, vm: bool, fails: str = "") -> int:
    world = World(Moves(fails=fails))
    stand_in(world)
    error = begun(tmp_path / "measured", world, vm=vm)
    assert (error is None) is not bool(fails), error
    assert broken(world, error) == []
    gateway = {state.version for name, state in world.machine.packages.items() if name not in (FETCHED, THEIRS)}
    assert gateway == {OLD if fails else NEW}
    return world.effects


@pytest.mark.slow
@pytest.mark.parametrize("vm", [True, False], ids=["snapshot", "packages"])
@pytest.mark.parametrize("fails", ["", "djigzo", "djigzo-web"])
@pytest.mark.parametrize("verb", ["resume", "rollback"])
def test_an_update_killed_at_any_effect(
    tmp_path: Path, stand_in: Callable[[World], None], vm: bool, fails: str, verb: str
) -> None:
    """Every effect, of a rollback too, before and after it; every other time with a reboot of the host."""
    found = list[str]()
    effects = effects_of(tmp_path, stand_in, vm=vm, fails=fails)
    for number, after in itertools.product(range(1, effects + (20 if verb == "rollback" else 1)), (False, True)):
        boots, folder = (number + after) % 2 == 0, tmp_path / f"{number}-{after}"
        world = World(Moves(number, after=after, fails=fails))
        stand_in(world)
        killed = isinstance(begun(folder, world, vm=vm), Killed)
        if killed and boots:
            world.reboot()
        if not (folder / "runs" / RUN / "journal.jsonl").exists():
            continue
        error = followed(folder, world, verb)
        if isinstance(error, Killed):
            error = followed(folder, world, "resume")
        if isinstance(error, NeedsAttention) and verb == "resume":
            error = followed(folder, world, "rollback")
        if wrong := broken(world, error):
            found.append("\n  ".join((f"{number} {after=} {boots=}: {wrong}", *world.story)))
    assert not found, f"{len(found)} broken; the first:\n{found[0]}"


def test_what_no_record_names_stays_and_all_else_goes_back(
    tmp_path: Path, stand_in: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of an earlier version noted nothing."""
    world = World(Moves(fails="djigzo-web"))
    stand_in(world)
    monkeypatch.setattr(install, "_noted", lambda run: ())
    world.machine.packages[FETCHED] = State("ii", "1")
    error = begun(tmp_path, world, vm=False)
    assert isinstance(error, RolledBack), error
    assert broken(world, error) == []
    assert FETCHED in world.machine.packages


def test_what_was_fetched_and_does_not_go_stops_no_way_back(
    tmp_path: Path, stand_in: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(Moves(fails="djigzo-web"))
    stand_in(world)
    remove = host._TOOLS["apt"].remove

    def refuse(shell: Any, names: Sequence[str], *, purge: bool) -> None:
        if FETCHED in names:
            raise CommandFailed("something needs it", hint="look there")
        remove(shell, names, purge=purge)

    monkeypatch.setattr(host._TOOLS["apt"], "remove", refuse)
    error = begun(tmp_path, world, vm=False)
    assert isinstance(error, RolledBack), error
    assert broken(world, error) == []
    assert FETCHED in world.machine.packages
