"""Runs that earlier versions left on the disk are folded, shown, rolled back and finished, for ever."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from recorded_runs import NEW, TinyHypervisor, parts

from hypervisors import VmRef
from vmmigrate import known_runs, operations
from vmmigrate.appliance.tls.bundle import TlsBundle
from vmmigrate.errors import JournalDamaged, UsageProblem
from vmmigrate.facts import Backup, NewVm, TlsKept
from vmmigrate.run import way_out
from vmmigrate.run.fold import fold
from vmmigrate.run.record import read
from vmmigrate.run.recorded import readable_steps
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.stage import Discard
from vmmigrate.settings.models import Settings
from vmmigrate.show.status import status_json, status_lines
from vmmigrate.steps import intake
from vmmigrate.steps.export import DIGESTS
from vmmigrate.steps.migration import MIGRATE

JOURNALS = Path(__file__).parents[2] / "journals"
STORED = sorted(path.parent for path in JOURNALS.glob("*/*/journal.jsonl"))
GO_ON, END, NOTHING = ("resume", "rollback"), ("finish", "rollback"), ()
VERBS = {
    "needs-attention": ("rollback",),
    "updated": END,
    "gone-back": ("finish",),
    "migrated": END,
    "going-back-refused": END,
    "switched-back": ("finish",),
    "finished": NOTHING,
    "finished-after-switching-back": NOTHING,
    "rolled-back": NOTHING,
    "failed-and-rolled-back": NOTHING,
}


def laid(stored: Path, folder: Path) -> RunDir:
    """The stored run as a run of `folder`; a key where it has one."""
    run_id = json.loads((stored / "status.json").read_text())["run_id"]
    rundir = RunDir(folder / "runs" / run_id, folder / "keys" / f"{run_id}.key")
    shutil.copytree(stored, rundir.path)
    if (rundir.path / "key").exists():
        rundir.key_path.parent.mkdir()
        (rundir.path / "key").rename(rundir.key_path)
    return rundir


def test_there_are_runs_of_every_kind() -> None:
    assert len(STORED) >= 28
    assert VERBS.keys() < {stored.name for stored in STORED}


@pytest.fixture(params=STORED, ids=lambda path: f"{path.parent.name}-{path.name}")
def stored(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_a_stored_run_is_shown_as_the_version_that_wrote_it_showed_it(stored: Path, tmp_path: Path) -> None:
    rundir = laid(stored, tmp_path)
    seen = known_runs.status(rundir.run_id, parts(tmp_path, TinyHypervisor()))
    then, now = json.loads((stored / "status.json").read_text()), json.loads(json.dumps(status_json(seen)))
    counted = {"folder": "", "outage": None, "checks": None, "remarks": None}
    assert {**then, **counted} == {**{key: now[key] for key in then}, **counted}
    assert set(now["remarks"]) <= set(then.get("remarks", ()))  # without those of steps that were undone
    compared = zip(then.get("checks", ()), now["checks"], strict="checks" in then)
    assert all(known == {key: check[key] for key in known} for known, check in compared)
    seconds = [each["seconds"] for each in now["outages"] if each["ended"]]
    assert then["outage"] is None or round(then["outage"], 3) in (*seconds, round(sum(seconds), 3))
    assert now["outage"] == (round(sum(seconds), 3) if seconds else None)
    one_clock = stored.parent.name in ("schema-1", "schema-2")
    assert all(each["about"] is one_clock for each in now["outages"] if each["ended"])
    assert tuple(verb for verb, _ in seen.standing.verbs) == VERBS.get(stored.name, GO_ON)


def test_a_stored_run_is_shown_to_people(stored: Path, tmp_path: Path) -> None:
    rundir = laid(stored, tmp_path)
    lines = status_lines(known_runs.status(rundir.run_id, parts(tmp_path, TinyHypervisor())))
    then = (stored / "status.txt").read_text().splitlines()
    assert lines[0] == _in_words_of_today(then[0])
    assert _steps(lines) == _steps(then)
    verbs = [line.split()[2] for line in lines if line.startswith("next: ")]
    assert verbs == list(VERBS.get(stored.name, GO_ON))


def _steps(lines: Sequence[str]) -> list[list[str]]:
    """Status and name; the first version called what it had undone pending."""
    return [line.replace("undone", "pending").split()[:2] for line in lines if line.startswith("  ")]


def _in_words_of_today(line: str) -> str:
    """What that version printed, in the words of this one."""
    changed = {" rolled-back,": " rolled back,", " needs-attention,": " needs attention,"}
    changed |= {" on its way forward,": " while migrating,", " on its way back,": " while going back,"}
    for before, now in changed.items():
        line = line.replace(before, now)
    return line


def hypervisor_of(stored: Path) -> TinyHypervisor:
    """The old VM as its run claimed it, and the new one where the journal knows it."""
    state = fold(read(stored / "journal.jsonl"))
    old = VmRef(**json.loads((stored / "plan.json").read_text())["old"])
    known = state.facts.find(NewVm)
    claim = f"[vmmigrate] run {state.run_id} on elsewhere: a migration is in progress"
    return TinyHypervisor(notes=f"the owner's words\n{claim}", old=old, new=known.vm if known else NEW)


def test_what_is_looked_at_before_a_step_that_a_run_lacks_is_looked_at_before_the_next_one() -> None:
    records = read(JOURNALS / "schema-2" / "migrated" / "journal.jsonl")
    steps = {step.name: step for step in readable_steps(MIGRATE, fold(records), records)}
    assert "close-console" not in steps
    assert {"claim", "note-old", "deploy", "import", "verify"} <= set(steps["close-intake"].looks_back)
    assert steps["switch"].looks_back == next(step for step in MIGRATE.steps if step.name == "switch").looks_back


@pytest.mark.parametrize("name", ["interrupted", "killed-in-the-deployment", "killed-in-the-import"])
def test_a_stored_run_that_prepared_is_rolled_back(name: str, tmp_path: Path) -> None:
    stored = JOURNALS / "schema-1" / name
    rundir, hypervisor = laid(stored, tmp_path), hypervisor_of(stored)
    hypervisor.plugged_in = {hypervisor.old.id}
    assert operations.rollback(rundir.run_id, parts(tmp_path, hypervisor), yes=True) == "rolled-back"
    assert (hypervisor.notes, hypervisor.new_is_there) == ("the owner's words", False)
    assert not any(path.exists() for path in rundir.secrets())
    assert known_runs.status(rundir.run_id, parts(tmp_path, hypervisor)).standing.verbs == ()


@pytest.mark.parametrize(
    ("name", "new_is_there"), [("migrated", True), ("going-back-refused", True), ("switched-back", False)]
)
def test_a_stored_run_that_came_to_its_end_is_finished(name: str, new_is_there: bool, tmp_path: Path) -> None:
    stored = JOURNALS / "schema-1" / name
    rundir, hypervisor = laid(stored, tmp_path), hypervisor_of(stored)
    hypervisor.plugged_in = {hypervisor.new.id if new_is_there else hypervisor.old.id}
    given = parts(tmp_path, hypervisor)
    discard = Discard() if new_is_there else Discard("unseen", "unseen")
    assert operations.finish(rundir.run_id, given, yes=True, discard=discard) == "finished"
    assert hypervisor.new_is_there is new_is_there
    assert ("shut_down mailgw" in hypervisor.calls) is new_is_there
    assert known_runs.status(rundir.run_id, parts(tmp_path, hypervisor)).word == "finished"


@pytest.mark.parametrize("name", ["finished", "rolled-back", "failed-and-rolled-back"])
def test_a_stored_run_that_is_over_is_not_rolled_back_again(name: str, tmp_path: Path) -> None:
    stored = JOURNALS / "schema-1" / name
    rundir = laid(stored, tmp_path)
    with pytest.raises(UsageProblem):
        operations.rollback(rundir.run_id, parts(tmp_path, hypervisor_of(stored)), yes=True)


@pytest.mark.parametrize("name", ["migrated", "killed-in-the-import"])
def test_what_a_stored_run_keeps_encrypted_is_read(name: str, tmp_path: Path) -> None:
    stored = JOURNALS / "schema-1" / name
    rundir = laid(stored, tmp_path)
    backup = fold(read(rundir.journal)).facts.of(Backup)
    rundir.sealed.verify(rundir.archive, backup.sha256, backup.size)
    bundle = TlsBundle.from_bytes(rundir.sealed.decrypt_small(rundir.tls))
    assert bundle.web[0].fingerprint == fold(read(rundir.journal)).facts.of(TlsKept).web_fingerprint
    assert DIGESTS.validate_json(rundir.digests.read_bytes()).tables.keys() == backup.tables.keys()


def test_without_its_plan_it_says_what_to_type_where_it_did_with_it(stored: Path, tmp_path: Path) -> None:
    """Of every kind of run. Nothing is left then but the journal and, here, the settings."""
    rundir = laid(stored, tmp_path)
    given = parts(tmp_path, TinyHypervisor())
    seen = known_runs.status(rundir.run_id, given)
    planned = way_out.by_hand(seen.standing, seen.plan, Settings(), reached=False)
    rundir.plan.unlink()
    with pytest.raises(JournalDamaged, match=r"plan\.json cannot be read") as refused:
        known_runs.status(rundir.run_id, given)
    assert ("nobody takes mail; by hand, in this order:\n    1. " in refused.value.hint) == bool(planned)
    assert (intake.BY_HAND in refused.value.hint) == (intake.BY_HAND in planned)
