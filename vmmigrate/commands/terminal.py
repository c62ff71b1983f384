"""What a command asks and prints on this process's terminal.

Without rich.prompt: it wraps a question at the terminal's width, takes [words] of a name or URL for its own markup, and
lets Ctrl-D out as an error of its own.
"""

import getpass
import sys
from contextlib import redirect_stdout

import typer


def ask(question: str, default: str | None = None, *, secret: bool = False) -> str:
    """What was typed, '' for the default; Ctrl-D leaves as Ctrl-C does. A secret is not shown."""
    from hypervisors import recordable

    prompt = recordable(f"{question} [{default}]: " if default else f"{question}: ")
    try:
        return getpass.getpass(prompt) if secret else input(prompt)
    except (EOFError, KeyboardInterrupt):
        typer.echo(err=True)  # what is printed next begins a line of its own
        raise KeyboardInterrupt from None


def confirm(question: str) -> None:
    """Raises NeedsConfirmation without a terminal, Abort for a no; Ctrl-C and Ctrl-D quit as everywhere."""
    from vmmigrate.errors import NeedsConfirmation

    if not sys.stdin.isatty():
        raise NeedsConfirmation(question, "--yes")
    if not _agreed(question):
        typer.echo("nothing was changed", err=True)
        raise typer.Abort


def _agreed(question: str) -> bool:
    """Asked on standard error, because a program may read standard output."""
    while True:
        with redirect_stdout(sys.stderr):
            answer = ask(f"{question} [y/N]").strip().lower()
        if answer in ("", "y", "yes", "n", "no"):
            return answer.startswith("y")
        typer.echo("answer y or n", err=True)


def show_result(lines: list[str], data: dict[str, object], *, json: bool) -> None:
    """A result: for people, or as one JSON line."""
    from vmmigrate.show.jsonlines import JsonLines

    if json:
        JsonLines(sys.stdout).write(data)
    else:
        echo(lines)


def echo(lines: list[str], *, err: bool = False) -> None:
    """Also what a run of an earlier version recorded, or the name of a VM, does not steer the terminal."""
    from hypervisors import recordable

    for line in lines:
        typer.echo(recordable(line), err=err)
