"""The commands of a migration: migrate, plan, resume, rollback, status, finish."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.option_groups import grouped
from vmmigrate.commands.options import Config, Discarded, Json, Yes
from vmmigrate.commands.plan_file import read_plan, write_plan
from vmmigrate.commands.run_options import Accept, AcceptOutage, Agreed, Budget, Given, Image, Old, RunId, matching_runs
from vmmigrate.commands.terminal import confirm, echo, show_result

if TYPE_CHECKING:
    from vmmigrate.parts import Parts


@grouped
def migrate(
    old: Old,
    image: Image,
    given: Given,
    plan: Agreed = None,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Replace OLD by a new virtual machine made from IMAGE. The old one is kept, unplugged.

    Example: vmmigrate mailgw ciphermail-5.5.qcow2 --staging staging
    """
    begin(old, image, given, plan, json=json, yes=yes)


def begin(old: str, image: Path, given: Given, plan: Path | None, *, json: bool, yes: bool, verb: str = "") -> None:
    """Plan, ask, then begin the run. `verb`: one that touches no mail."""
    from vmmigrate import migrating
    from vmmigrate.run.rundir import new_run_id
    from vmmigrate.show.plan import plan_lines

    run_id = new_run_id()  # shown in the plan, then used by the run

    def act(parts: "Parts", settings: Any) -> None:
        agreed = read_plan(plan) if plan else None
        if not yes:
            agreed = agreed or migrating.plan(old, image, settings, parts, run_id=run_id)
            echo(plan_lines(agreed), err=json)
            what = f"{verb.capitalize()} the replacement of" if verb else "Replace"
            confirm(f"{what} {agreed.old.name} now?{' Its mail is not touched.' if verb else ''}")
        how = partial(migrating.migrate, run_id=run_id, agreed=agreed, yes=True, shown=not yes)
        how(old, image, settings, parts, verb=verb or "migrate")

    carry_out(act, json=json, config=given.config, flags=given.flags())


@grouped
def plan(
    old: Old,
    image: Image,
    given: Given,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the plan there, for migrate --plan.")
    ] = None,
    json: Json = False,
) -> None:
    """Check everything that a migration would use, and change nothing.

    Example: vmmigrate plan mailgw ciphermail-5.5.qcow2 -o plan.json
    """
    from vmmigrate import migrating, model
    from vmmigrate.init.ending import refuse_unwritable
    from vmmigrate.show.plan import plan_lines

    def act(parts: "Parts", settings: Any) -> None:
        if output:
            refuse_unwritable(output)
        made = migrating.plan(old, image, settings, parts)
        text = model.plan_to_json(made)
        if output:
            replaced = output.exists()
            write_plan(output, text)
            echo([f"{output} is {'replaced' if replaced else 'written'}"], err=True)
        echo(["".join(line.strip() for line in text.splitlines())] if json else plan_lines(made))

    carry_out(act, json=json, config=given.config, flags=given.flags())


def resume(
    run: RunId,
    accept: Accept = None,
    budget: Budget = None,
    accept_outage: AcceptOutage = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Continue an interrupted run, in the same direction.

    What you have changed in the file or the environment since it began counts, as a hint may have asked for: limits,
    sources of passwords, addresses, ports, keys. What the plan rests on does not change.

    Example: vmmigrate resume 20261122-133919-9268
    """
    from vmmigrate import operations
    from vmmigrate.commands.times import seconds
    from vmmigrate.settings.accepting import accepted

    def act(parts: "Parts", _: Any) -> None:
        longest = seconds(budget) if budget else None
        operations.resume(run, parts, accept=accepted(accept), budget=longest, accept_outage=accept_outage)

    carry_out(act, json=json, config=config, run_id=run)


@grouped
def rollback(
    run: RunId,
    discarded: Discarded,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope", help="all, or switch: keep the new VM, unplugged. [default: all; switch once it was open]"
        ),
    ] = None,
    leave_mail: Annotated[
        bool, typer.Option("--leave-mail", help="Go back although mail waits in the new VM.")
    ] = False,
    links_only: Annotated[
        bool,
        typer.Option("--links-only", help="Only plug the old VM in again: no guest is asked, and no guest password."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would undo, and do nothing.")] = False,
    config: Config = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Go back to the old VM. The new one is deleted; once it was open to the world, it is kept, unplugged.

    Examples: vmmigrate rollback 20261122-133919-9268 · vmmigrate rollback 20261122-133919-9268 --scope switch
    """
    from vmmigrate import operations
    from vmmigrate.errors import NeedsConfirmation
    from vmmigrate.show.rollback import way_back_json, way_back_lines

    def act(parts: "Parts", _: Any) -> None:
        asked, permitted = _asked_scope(scope, links_only=links_only), discarded.permitted()
        if dry_run:
            seen = operations.rehearse_rollback(run, parts, scope=asked, leave_behind=leave_mail, discard=permitted)
            show_result(way_back_lines(seen), way_back_json(run, seen), json=json)
            return
        try:
            go_back = partial(operations.rollback, run, parts, scope=asked, leave_behind=leave_mail, discard=permitted)
            go_back(yes=yes)
        except NeedsConfirmation as question:
            confirm(f"{question.question}. Go back?")
            go_back(yes=True)

    carry_out(act, json=json, config=config, run_id="" if dry_run else run)


def _asked_scope(scope: str | None, *, links_only: bool) -> str | None:
    from vmmigrate.errors import UsageProblem
    from vmmigrate.steps.migration import LINKS

    if scope and links_only:
        raise UsageProblem("--scope and --links-only are both given", hint="give one of them")
    return LINKS.name if links_only else scope


def status(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run's id; or last; or a virtual machine's name or UUID: the runs that concern it, newest first."
            " [default: list all]",
            show_default=False,
            autocompletion=matching_runs,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show whether mail flows, and a run's state; or all runs.

    It asks for no password and changes nothing: what it cannot look at is "not looked at".

    Examples: vmmigrate status last · vmmigrate status 20261122-133919-9268 · vmmigrate status mailgw
    """
    from vmmigrate import known_runs
    from vmmigrate.service import service
    from vmmigrate.show.jsonlines import JsonLines
    from vmmigrate.show.status import status_json, status_line, status_lines

    def act(parts: "Parts", _: Any) -> None:
        if not (run or json or known_runs.ids(parts)):
            echo([f"no runs in {parts.runs_folder}"])
        found = known_runs.found(run, parts) if run else ()
        mail = service(found[0], parts) if found else None  # of the newest; else of each that is not over
        if len(found) == 1 and not json:
            echo(status_lines(found[0], mail))
            return
        for number, seen in enumerate(found or known_runs.statuses(parts)):
            looked = service(seen, parts) if not found and not seen.standing.is_over else mail if not number else None
            if json:
                JsonLines(sys.stdout).write(status_json(seen, looked))
            else:
                echo([status_line(seen), *([f"  {looked}"] if looked else [])])

    carry_out(act, json=json)


@grouped
def finish(run: RunId, discarded: Discarded, config: Config = None, yes: Yes = False, json: Json = False) -> None:
    """End a run for good; there is no way back after it.

    Asks the old guest to shut down, removes the new VM's staging NIC, deletes the run's secrets. After a switch back it
    deletes the new VM instead, with all its data.

    Example: vmmigrate finish 20261122-133919-9268
    """
    from vmmigrate import operations
    from vmmigrate.errors import NeedsConfirmation

    def act(parts: "Parts", _: Any) -> None:
        try:
            end = partial(operations.finish, run, parts, discard=discarded.permitted())
            end(yes=yes)
        except NeedsConfirmation as question:
            confirm(f"{question.question}. Continue?")
            end(yes=True)

    carry_out(act, json=json, config=config, run_id=run)


COMMANDS = (migrate, plan, resume, rollback, status, finish)  # as --help lists them
