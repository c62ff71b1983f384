"""The commands of a migration: migrate, plan, resume, rollback, status, finish."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.carrying import Config, Json, Yes, carry_out, confirm, echo

if TYPE_CHECKING:
    from vmmigrate.model import Plan
    from vmmigrate.operations import Parts

Old = Annotated[
    str, typer.Argument(metavar="OLD", help="The old virtual machine, by name or UUID.", show_default=False)
]
Image = Annotated[
    Path, typer.Argument(metavar="IMAGE", help="The new release's disk image: qcow2, raw or VMDK.", show_default=False)
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, as `vmmigrate status` lists it.")]
Connect = Annotated[
    str | None,
    typer.Option("--connect", "-c", metavar="URL", help="The hypervisor: qemu:///system, qemu+ssh://…"),
]
Store = Annotated[str | None, typer.Option("--store", help="The storage pool for the new disk.")]
Staging = Annotated[str | None, typer.Option("--staging", help="The staging network, which this workstation reaches.")]
Name = Annotated[str | None, typer.Option("--name", help="The new virtual machine's name. [default: OLD-RUN]")]
OldAddress = Annotated[str | None, typer.Option("--old-address", help="The old gateway's address.")]
BackupFile = Annotated[Path | None, typer.Option("--backup-file", help="Take this archive, exported by hand.")]
TrustStaging = Annotated[bool, typer.Option("--trust-staging", help="INSECURE: believe the new VM's host key as seen.")]


def migrate(
    old: Old,
    image: Image,
    config: Config = None,
    connect: Connect = None,
    store: Store = None,
    staging: Staging = None,
    name: Name = None,
    old_address: OldAddress = None,
    backup_file: BackupFile = None,
    trust_staging: TrustStaging = False,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="A plan made earlier: refuse where it no longer holds.")
    ] = None,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Replace OLD by a new virtual machine made from IMAGE. The old one is kept, unplugged.

    Example: vmmigrate mailgw ciphermail-5.5.qcow2 --staging staging
    """
    from vmmigrate import display, operations
    from vmmigrate.rundir import new_run_id

    flags = _flags(connect, store, staging, name, old_address, backup_file, trust_staging)

    run_id = new_run_id()  # shown in the plan, then used by the run

    def act(parts: "Parts", settings: Any) -> None:
        agreed = _read_plan(plan) if plan else None
        if not yes:
            agreed = agreed or operations.plan(old, image, settings, parts, run_id=run_id)
            echo(display.plan_lines(agreed), err=json)
            confirm(f"Replace {agreed.old.name} now?")
        operations.migrate(old, image, settings, parts, run_id=run_id, agreed=agreed, yes=True)

    carry_out(act, json=json, config=config, flags=flags)


def plan(
    old: Old,
    image: Image,
    config: Config = None,
    connect: Connect = None,
    store: Store = None,
    staging: Staging = None,
    name: Name = None,
    old_address: OldAddress = None,
    backup_file: BackupFile = None,
    trust_staging: TrustStaging = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the plan there, for migrate --plan.")
    ] = None,
    json: Json = False,
) -> None:
    """Look at everything a migration would touch, and change nothing.

    Example: vmmigrate plan mailgw ciphermail-5.5.qcow2 -o plan.json
    """
    from vmmigrate import display, model, operations

    flags = _flags(connect, store, staging, name, old_address, backup_file, trust_staging)

    def act(parts: "Parts", settings: Any) -> None:
        made = operations.plan(old, image, settings, parts)
        text = model.plan_to_json(made)
        if output:
            output.write_text(text + "\n")
        echo(["".join(line.strip() for line in text.splitlines())] if json else display.plan_lines(made))

    carry_out(act, json=json, config=config, flags=flags)


def resume(run: RunId, json: Json = False) -> None:
    """Go on with an interrupted run, in the direction it was going."""
    from vmmigrate import operations

    carry_out(lambda parts, _: operations.resume(run, parts), json=json)


def rollback(
    run: RunId,
    scope: Annotated[str | None, typer.Option("--scope", help="all, or switch: keep the new VM, unplugged.")] = None,
    leave_mail: Annotated[
        bool, typer.Option("--leave-mail", help="Go back although mail waits in the new VM.")
    ] = False,
    json: Json = False,
) -> None:
    """Go back to the old VM."""
    from vmmigrate import operations
    from vmmigrate.journal import Scope

    if scope not in (None, "all", "switch"):
        raise typer.BadParameter("give all or switch", param_hint="--scope")
    wanted = Scope(scope) if scope else None
    carry_out(lambda parts, _: operations.rollback(run, parts, scope=wanted, leave_mail=leave_mail), json=json)


def status(run: Annotated[str | None, typer.Argument(metavar="[RUN]")] = None, json: Json = False) -> None:
    """Tell where a run stands; without RUN, list all runs."""
    from vmmigrate import display, operations

    def act(parts: "Parts", _: Any) -> None:
        if not (run or json or operations.runs(parts)):
            echo([f"no runs in {parts.runs_folder}"])
        for seen in [operations.status(run, parts)] if run else operations.statuses(parts):
            if json:
                display.JsonLines(sys.stdout).write(display.status_json(seen))
            else:
                echo(display.status_lines(seen) if run else display.status_lines(seen)[:1])

    carry_out(act, json=json)


def finish(run: RunId, yes: Yes = False, json: Json = False) -> None:
    """End a run for good: drop its secrets and the right to go back, ask the old guest to shut down."""
    from vmmigrate import operations

    def act(parts: "Parts", _: Any) -> None:
        try:
            operations.finish(run, parts, yes=yes)
        except operations.NeedsConfirmation as question:
            confirm(f"{question}. Go on?")
            operations.finish(run, parts, yes=True)

    carry_out(act, json=json)


def _flags(
    connect: str | None,
    store: str | None,
    staging: str | None,
    name: str | None,
    old_address: str | None,
    backup_file: Path | None,
    trust_staging: bool,
) -> dict[str, Any]:
    """Flags under the paths of their settings; None says nothing."""
    return {
        "hypervisor": {"url": connect, "store": store},
        "old": {"address": old_address},
        "new": {"staging": staging, "name": name, "trust_staging": trust_staging or None},
        "backup": {"file": backup_file},
    }


def _read_plan(path: Path) -> "Plan":
    from vmmigrate.errors import UsageProblem
    from vmmigrate.model import plan_from_json

    hint = "make one with `vmmigrate plan … -o FILE`"
    try:
        return plan_from_json(path.read_text())
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise UsageProblem(f"{path} is no plan of this version", hint=hint) from error


COMMANDS = (migrate, plan, resume, rollback, status, finish)  # as --help lists them
