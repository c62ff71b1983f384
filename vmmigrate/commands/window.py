"""The commands of a migration in two parts: rehearse it, prepare it today, cut over in a window."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.migration import begin
from vmmigrate.commands.option_groups import grouped
from vmmigrate.commands.options import Config, Json, Yes
from vmmigrate.commands.run_options import Accept, AcceptOutage, Agreed, Budget, Given, Image, Old, RunId
from vmmigrate.commands.terminal import confirm
from vmmigrate.commands.times import moment, seconds

if TYPE_CHECKING:
    from vmmigrate.cutting_over import Terms
    from vmmigrate.parts import Parts


@grouped
def prepare(old: Old, image: Image, given: Given, plan: Agreed = None, json: Json = False, yes: Yes = False) -> None:
    """Make and verify the new VM beside OLD, and stop there: no mail is touched until `cutover`.

    `rollback` deletes what was prepared, at any time and without an outage.

    Example: vmmigrate prepare mailgw ciphermail-5.5.qcow2 --staging staging
    """
    begin(old, image, given, plan, json=json, yes=yes, verb="prepare")


@grouped
def rehearse(old: Old, image: Image, given: Given, plan: Agreed = None, json: Json = False, yes: Yes = False) -> None:
    """Prepare as for a cutover, on real data in isolation, measure what can be measured, and undo everything.

    It says how long nobody would take mail, and what is left to decide. OLD keeps its mail, links and settings.

    Example: vmmigrate rehearse mailgw ciphermail-5.5.qcow2 --staging staging
    """
    begin(old, image, given, plan, json=json, yes=yes, verb="rehearse")


@dataclass(frozen=True)
class Window:
    """When, and on which terms."""

    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Wait until then: 22:00, or 2026-12-05T22:00; local time, unless a zone follows (+01:00).",
        ),
    ] = None
    budget: Budget = None
    rounds: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Export and import again at most so often where the old gateway has changed."
        ),
    ] = 2
    accept_old: Annotated[
        bool, typer.Option("--accept-old", help="Also if it was prepared longer ago than limits.prepared.")
    ] = False

    accept: Accept = None
    accept_outage: AcceptOutage = False

    def terms(self) -> "Terms":
        """Raises UsageProblem for what is no time."""
        from vmmigrate.cutting_over import Terms
        from vmmigrate.settings.accepting import accepted

        at = moment(self.at, datetime.now().astimezone()) if self.at else None
        budget = seconds(self.budget) if self.budget else None
        return Terms(at, budget, self.accept_old, self.rounds, accepted(self.accept), self.accept_outage)


@grouped
def cutover(run: RunId, window: Window, config: Config = None, yes: Yes = False, json: Json = False) -> None:
    """Replace the old VM by the prepared one: all is looked at again, then it asks, then it switches.

    Examples: vmmigrate cutover 20261122-133919-9268 · vmmigrate cutover 20261122-133919-9268 --at 22:00 --budget 60s
    """
    from vmmigrate import cutting_over

    def agree(question: str) -> None:
        confirm(f"{question}. Cut over{f' at {window.at}' if window.at else ' now'}?")

    def act(parts: "Parts", _: Any) -> None:
        cutting_over.cutover(run, parts, window.terms(), None if yes else agree)

    carry_out(act, json=json, config=config, run_id=run)


COMMANDS = (rehearse, prepare, cutover)
