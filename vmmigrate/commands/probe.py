"""The command `probe`: write a live console's profile, or check whether one still fits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.option_groups import grouped
from vmmigrate.commands.options import Json, Url, Visitor
from vmmigrate.commands.terminal import echo, show_result

if TYPE_CHECKING:
    from vmmigrate.alone.visit import Visit
    from vmmigrate.parts import Parts


@grouped
def probe(
    url: Url,
    visitor: Visitor,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the profile there. [default: print it]")
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="TOML", help="Check whether this profile still fits.")
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", help="4.x or 5.x, if the pages do not show the release.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    json: Json = False,
) -> None:
    """Examine a live console and write its profile. The log-in is the only form that is sent.

    With --check: exit code 0 if the profile fits, 2 if a key differs.

    Example: vmmigrate probe mail.example.com -o profile.toml
    """
    if family not in (None, "4.x", "5.x"):
        raise typer.BadParameter("give 4.x or 5.x", param_hint="--family")
    if check and (output or visitor.profile):
        raise typer.BadParameter("goes without --output and --profile", param_hint="--check")

    def act(parts: "Parts", _: Any) -> None:
        console = visitor.to(url)
        if check:
            _check(console, check, parts, json=json)
        else:
            _write(console, output, family, parts, force=force, json=json)

    carry_out(act, json=json)


def _write(
    console: "Visit", output: Path | None, family: str | None, parts: "Parts", *, force: bool, json: bool
) -> None:
    from dataclasses import replace

    from vmmigrate.alone import probe as probing
    from vmmigrate.events import silent
    from vmmigrate.show import probe as probe_lines

    if output is None:
        found = probing.probe(console, family, parts if json else replace(parts, listen=silent))
    else:
        found = probing.probe_into(console, family, output, parts, force=force)
    lines = probe_lines.probed_lines(found, output) if output else [probing.text_of(found).rstrip("\n")]
    show_result(lines, probe_lines.probed_json(found, output), json=json)
    if output is None and not json:
        echo(probe_lines.missing_lines(found), err=True)


def _check(console: "Visit", file: Path, parts: "Parts", *, json: bool) -> None:
    from vmmigrate.alone import probe as probing
    from vmmigrate.show import probe as probe_lines

    checked = probing.check(console, file, parts)
    show_result(probe_lines.checked_lines(checked, file), probe_lines.checked_json(checked, file), json=json)
    probing.refuse_misfit(checked, file)
