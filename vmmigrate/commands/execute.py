"""Run what a command does with this process's signals, and end with its exit code."""

import logging
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vmmigrate.commands.terminal import echo

if TYPE_CHECKING:
    from vmmigrate.parts import Parts

_SET_DUMPABLE = 4  # PR_SET_DUMPABLE of linux/prctl.h


def carry_out(
    act: Callable[["Parts", Any], object],
    *,
    json: bool,
    config: Path | None = None,
    flags: dict[str, Any] | None = None,
    run_id: str = "",
) -> None:
    """Call an operation with this process's environment, terminal and signals; exit with its code.

    `run_id`: of the run that it acts on, whose mail the last line is about.
    """
    from vmmigrate.commands.process import Session
    from vmmigrate.settings.here import HERE
    from vmmigrate.settings.load import load

    os.umask(0o077)
    logging.getLogger().addHandler(logging.NullHandler())  # else libraries print past our one door
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those to developers, of a page that looks like a file's name
    _without_core_dumps()
    session, code, ended_by = Session(json=json, run_id=run_id, config=config), 0, None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # set by nohup
            signal.signal(number, session.interrupt)
    try:
        settings = load(config, flags, os.environ) if flags is not None else None
        if settings and not json and config is None and HERE.exists():
            echo([f"settings: {HERE.absolute()}"], err=True)
        act(session.parts(), settings)
    except (Exception, KeyboardInterrupt) as error:  # the one place where everything ends in an exit code
        code, ended_by = session.report(error), error
    session.end(ended_by)
    if ended_by:
        raise typer.Exit(code)


def _without_core_dumps() -> None:
    """They would have every password. The limit alone does not hold where dumps are piped to a program (core(5))."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        with suppress(ImportError):  # a Python that was built without it
            import ctypes

            ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
