"""The command that checks this workstation."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Config, Json
from vmmigrate.commands.terminal import echo

if TYPE_CHECKING:
    from vmmigrate.findings import Finding
    from vmmigrate.parts import Parts


def doctor(
    connect: Annotated[
        str | None, typer.Option("--connect", "-c", metavar="URL", help="Try this hypervisor too, reading only.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check what is missing on this workstation, and how to fix it.

    Exit code 0 if a migration can be run, 2 if something is missing.

    Example: vmmigrate doctor --connect qemu+ssh://root@kvm1.example.org/system
    """
    from vmmigrate.doctor import examine, this_one
    from vmmigrate.doctor.places import configuration
    from vmmigrate.findings import errors
    from vmmigrate.parts import access_to
    from vmmigrate.settings.load import chosen
    from vmmigrate.show.doctor import name_of

    absent: list[str] = []

    def act(parts: "Parts", _: Any) -> None:
        path = chosen(config)
        access = access_to(configuration(path, os.environ)[1], parts)
        here = this_one(os.environ, path, lambda url: parts.connect(url, access), connect)
        for finding in examine(here):
            _show(finding, json)
            absent.extend(map(name_of, errors([finding])))

    carry_out(act, json=json)
    if not json:
        echo([f"fix first: {', '.join(absent)}" if absent else "a migration can be run from here"])
    if absent:
        raise typer.Exit(2)


def _show(finding: "Finding", json: bool) -> None:
    from vmmigrate.show.doctor import finding_json, finding_lines
    from vmmigrate.show.jsonlines import JsonLines

    if json:
        JsonLines(sys.stdout).write(finding_json(finding))
    else:
        echo(finding_lines(finding))
