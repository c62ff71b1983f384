"""The command line: parses, asks, calls, prints. It decides nothing."""

import io
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vmmigrate import __version__
from vmmigrate.commands import backup, config, doctor, init, migration, probe, tls

EXIT_CODES = """\
Exit codes: 0 done · 1 failed, and gone back to where it was · 2 refused, nothing was changed (usage,
configuration, plan) · 3 needs attention: something is left to you · 4 a bug (the log's path is printed) ·
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
        """A virtual machine may be called nearly as a command is, but then an image's file follows its name."""
        near = get_close_matches(args[0], self.commands, n=1, cutoff=0.75)
        if near and not (args[1:] and Path(args[1]).exists()):
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
for command in (init.init, doctor.doctor, *migration.COMMANDS, probe.probe):
    app.command()(command)
app.add_typer(backup.app, name="backup")
app.add_typer(config.app, name="config")
app.add_typer(tls.app, name="tls")


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"vmmigrate {__version__}")
        raise typer.Exit


def main() -> None:
    """The console script. A terminal that lacks a character gets an escape in its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
