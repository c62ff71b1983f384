"""A process that has imported the program once and forks a command line when asked; some are stopped at a record."""

import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import typer.main

import vmmigrate as product
from fixtures.appliance import state
from hypervisors import Clock, Pace
from tests.journey import odd_hypervisors
from vmmigrate import cli, learnt, model
from vmmigrate.commands import process
from vmmigrate.itineraries import ITINERARIES
from vmmigrate.run import clocks
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind

Command = Callable[[dict[str, Any]], int]
_compiled = 0  # patterns that a fork finds compiled


def stop_at(name: str, when: str, place: int | list[str]) -> None:
    """Send this process a signal just before or after a record is made durable: its nth (from 1), or [kind, step]."""
    append, made, which = Journal.append, [0], signal.Signals[name]

    def append_and_stop(self: Journal, kind: Kind, data: Mapping[str, Any] | None = None) -> Any:
        made[0] += 1
        here = place in (made[0], [kind.value, (data or {}).get("step", "")])
        if here and when == "before":
            os.kill(os.getpid(), which)
        record = append(self, kind, data)
        if here and when == "after":
            os.kill(os.getpid(), which)
        return record

    Journal.append = append_and_stop  # type: ignore[method-assign]


def stop_at_edit(name: str, number: int) -> None:
    """The same just after the hypervisor's `number`th change of state."""
    edit, made = state.edit, [0]

    @contextlib.contextmanager
    def edit_and_stop(folder: Path) -> Iterator[state.State]:
        with edit(folder) as now:
            yield now
        made[0] += 1
        if made[0] == number:
            os.kill(os.getpid(), signal.Signals[name])

    state.edit = edit_and_stop


def set_the_clock_at(line: tuple[str, str], seconds: float) -> None:
    """After that record this process sees another wall clock: that of the machine is not for tests to set."""
    append, wall = Journal.append, time.time

    def append_and_set(self: Journal, kind: Kind, data: Mapping[str, Any] | None = None) -> Any:
        record = append(self, kind, data)
        if (kind.value, (data or {}).get("step", "")) == line:
            object.__setattr__(clocks.THIS_MACHINE, "wall", lambda: wall() + seconds)
        return record

    Journal.append = append_and_set  # type: ignore[method-assign]


NOWHERE = -1  # in place of a port: no guest answers


def connect_only_to(port: int) -> None:
    """Fail on every other connection than those to that port: what does not go through a jump host shows."""
    connect = socket.socket.connect

    def connect_or_fail(self: socket.socket, address: Any) -> None:
        if port == NOWHERE:
            raise ConnectionRefusedError(111, "Connection refused")
        if address[1] != port:
            raise AssertionError(f"a connection to {address}, past the jump host")
        connect(self, address)

    socket.socket.connect = connect_or_fail  # type: ignore[method-assign, assignment]


def impatient() -> Clock:
    """Real time, but pauses of a few milliseconds: the stand-ins need no more."""
    return Clock(time.monotonic, lambda seconds: time.sleep(min(seconds, 0.005)))


def note_signals() -> None:
    """A byte in the file `heard` of the command's folder for each signal that it handles."""
    handle = process.Session.interrupt

    def noted(session: process.Session, number: int, frame: FrameType | None) -> None:
        with Path("heard").open("ab") as heard:
            heard.write(b"x")
        handle(session, number, frame)

    process.Session.interrupt = noted  # type: ignore[method-assign]


def command_line(request: dict[str, Any]) -> int:
    """`vmmigrate ARGV` over the lab's hypervisor; its exit code."""
    note_signals()
    if request["hypervisor"]:  # '' is the one that the URL names
        process.CONNECT.set(lambda url, access: odd_hypervisors.named(request["hypervisor"])(Path(request["lab"])))
    process.Pace = functools.partial(Pace, impatient())  # type: ignore[attr-defined, assignment]
    if request.get("only_port"):
        connect_only_to(request["only_port"])
    if request.get("clock"):
        set_the_clock_at(("done", "close-intake"), request["clock"])
    stop(request["stop"])
    return vmmigrate(request["argv"])


def stop(where: Any) -> None:
    """As `Stop` in tests/journey/story.py says; None: nowhere."""
    if where:
        name, when, place = where
        if when == "edit":
            stop_at_edit(name, place)
        else:
            stop_at(name, when, place)


def vmmigrate(argv: list[str]) -> int:
    sys.argv = ["vmmigrate", *argv]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def become(request: dict[str, Any]) -> None:
    """The environment, folder and standard streams of a command of its own; at a terminal, that for all three."""
    os.chdir(request["folder"])
    os.environ.update(request["environ"])
    streams = ("/dev/null", request.get("out"), request.get("err"))
    if "terminal" in request:
        os.setsid()  # so that what is opened next is this process's own terminal
        streams = (request["terminal"],) * 3
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    if "terminal" in request:  # those of Python were made for pipes
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 -- to the end


def run(request: dict[str, Any], command: Command) -> int:
    """In the fork: the exit code, whatever happens."""
    status = 70
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever began the tests under nohup ignores it
    try:
        become(request)
        status = command(request)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return status


def warm_up() -> None:
    """What each fork would otherwise load, compile and make for itself: a tenth of its time."""
    for module in pkgutil.walk_packages(product.__path__, "vmmigrate."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(cli.app)
    for group in {group for one in ITINERARIES for step in one.steps for group in step.learns}:
        learnt._adapter(group)
    model._plans()


def hand_over_patterns(pipe: int) -> None:
    """What this fork compiled, as much as goes into a pipe."""
    os.set_blocking(pipe, False)
    with contextlib.suppress(OSError):
        for kind, pattern, flags in list(re._cache)[_compiled:]:  # type: ignore[attr-defined]
            if kind is str:
                os.write(pipe, json.dumps([pattern, flags]).encode() + b"\n")


def take_patterns(pipe: int) -> None:
    """A seventh of what a command computes is compiling patterns: what one fork compiled, the next ones find."""
    global _compiled
    with os.fdopen(pipe, "rb") as lines:
        for line in lines:
            pattern, flags = json.loads(line)
            re.compile(pattern, flags)
    _compiled = len(re._cache)  # type: ignore[attr-defined]


def serve(command: Command = command_line) -> None:
    """A request a line; answers the exit status of the fork, or -signal. This process never has a second thread."""
    warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        if not request["hypervisor"]:
            importlib.import_module("hypervisors.vmware.adapter")  # once, not in each fork
        reads, writes = os.pipe()
        gc.freeze()  # a collection in a fork would go through all that is loaded, and copy its pages
        child = os.fork()
        if not child:
            os.close(reads)
            status = run(request, command)
            hand_over_patterns(writes)
            os._exit(status)
        os.close(writes)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        take_patterns(reads)
        print(status, flush=True)


if __name__ == "__main__":
    serve()
