"""What every command shares: options, the process's signals and exit code, a question, plain lines."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vmmigrate.parts import Parts

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
    from vmmigrate.commands.process import Session
    from vmmigrate.settings.load import load

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
    """Raises NeedsConfirmation without a terminal, Abort for a no; Ctrl-C and Ctrl-D leave as everywhere."""
    from vmmigrate.errors import NeedsConfirmation

    if not sys.stdin.isatty():
        raise NeedsConfirmation(question, "--yes")
    if not _agreed(question):
        typer.echo("nothing was changed", err=True)
        raise typer.Abort


def _agreed(question: str) -> bool:
    """Asked beside standard output, which may be a program's."""
    try:
        with redirect_stdout(sys.stderr):
            return typer.confirm(question)
    except typer.Abort:  # a key, not an answer
        typer.echo(err=True)  # what is told next begins a line of its own
        raise KeyboardInterrupt from None


def tell(lines: list[str], data: dict[str, object], *, json: bool) -> None:
    """A result: for people, or as one JSON line."""
    from vmmigrate.show.jsonlines import JsonLines

    if json:
        JsonLines(sys.stdout).write(data)
    else:
        echo(lines)


def echo(lines: list[str], *, err: bool = False) -> None:
    for line in lines:
        typer.echo(line, err=err)
