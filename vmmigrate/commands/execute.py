"""Run what a command does with this process's signals, and end with its exit code."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vmmigrate.commands.terminal import echo

if TYPE_CHECKING:
    from vmmigrate.parts import Parts


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
