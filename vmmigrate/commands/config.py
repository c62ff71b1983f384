"""The commands about the configuration: a commented template, its schema, a check of a file."""

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Config
from vmmigrate.commands.terminal import echo

if TYPE_CHECKING:
    from vmmigrate.parts import Parts

app = typer.Typer(
    help="The configuration file: a template, its schema, a check.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("template")
def template() -> None:
    """Print a vmmigrate.toml with every setting explained.

    Example: vmmigrate config template > vmmigrate.toml
    """
    from vmmigrate.settings.template import template

    typer.echo(template(), nl=False)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of vmmigrate.toml, with which editors complete and check the file.

    Example: vmmigrate config schema > vmmigrate.schema.json
    """
    from vmmigrate.settings.models import Settings

    typer.echo(json_.dumps(Settings.model_json_schema(), indent=2))


@app.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="[default: vmmigrate.toml here, then ~/.config/vmmigrate]")
    ] = None,
    config: Config = None,
) -> None:
    """Check a configuration file: it is readable, and each setting is known. Nothing is tried.

    Example: vmmigrate config check vmmigrate.toml
    """
    from vmmigrate.errors import UsageProblem
    from vmmigrate.settings.load import default_file, load

    def act(parts: "Parts", _: Any) -> None:
        if file and config:
            raise UsageProblem("FILE and --config are both given", hint="give one of them")
        named = file or config
        path = named or default_file()
        load(named if path.exists() else path, {}, {})
        echo([f"{path}: ok"])

    carry_out(act, json=False)
