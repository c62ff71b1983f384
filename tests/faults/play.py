"""Play schedules: a process runs the undisturbed migration and copies itself where a schedule's first move is due."""

import faulthandler
import gc
import json
import multiprocessing
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tests.faults import invariants
from tests.faults.model import Model
from tests.faults.schedule import Leg, Schedule, of_seed
from vmmigrate.events import Event, StepBegan

PATIENCE = 600.0  # real seconds for one schedule, on a machine that may be busy
_ENDS = ("migrated", "rolled-back", "rehearsed", "finished", "switched back")


Hears = Callable[[bytes], None]  # what a copy of this process says of one schedule, in one line


@dataclass
class Played:
    """What one schedule gave."""

    seed: int
    broken: list[tuple[str, str]]
    effects: int = 0
    kills: int = 0
    moves: list[str] = field(default_factory=list)
    end: str = ""
    story: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """An undisturbed migration: its effects, and the one with which its live phases begin."""

    effects: int
    live_from: int


def measured() -> Measured:
    """By a copy of this process."""
    return Measured(**in_copy(_measure))


def _measure() -> dict[str, Any]:
    model = Model()
    live_from = [0]
    _on_step(model, "close-console", lambda: live_from.__setitem__(0, model.effects))
    ended = model.command(Leg("migrate"))
    if ended.error:
        raise ended.error
    return {"effects": model.effects, "live_from": live_from[0]}


def _on_step(model: Model, step: str, act: Any) -> None:
    parts = model.desk.parts

    def listened(listen: Any) -> Any:
        def hear(event: Event) -> None:
            if isinstance(event, StepBegan) and event.step == step:
                act()
            listen(event)

        return parts(hear)

    model.desk.parts = listened  # type: ignore[method-assign]


# ---- many ----------------------------------------------------------------------------------------------------


def play_all(seeds: list[int], size: Measured, hears: Hears) -> None:
    """In any order. This process is used up by it; it was warmed up."""
    schedules = sorted((of_seed(seed, size.effects, size.live_from) for seed in seeds), key=lambda each: each.first)
    for verb in sorted({schedule.legs[0].command for schedule in schedules}):
        _play_all([schedule for schedule in schedules if schedule.legs[0].command == verb], verb, hears)


def _play_all(left: list[Schedule], verb: str, hears: Hears) -> None:
    """Those that begin with the same command. In a copy this ends the process."""
    model = Model()

    def copy_here(number: int) -> None:
        while left and left[0].first <= number:
            schedule = left.pop(0)
            told = _copy(model, schedule)
            if told is None:
                return
            hears(told)

    model.on_effect = copy_here
    model.command(Leg(verb))


def warm_up() -> None:
    """What is loaded and remembered once is there for every copy; nothing is collected that all of them share."""
    model = Model()
    for verb in ("migrate", "rollback", "finish", "status"):
        model.command(Leg(verb))
    model = Model()
    for verb in ("migrate", "finish"):
        model.command(Leg(verb))
    gc.collect()
    gc.freeze()
    gc.disable()


def _copy(model: Model, schedule: Schedule) -> bytes | None:
    """What it gave, for `played`. None: this is the copy, in which the schedule goes on."""
    reads, writes = os.pipe()
    child = os.fork()
    if child:
        os.close(writes)
        return _result(schedule, child, reads)
    os.close(reads)
    _become(model, schedule, lambda data: _tell(writes, data))
    return None


def _become(model: Model, schedule: Schedule, tell: Any) -> None:
    """In a copy: from here on the schedule's moves are made, and at the end of its command the other legs follow."""
    model.on_effect = lambda number: None
    model.take(schedule)
    command, after = model.command, model._after

    def ended(how: Any) -> None:
        after(how)
        model._after = after  # type: ignore[method-assign]
        try:
            _go_on(model, schedule, command)
            tell(_told(model, schedule))
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)

    model._after = ended  # type: ignore[method-assign]


def _go_on(model: Model, schedule: Schedule, command: Any) -> None:
    for leg in schedule.legs[1:]:
        command(leg)
    _to_an_end(model, command)
    model.broken += invariants.of_end(model)


def _to_an_end(model: Model, command: Any) -> None:
    """Nothing is broken any more: whoever comes then brings the run to an end, or is refused with what to do."""
    model.tell("healed")
    model.heal()
    model.end = _word(model)
    for verb in ("resume", "cutover", "rollback", "resume", "rollback --leave-mail", ""):
        if model.end in _ENDS or model.end.startswith("none:"):
            break
        command(Leg(verb or _permitting(model)))
        model.end = _word(model)
    model.world.time.pass_by(60)
    model.broken += invariants.healed(model, model.end)
    model.broken += invariants.came_along(model, model.end)


def _permitting(model: Model) -> str:
    """As the hint of the last command has it."""
    hinted = re.findall(r"--discard-\w+ \w+", model.ended[-1].text) or ["--discard unseen"]
    return " ".join(["rollback", *dict.fromkeys(hinted)])


def _word(model: Model) -> str:
    ended = model.desk.command("status")
    return ended.outcome or f"none: {ended.text[:60]}"


def _told(model: Model, schedule: Schedule) -> bytes:
    told = {
        "seed": schedule.seed,
        "broken": model.broken,
        "effects": model.effects,
        "kills": model.kills,
        "moves": model.moves.made,
        "end": model.end,
        "story": model.story,
    }
    return json.dumps(told).encode()


def _tell(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _result(schedule: Schedule, child: int, reads: int) -> bytes:
    pieces = bytearray()
    try:
        while select.select([reads], [], [], PATIENCE)[0]:
            piece = os.read(reads, 1 << 16)
            if not piece:
                break
            pieces += piece
        else:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(reads)
        os.waitpid(child, 0)
    if not pieces:
        return json.dumps(
            {"seed": schedule.seed, "broken": [("I8", "the copy of this process gave no answer")]}
        ).encode()
    return bytes(pieces)


def played(line: bytes) -> Played:
    """As the copy has reported it."""
    said = json.loads(line)
    return Played(**{**said, "broken": [tuple(each) for each in said["broken"]]})


# ---- one -----------------------------------------------------------------------------------------------------


def play(schedule: Schedule) -> Played:
    """By a copy of this process, from the beginning."""
    return played(json.dumps(in_copy(lambda: json.loads(_play(schedule)))).encode())


@contextmanager
def stage() -> Iterator[Callable[[Schedule], Played]]:
    """As `play`, by copies of one copy: what is loaded and remembered once is there for each."""
    ours, its = multiprocessing.Pipe()
    child = os.fork()
    if not child:
        ours.close()
        _serve(its)
    its.close()

    def ask(schedule: Schedule) -> Played:
        ours.send(schedule)
        played: Played = ours.recv()
        return played

    try:
        yield ask
    finally:
        ours.close()
        os.waitpid(child, 0)


def _serve(asked: Any) -> NoReturn:
    """Until nobody asks any more."""
    try:
        warm_up()
        while True:
            asked.send(play(asked.recv()))
    except EOFError:
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def _play(schedule: Schedule) -> bytes:
    model = Model()
    model.take(schedule)
    model.command(schedule.legs[0])
    _go_on(model, schedule, model.command)
    return _told(model, schedule)


def in_copy(act: Any) -> Any:
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            os.close(reads)
            _tell(writes, json.dumps(act()).encode())
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(1)
    os.close(writes)
    with os.fdopen(reads, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    if not data:
        raise RuntimeError("a copy of this process ended without an answer")
    return json.loads(data)
