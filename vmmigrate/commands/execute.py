"""Run what a command does with this process's signals, and end with its exit code."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from vmmigrate.parts import Parts


def carry_out(
    act: Callable[["Parts", Any], object],
    *,
    json: bool,
    config: Path | None = None,
    flags: dict[str, Any] | None = None,
) -> None:
    """Call an operation with this process's environment, terminal and signals; exit with its code."""
    from vmmigrate.commands.process import Session
    from vmmigrate.settings.load import load

    os.umask(0o077)
    session = Session(json=json)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # set by nohup
            signal.signal(number, session.interrupt)
    try:
        act(session.parts(), load(config, flags, os.environ) if flags is not None else None)
    except (Exception, KeyboardInterrupt) as error:  # the one place where everything ends in an exit code
        raise typer.Exit(session.report(error)) from None
