"""What every command shares: options, the process's signals and exit code, a question, plain lines."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vmmigrate.operations import Parts

Config = Annotated[
    Path | None, typer.Option("--config", help="A vmmigrate.toml. [default: here, then ~/.config/vmmigrate]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON line an event.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def carry_out(
    act: Callable[["Parts", Any], object],
    *,
    json: bool,
    config: Path | None = None,
    flags: dict[str, Any] | None = None,
) -> None:
    """Call an operation with this process's environment, terminal and signals; end with its exit code."""
    from vmmigrate.config import load
    from vmmigrate.terminal import Session

    os.umask(0o077)
    session = Session(json=json)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, session.interrupt)
    try:
        act(session.parts(), load(config, flags, os.environ) if flags is not None else None)
    except (Exception, KeyboardInterrupt) as error:  # the one place where everything ends in an exit code
        raise typer.Exit(session.report(error)) from None


def confirm(question: str) -> None:
    from vmmigrate.operations import NeedsConfirmation

    if not sys.stdin.isatty():
        raise NeedsConfirmation(question, "--yes")
    if not typer.confirm(question):
        typer.echo("nothing was changed", err=True)
        raise typer.Abort


def echo(lines: list[str], *, err: bool = False) -> None:
    for line in lines:
        typer.echo(line, err=err)
