"""The command that asks for the settings and writes the configuration, at this terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.terminal import ask, echo

if TYPE_CHECKING:
    from vmmigrate.parts import Parts


def init(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="The old virtual machine, by name or UUID.", show_default=False)
    ],
    connect: Annotated[
        str | None, typer.Option("--connect", "-c", metavar="URL", help="The hypervisor. [default: asked]")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")] = Path(
        "vmmigrate.toml"
    ),
) -> None:
    """Start here: ask, try each answer, write vmmigrate.toml.

    Asks for what a migration of OLD needs: hypervisor, addresses, accounts, a staging network. Nothing is changed on
    any machine; the file is shown before it is written, and contains no password.

    Example: vmmigrate init mailgw --connect qemu+ssh://root@kvm1.example.org/system
    """
    import platformdirs

    from vmmigrate.doors import own_known_hosts
    from vmmigrate.init import Lent, converse

    def act(parts: "Parts", _: Any) -> None:
        _refuse_without_terminal()
        secrets = platformdirs.user_config_path("vmmigrate") / "secrets"
        lent = Lent(ask, lambda text: echo([text]), parts.connect, own_known_hosts(), secrets)
        if not converse(old, output, lent, url=connect):
            raise typer.Abort

    carry_out(act, json=False)


def _refuse_without_terminal() -> None:
    from vmmigrate.errors import UsageProblem

    if not sys.stdin.isatty():
        raise UsageProblem(
            "init asks questions, and there is no terminal to answer them",
            hint="run it in a terminal, or write the file by hand: vmmigrate config template > vmmigrate.toml",
        )
