"""What a run changed, read from its journal: each act on either machine with what was noted before; the chain."""

from pathlib import Path

import pytest
from small_plan import PLAN

from vmmigrate.errors import JournalDamaged
from vmmigrate.facts import Claim, Plugged
from vmmigrate.itineraries import ITINERARIES
from vmmigrate.learnt import group_to_json
from vmmigrate.model import plan_to_json
from vmmigrate.run.audit import audit
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind, read
from vmmigrate.show.audit import audit_json, audit_lines
from vmmigrate.steps.migration import MIGRATE

STORED = sorted((Path(__file__).parents[2] / "journals").glob("*/*"))
ON_THE_WORKSTATION = ("note-old", "export", "collect-tls", "verify", "decide", "verify-live")
HERE_ALONE = {*ON_THE_WORKSTATION, "note", "see"}


def begun(folder: Path) -> Journal:
    steps = [
        {"name": step.name, "phase": phase.name, "title": step.title}
        for phase in MIGRATE.phases
        for step in phase.steps
    ]
    return Journal.create(
        folder / "journal.jsonl", {"run_id": "r1", "version": "0", "steps": steps, "plan": plan_to_json(PLAN)}
    )


def learn(journal: Journal, step: str, value: object) -> None:
    group, data = group_to_json(value)
    journal.append(Kind.LEARNT, {"step": step, "group": group, "value": data})


def test_each_act_on_either_machine_is_shown_with_what_was_there_before(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    for step, fact in (
        ("claim", Claim("the owner's words", autostart=True)),
        ("switch", Plugged("52:54:00:00:00:01", True, True)),
    ):
        journal.append(Kind.BEGIN, {"step": step})
        learn(journal, step, fact)
        journal.append(Kind.DONE, {"step": step})
    journal.append(Kind.UNDO, {"step": "switch"})
    journal.append(Kind.FAILED, {"step": "switch", "error": "x", "hint": "y"})
    journal.append(Kind.UNDO, {"step": "switch"})  # and the process is killed
    seen = audit(read(journal.path), MIGRATE)
    assert [(act.vm, act.step, act.undoing, act.ended) for act in seen.acts] == [
        ("old", "claim", False, "done"),
        ("old", "switch", False, "done"),
        ("new", "switch", False, "done"),
        ("old", "switch", True, "failed"),
        ("new", "switch", True, "failed"),
        ("old", "switch", True, ""),
        ("new", "switch", True, ""),
    ]
    assert '"the owner\'s words"' in seen.acts[0].before
    assert "52:54:00:00:00:01" in seen.acts[1].before
    assert seen.head == journal.records[-1].hash
    lines = audit_lines("r1", PLAN.names, seen)
    assert lines[1].endswith("old  claim         notes: the claim (done)")
    assert lines[-2].endswith("undo: link up (not seen to end)")
    assert lines[-1] == f"chain: whole, {len(journal.records)} records, the last one's SHA-256 is {seen.head}"
    assert audit_json("r1", seen)["acts"][0]["what"] == "notes: the claim"


def test_changes_stand_with_the_step_in_which_they_were_made(tmp_path: Path) -> None:
    """Those of a `finish` with none; those of a machine of which the step says nothing, beside it."""
    journal = begun(tmp_path)
    journal.append(Kind.BEGIN, {"step": "switch"})
    for vm in ("old", "new"):
        journal.changed(vm=vm, what="link of x", before="up", after="down\x1b[2J")
    journal.append(Kind.DONE, {"step": "switch"})
    journal.append(Kind.BEGIN, {"step": "verify"})
    journal.changed(vm="old", what="rm x", before="", after="ended with 0")
    journal.append(Kind.PAUSED, {"reason": "interrupted"})
    journal.changed(vm="old", what="power", before="running", after="off")
    journal.keep_changes()
    journal.keep_changes()
    journal.append(Kind.FINISHED)
    seen = audit(read(journal.path), MIGRATE)
    assert [(act.vm, act.step, [made.what for made in act.made]) for act in seen.acts] == [
        ("old", "switch", ["link of x"]),
        ("new", "switch", ["link of x"]),
        ("old", "verify", ["rm x"]),
        ("old", "", ["power"]),
        ("both", "", []),
    ]
    lines = audit_lines("r1", PLAN.names, seen)
    assert "\x1b" not in "".join(lines)
    assert sum("power: running → off" in line for line in lines) == 1


def test_changes_of_no_shape_end_no_audit(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    for odd in (7, "x", [7, None, {"vm": ["old"]}], {"at": 1}):
        journal.append(Kind.BEGIN, {"step": "switch", "changed": odd})
    assert audit_lines("r1", PLAN.names, audit(read(journal.path), MIGRATE))


def test_an_altered_record_is_refused(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    for step in ("claim", "deploy"):
        journal.append(Kind.BEGIN, {"step": step})
    journal.path.write_bytes(
        journal.path.read_bytes().replace(b'"claim"}', b'"clean"}').replace(b'"step":"claim"', b'"step":"clbim"')
    )
    with pytest.raises(JournalDamaged, match="the chain of hashes is broken"):
        read(journal.path)


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_runs_of_earlier_versions_are_audited(path: Path, tmp_path: Path) -> None:
    found = next(path.rglob("journal.jsonl"), None)
    if found is None:
        pytest.skip("no run")
    seen = audit(read(found), MIGRATE)
    assert {act.vm for act in seen.acts} <= {"old", "new", "both"}
    assert seen.acts


def test_every_step_that_changes_a_machine_says_so() -> None:
    for itinerary in ITINERARIES:
        silent = {step.name for step in itinerary.steps if not step.changes}
        assert silent <= HERE_ALONE, itinerary.name
