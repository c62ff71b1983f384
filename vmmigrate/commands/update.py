"""The commands about the package update of a gateway that was installed from packages."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Config, Json, Yes
from vmmigrate.commands.terminal import confirm, echo, show_result

if TYPE_CHECKING:
    from vmmigrate.parts import Parts

_START = "start"


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


class _StartsByDefault(TyperGroup):
    """`update HOST …` is `update start HOST …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asks_for_help = args[:1] in (["--help"], [])
        known = asks_for_help or args[0] in self.commands
        return super().parse_args(ctx, args if known else [_START, *args])


app = typer.Typer(
    cls=_StartsByDefault,
    help="Update a gateway that was installed from .deb or .rpm files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Update a gateway that was installed from .deb or .rpm files."""


Host = Annotated[str, typer.Argument(metavar="HOST", help="The gateway, by name or address.", show_default=False)]
Packages = Annotated[
    Path, typer.Option("--packages", metavar="DIR", help="The folder with the new release's packages.")
]
Sums = Annotated[
    Path | None,
    typer.Option("--sha256sums", metavar="FILE", help="The release's digests: every package must be in it."),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--signed-by",
        metavar="FILE",
        help="The publisher's public key: every package must be signed by it (in an .rpm, by FILE.asc beside it), or"
        " the digests.",
    ),
]


Vm = Annotated[
    str | None,
    typer.Option("--vm", metavar="NAME", help="HOST is this virtual machine: a snapshot of it is made first."),
]
FromRepository = Annotated[
    bool,
    typer.Option(
        "--from-repository",
        help="Fetch what the packages need and HOST lacks from the repositories that HOST is set to.",
    ),
]
Hypervisor = Annotated[
    str | None,
    typer.Option("--hypervisor", metavar="URL", help="Where it runs. [default: hypervisor.url, or qemu:///system]"),
]


@app.command(_START)
def start(
    host: Host,
    packages: Packages,
    sha256sums: Sums = None,
    signed_by: Key = None,
    old_packages: Annotated[
        Path | None,
        typer.Option(
            "--old-packages",
            metavar="DIR",
            help="The installed release's packages, for a way back; signed and named as the new ones, by DIR/SHA256SUMS"
            " if it is there. [default: HOST's cache, dpkg-repack, rpmrebuild]",
        ),
    ] = None,
    no_way_back: Annotated[
        bool, typer.Option("--no-way-back", help="Update also where no package of the installed release is left.")
    ] = False,
    log_limits: Annotated[
        str | None,
        typer.Option(
            "--log-limits",
            metavar="SECONDS,MESSAGES",
            help="Have journald, and rsyslog where it can be set beside, drop nothing below this.",
        ),
    ] = None,
    from_repository: FromRepository = False,
    pam: Annotated[
        Switch | None,
        typer.Option(
            "--pam",
            help="Let Unix accounts of sudo and wheel log in to the console of 5.x, or not. [default: as it is]",
        ),
    ] = None,
    no_snapshot: Annotated[
        bool, typer.Option("--no-snapshot", help="In place of --vm: no copy of the whole machine is made.")
    ] = False,
    vm: Vm = None,
    hypervisor: Hypervisor = None,
    config: Config = None,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Update HOST by these packages: plan, ask, update, verify, and take mail again. The same as `update HOST`.

    Debian, Ubuntu; RHEL and its relatives; SUSE. HOST is reached over SSH with the settings old.ssh of vmmigrate.toml.
    What a way back needs is kept on HOST: the installed packages, their configuration files, a dump of the database.
    Before mail is taken again a failure goes back by itself, by the snapshot of --vm or by packages; after it by
    packages alone. Then `status`, `resume`, `rollback` and `finish`, as of a migration.

    Example: vmmigrate update mail.example.com --packages ./5.5.3 --vm mailgw
    """
    from vmmigrate import update
    from vmmigrate.errors import UsageProblem
    from vmmigrate.show.update import plan_json, plan_lines
    from vmmigrate.updating.logs import limits_of
    from vmmigrate.updating.request import Request

    def act(parts: "Parts", settings: Any) -> None:
        if no_snapshot is (vm is not None):
            raise UsageProblem(
                "a snapshot first, or none: which?",
                hint="give --vm NAME and --hypervisor URL if HOST is a virtual machine; else --no-snapshot",
            )
        request = Request(
            host,
            packages,
            sums=sha256sums,
            key=signed_by,
            vm=vm,
            old_packages=old_packages,
            no_way_back=no_way_back,
            log_limits=limits_of(log_limits) if log_limits else None,
            from_repository=from_repository,
            pam=None if pam is None else pam is Switch.ON,
        )
        made = update.plan(request, settings, parts)
        if made.nothing_to_do:
            show_result(plan_lines(made), plan_json(made), json=json)
            return
        if not yes:
            echo(plan_lines(made), err=json)
            confirm(f"Update {host} from {made.before} to {made.after} now? No mail is taken meanwhile.")
        update.update(made, settings, parts, yes=True, shown=not yes)

    carry_out(act, json=json, config=config, flags={"hypervisor": {"url": hypervisor}})


@app.command()
def plan(
    host: Host,
    packages: Packages,
    sha256sums: Sums = None,
    signed_by: Key = None,
    from_repository: FromRepository = False,
    vm: Vm = None,
    hypervisor: Hypervisor = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say what an update of HOST by these packages would do and what is in its way. Nothing is changed.

    HOST is reached over SSH with the settings old.ssh of vmmigrate.toml. The packages are read where this runs, by
    dpkg-deb or rpm, whole, and never by their names.

    Example: vmmigrate update plan mail.example.com --packages ./5.5.3
    """
    from vmmigrate.alone import update
    from vmmigrate.show.update import plan_json, plan_lines
    from vmmigrate.updating.request import Request

    def act(parts: "Parts", settings: Any) -> None:
        made = update.plan(
            Request(host, packages, sums=sha256sums, key=signed_by, vm=vm, from_repository=from_repository),
            settings,
            parts,
        )
        show_result(plan_lines(made), plan_json(made), json=json)

    carry_out(act, json=json, config=config, flags={"hypervisor": {"url": hypervisor}})
