"""Claim the old VM in its notes, so that a second workstation does not use it; and restore the notes."""

from collections.abc import Iterator

from vmmigrate.errors import ApplianceError
from vmmigrate.facts import Claim
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run

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
    if run.facts.find(Claim) is not None:
        release(run)


def holds(run: Run) -> Iterator[Check]:
    """The claim is this run's."""
    lines = [line for line in run.hypervisor.inventory(run.plan.old).notes.splitlines() if line.startswith(MARK)]
    foreign = [line for line in lines if run.run_id not in line]
    ours = bool(lines) and not foreign
    seen = foreign[0] if foreign else "this run's" if ours else "removed"
    yield Check("claim", f"the claim in the notes of {run.plan.old.name}", "this run's", seen, Verdict.of(ours))


def refuse_foreign_claim(notes: str, run_id: str) -> None:
    """Raises ApplianceError if the notes contain another run's claim."""
    for line in notes.splitlines():
        if line.startswith(MARK) and run_id not in line:
            raise ApplianceError(
                f"another run has claimed this VM: {line}",
                hint=f"end that run on the workstation where it began: vmmigrate status {_run_in(line)} shows how;"
                " if that workstation is gone, remove the line from the VM's notes",
            )


def _run_in(line: str) -> str:
    """The run's id in such a line, which a person may have edited."""
    words = line.removeprefix(MARK).split()
    return words[1].rstrip(":") if words[:1] == ["run"] and len(words) > 1 else "RUN"


def _claimed(run: Run) -> str:
    return note_line(run, f"run {run.run_id} begun on workstation {run.workstation()}: a migration is in progress")


def release(run: Run, last_word: str = "") -> None:
    """Remove our line from the notes, and keep what anybody else wrote there."""
    run.hypervisor.set_notes(run.plan.old, _with_line(own_notes(run), last_word))


def note_line(run: Run, text: str) -> str:
    """The old VM's own notes with our line under them."""
    return _with_line(own_notes(run), f"{MARK} {text}")


def own_notes(run: Run) -> str:
    """The old VM's notes as they are now, without this run's line."""
    lines = run.hypervisor.inventory(run.plan.old).notes.split("\n")
    return "\n".join(line for line in lines if not (line.startswith(MARK) and run.run_id in line))


def _with_line(notes: str, line: str) -> str:
    return "\n".join(part for part in (notes, line) if part)
