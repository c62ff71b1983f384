"""The commands about the package update of a gateway that was installed from packages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Config, Json
from vmmigrate.commands.terminal import show_result

if TYPE_CHECKING:
    from vmmigrate.parts import Parts

app = typer.Typer(
    help="Plan the update of a gateway that was installed from .deb or .rpm files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Plan the update of a gateway that was installed from .deb or .rpm files."""


@app.command()
def plan(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The gateway, by name or address.", show_default=False)],
    packages: Annotated[
        Path, typer.Option("--packages", metavar="DIR", help="The folder with the new release's packages.")
    ],
    sha256sums: Annotated[
        Path | None,
        typer.Option("--sha256sums", metavar="FILE", help="The release's digests: every package must be in it."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say what an update of HOST by these packages would do and what is in its way. Nothing is changed.

    HOST is reached over SSH with the settings old.ssh of vmmigrate.toml. The packages are read where this runs, by
    dpkg-deb or rpm, whole, and never by their names. The update itself is not built yet: do it by the vendor's page.

    Example: vmmigrate update plan mail.example.com --packages ./5.5.3
    """
    from vmmigrate.alone import update
    from vmmigrate.show.update import plan_json, plan_lines

    def act(parts: "Parts", settings: Any) -> None:
        made = update.plan(host, packages, settings, parts, sha256sums)
        show_result(plan_lines(made), plan_json(made), json=json)

    carry_out(act, json=json, config=config, flags={})
