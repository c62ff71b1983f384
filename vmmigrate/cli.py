"""The command line: parses, asks, calls, prints. It decides nothing."""

import errno
import io
import os
import sys
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from vmmigrate import __version__
from vmmigrate.commands import audit, backup, config, doctor, init, migration, probe, tls, update, watch, window

EXIT_CODES = """\
Exit codes: 0 done · 1 failed, and everything is back as it was · 2 refused, nothing was changed (usage,
configuration, plan) · 3 needs attention: you must do something · 4 a bug (the log's path is printed) ·
130 interrupted, resume or roll back."""

_OWN_OPTIONS = {"--help", "--version", "--install-completion", "--show-completion"}


class _MigrateByDefault(TyperGroup):
    """`vmmigrate OLD IMAGE` is `vmmigrate migrate OLD IMAGE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in _OWN_OPTIONS:
            self._refuse_misspelt(ctx, args)
            args = ["migrate", *args]
        return super().parse_args(ctx, args)

    def _refuse_misspelt(self, ctx: Any, args: list[str]) -> None:
        """A virtual machine's name may resemble a command, but then an image's file follows it."""
        image_follows = args[1:] and Path(args[1]).exists()
        if f"--{args[0]}" in _OWN_OPTIONS and not image_follows:
            ctx.fail(f"there is no command {args[0]!r}; is it --{args[0]}?")
        near = get_close_matches(args[0], self.commands, n=1, cutoff=0.75)
        if near and not image_follows:
            by_name = f"vmmigrate migrate {args[0]} IMAGE"
            ctx.fail(
                f"there is no command {args[0]!r}; is it {near[0]!r}? (for a virtual machine of that name: {by_name})"
            )


app = typer.Typer(
    cls=_MigrateByDefault,
    help="Replace a CipherMail gateway appliance by its new release: vmmigrate OLD-VM NEW-IMAGE.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    init.init,
    doctor.doctor,
    *migration.COMMANDS[:2],
    *window.COMMANDS,
    *migration.COMMANDS[2:],
    audit.audit,
    probe.probe,
    watch.watch,
):
    app.command()(command)
app.add_typer(backup.app, name="backup")
app.add_typer(config.app, name="config")
app.add_typer(tls.app, name="tls")
app.add_typer(update.app, name="update")


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"vmmigrate {__version__}")
        raise typer.Exit
    _refuse_native_windows()


def _refuse_native_windows() -> None:
    """There is no lock by which one process alone works on a run, and no folder that only its owner can read."""
    if find_spec("fcntl") is None:
        typer.echo("error: vmmigrate does not run on Windows itself: it needs POSIX file locks", err=True)
        typer.echo("  → run it in WSL 2 (wsl --install), on Linux or on macOS", err=True)
        raise typer.Exit(2)


class _Outlasting(io.FileIO):
    """A standard stream whose reader may leave (`head`, a terminal): later output is dropped, without an error."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream.fileno(), "w", closefd=False)
        self._stream = stream  # deleting it would close the descriptor

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: of a terminal that was closed
                raise
            return len(data)


def _outlasting(stream: TextIO | None) -> TextIO:
    """A character that the terminal does not have is escaped. None: the stream was closed before the start."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream or Path(os.devnull).open("w")
    buffer = io.BufferedWriter(_Outlasting(stream))
    return io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering)


def main() -> None:
    """The console script."""
    sys.stdout, sys.stderr = _outlasting(sys.stdout), _outlasting(sys.stderr)
    app()
