"""Claim the old VM in its own notes, so that a second workstation keeps away; and give the notes back."""

import socket

from vmmigrate.errors import ApplianceError
from vmmigrate.model import Claim
from vmmigrate.run import Run

MARK = "[vmmigrate]"


def do(run: Run) -> None:
    old = run.plan.old
    if run.facts.find(Claim) is None:
        inventory = run.hypervisor.inventory(old)
        refuse_foreign_claim(inventory.notes, run.run_id)
        run.learn(Claim(inventory.notes, inventory.autostart))
    run.hypervisor.set_notes(old, _claimed(run))
    refuse_foreign_claim(run.hypervisor.inventory(old).notes, run.run_id)


def undo(run: Run) -> None:
    claim = run.facts.find(Claim)
    if claim is not None:
        run.hypervisor.set_notes(run.plan.old, claim.notes)


def refuse_foreign_claim(notes: str, run_id: str) -> None:
    """Raises ApplianceError where another run's claim stands in the notes."""
    for line in notes.splitlines():
        if line.startswith(MARK) and run_id not in line:
            raise ApplianceError(
                f"another run has claimed this VM: {line}",
                hint="end that run with `vmmigrate finish` or `rollback` where it was started; "
                "if that place is gone, remove the line from the VM's notes",
            )


def _claimed(run: Run) -> str:
    return note_line(run, f"run {run.run_id} on {socket.gethostname()}: a migration is under way")


def note_line(run: Run, text: str) -> str:
    """The old VM's own notes with our line under them."""
    own = run.facts.of(Claim).notes
    return (own + "\n" if own else "") + f"{MARK} {text}"
