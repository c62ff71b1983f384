"""Claim the old VM in its notes, so that a second workstation does not use it; and restore the notes."""

import re
from collections.abc import Callable, Iterator

from hypervisors import Changed, let_settle
from vmmigrate.errors import ApplianceError
from vmmigrate.facts import Claim
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import gone

MARK = "[vmmigrate]"
REMOVED = "removed, and no other run's"
RELEASED = "released: this run's last word is there"
_LAST_WORD = re.compile(r"\(vmmigrate run \S+, finished\)")  # as `retire.release_old` writes it
_SAID_LAST = re.compile(r"Replaced by .* \(vmmigrate run \S+, finished\)\.$")  # and nothing else in that line
_HALF_AN_ID = re.compile(r"\d{8}(-\d{0,6}(-[0-9a-f]{0,3})?)?")  # as `rundir.new_run_id` makes them whole
_WORDS = 3  # the mark, "run" and its id: what a claim begins with
# The words of `close.do_notes`, `close.undo_notes` and `retire.release_old`.
_AFTER = re.compile(
    rf"{re.escape(MARK)} run \S+: (replaced by|switched back)|Replaced by .*, finished\)", re.IGNORECASE
)
_ATTEMPTS = 5  # at notes that somebody else writes at the same moment

Change = Callable[[str], str]  # of notes


def do(run: Run) -> None:
    if run.facts.find(Claim) is None:
        inventory = run.hypervisor.inventory(run.plan.old)
        refuse_foreign_claim(inventory.notes, run.run_id)
        run.learn(Claim(inventory.notes, inventory.autostart))
    take(run)


def undo(run: Run) -> None:
    if run.facts.find(Claim) is not None:
        release(run)


def holds(run: Run) -> Iterator[Check]:
    """The claim is this run's. One that was removed is claimed again, unless another run has come to its end since; one
    that `finish` released is not, but before a way back plugs in: see `guards`.

    Of an old VM that was deleted after the commit nobody can claim anything.
    """
    if gone.old_is_gone(run):
        yield Check("claim", f"the claim in the notes of {run.plan.old.name}", "", "the VM was deleted", Verdict.PASS)
        return
    notes = run.hypervisor.inventory(run.plan.old).notes
    line = foreign(notes, run.run_id) or _finished_since(notes, run.run_id, run.facts.find(Claim))
    ours, let_go = is_ours(notes, run.run_id), _is_let_go(notes, run.run_id)
    seen, hint = line or ("this run's" if ours else RELEASED if let_go else REMOVED), how_to_end(line) if line else ""
    what, verdict = f"the claim in the notes of {run.plan.old.name}", Verdict.of((ours or let_go) and not line)
    yield Check("claim", what, "this run's", seen, verdict, hint)


def take(run: Run) -> None:
    """Write our claim over notes without one. Of two that do so at the same moment, one passes.

    Where the hypervisor does not compare, the later write wins: so the notes are read again when it must have come.
    Raises ApplianceError if the claim is another's.
    """
    _rewrite(run, lambda notes: _claimed(run, notes))
    let_settle(run.hypervisor.settling, run.pace)
    notes = run.hypervisor.inventory(run.plan.old).notes
    refuse_foreign_claim(notes, run.run_id)
    if not is_ours(notes, run.run_id):
        raise ApplianceError(
            f"the claim in the notes of {run.plan.old.name} was removed as soon as it was written",
            hint="find out who else writes into its notes, then run this again",
        )


# ---- what notes say ----------------------------------------------------------------------------------------


def claims(notes: str) -> tuple[str, ...]:
    """The lines by which runs have claimed it."""
    return tuple(line for line in _lines(notes) if _is_claim(line))


def _lines(notes: str) -> list[str]:
    """As they are, but a claim that a person's editor wrapped in front of the run's id is one line again."""
    lines: list[str] = []
    for line in notes.split("\n"):
        if lines and _is_claim(lines[-1]) and len(lines[-1].split()) < _WORDS:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return lines


def _is_claim(line: str) -> bool:
    """Also where a person indented it, or wrote it in capitals."""
    return line.strip().casefold().startswith(MARK)


def is_ours(notes: str, run_id: str) -> bool:
    return any(_is_of(line, run_id) for line in claims(notes))


def foreign(notes: str, run_id: str) -> str:
    """Another run's claim, '' if there is none."""
    return next((line for line in claims(notes) if not _is_of(line, run_id)), "")


def _finished_since(notes: str, run_id: str, ours: Claim | None) -> str:
    """The last word of another run that finished with this VM after ours claimed it, '' if there is none."""
    if ours is None:
        return ""
    came = (line for line in notes.split("\n") if line not in ours.notes.split("\n"))
    return next((line for line in came if _LAST_WORD.search(line) and not _is_of(line, run_id)), "")


def _is_let_go(notes: str, run_id: str) -> bool:
    """Its last word is there: `finish` was stopped after it, or its record was lost."""
    return any(_SAID_LAST.match(line) and _is_of(line, run_id) for line in _lines(notes))


def after_the_commit(notes: str, run_id: str) -> str:
    """The line that this run writes only after its commit, or as its last word; '' if there is none."""
    return next((line for line in _lines(notes) if _is_of(line, run_id) and _AFTER.match(line.strip())), "")


def refuse_foreign_claim(notes: str, run_id: str) -> None:
    """Raises ApplianceError if the notes contain another run's claim."""
    if line := foreign(notes, run_id):
        raise ApplianceError(f"another run has claimed this VM: {line}", hint=how_to_end(line))


def how_to_end(line: str) -> str:
    """What to do about another run's claim, or its last word."""
    if _LAST_WORD.search(line):
        return (
            "another run replaced this VM and is finished: nothing is to be undone by this one, whose new VM can be"
            " deleted by hand; if this VM is to be live again all the same, remove that line from its notes"
        )
    if _HALF_AN_ID.fullmatch(_run_in(line)):
        return (
            "that line has no whole run's id: somebody has edited it. Where no other run is at work on this VM, remove"
            " it from the notes, then run this again"
        )
    return (
        f"end that run on the workstation where it began: vmmigrate status {_run_in(line)} shows how;"
        " if that workstation is gone, remove the line from the VM's notes"
    )


def _is_of(line: str, run_id: str) -> bool:
    return run_id.casefold() in re.split(r"[\s:;,()]+", line.casefold())


def _run_in(line: str) -> str:
    """The run's id in such a line, which a person may have edited."""
    words = line.strip()[len(MARK) :].split()
    return words[1].rstrip(":") if len(words) > 1 and words[0].casefold() == "run" else "RUN"


# ---- what is written ---------------------------------------------------------------------------------------


def release(run: Run, last_word: str = "") -> None:
    """Remove our line from the notes, and keep what anybody else wrote there. Repeated, it says its last word once."""
    _rewrite(run, lambda notes: _with_line(_without_ours(notes, run.run_id), last_word))


def note(run: Run, text: str) -> None:
    """Our line in the old VM's notes, under what anybody else wrote there."""
    _rewrite(run, lambda notes: _with_line(_without_ours(notes, run.run_id), f"{MARK} {text}"))


def _claimed(run: Run, notes: str) -> str:
    """Raises ApplianceError if another run has."""
    refuse_foreign_claim(notes, run.run_id)
    line = f"{MARK} run {run.run_id} begun on workstation {run.workstation()}: a migration is in progress"
    return _with_line(_without_ours(notes, run.run_id), line)


def _rewrite(run: Run, change: Change) -> None:
    """What anybody wrote between our look and our write is kept. Raises Changed if somebody writes without end."""
    for attempt in range(1, _ATTEMPTS + 1):
        notes = run.hypervisor.inventory(run.plan.old).notes
        try:
            run.hypervisor.set_notes(run.plan.old, change(notes), over=notes)
            return
        except Changed:
            if attempt == _ATTEMPTS:
                raise


def _without_ours(notes: str, run_id: str) -> str:
    """Neither its claim nor its last word, which a `finish` that was stopped may have left."""
    return "\n".join(line for line in _lines(notes) if not (_is_of(line, run_id) and _is_written_by_us(line)))


def _is_written_by_us(line: str) -> bool:
    return _is_claim(line) or _SAID_LAST.match(line) is not None


def _with_line(notes: str, line: str) -> str:
    return "\n".join(part for part in (notes, line) if part)
