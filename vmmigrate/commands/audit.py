"""The command that shows what a run changed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Json
from vmmigrate.commands.terminal import show_result

if TYPE_CHECKING:
    from vmmigrate.parts import Parts


def audit(run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or last.")], json: Json = False) -> None:
    """Show what a run changed in either virtual machine: when, what, how it was before and after.

    It reads the run's journal alone, and checks its chain: each record has the SHA-256 of the one before. A broken
    chain is an error. The last SHA-256, written down elsewhere, proves later that nothing before it was altered.

    Example: vmmigrate audit last
    """
    from vmmigrate import known_runs
    from vmmigrate.run.audit import audit as audited
    from vmmigrate.show.audit import audit_json, audit_lines

    def act(parts: "Parts", _: Any) -> None:
        seen = known_runs.found(run, parts)[0]
        found = audited(seen.records, seen.itinerary)
        lines, data = audit_lines(seen.run_id, seen.plan.names, found), audit_json(seen.run_id, found)
        show_result(lines, data, json=json)

    carry_out(act, json=json)
