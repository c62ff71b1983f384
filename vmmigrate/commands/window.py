"""The commands of a migration in two parts: prepare it today, cut over in a window."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.migration import Agreed, Given, Image, Old, RunId, begin
from vmmigrate.commands.option_groups import grouped
from vmmigrate.commands.options import Config, Json, Yes
from vmmigrate.commands.terminal import confirm

if TYPE_CHECKING:
    from vmmigrate.parts import Parts


@grouped
def prepare(old: Old, image: Image, given: Given, plan: Agreed = None, json: Json = False, yes: Yes = False) -> None:
    """Make and verify the new VM beside OLD, and stop there: no mail is touched until `cutover`.

    `rollback` deletes what was prepared, at any time and without an outage.

    Example: vmmigrate prepare mailgw ciphermail-5.5.qcow2 --staging staging
    """
    begin(old, image, given, plan, json=json, yes=yes, prepares=True)


def cutover(
    run: RunId,
    accept_old: Annotated[
        bool, typer.Option("--accept-old", help="Also if it was prepared longer ago than limits.prepared.")
    ] = False,
    rounds: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Export and import again at most so often where the old gateway has changed."
        ),
    ] = 2,
    config: Config = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Replace the old VM by the prepared one: all is looked at again, then it asks, then it switches.

    Example: vmmigrate cutover 20261122-133919-9268
    """
    from vmmigrate import cutting_over

    def agree(question: str) -> None:
        if not yes:
            confirm(f"{question}. Cut over now?")

    def act(parts: "Parts", _: Any) -> None:
        cutting_over.cutover(run, parts, agree=agree, accept_old=accept_old, rounds=rounds)

    carry_out(act, json=json, config=config, run_id=run)


COMMANDS = (prepare, cutover)
