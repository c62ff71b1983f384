"""How a recorded run is taken up again, and how it ends: what is refused, what is dropped, what is told."""

import json
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import (
    CLAIM,
    END,
    NEW,
    PASSWORDS,
    PREPARED,
    SWITCHED,
    SWITCHED_BACK,
    Porter,
    Recorded,
    TinyHypervisor,
    alone,
    done,
    doors_to,
    parts,
    raises,
    record,
    undone,
)
from small_plan import LAN, PLAN
from small_steps import Killed, trouble

from hypervisors import (
    Access,
    Cancelled,
    Holder,
    Hypervisor,
    HypervisorError,
    NotSupported,
    Pace,
    PowerState,
    Problem,
    VmRef,
)
from tests.journey.transplant import without_copies
from vmmigrate import known_runs, operations
from vmmigrate.errors import (
    Guarded,
    JournalDamaged,
    JournalFailed,
    NeedsAttention,
    NeedsConfirmation,
    RolledBack,
    RunFolderFailed,
    UsageProblem,
)
from vmmigrate.events import Event, RunEnded, RunStarted, Service, StepRemark, Warned
from vmmigrate.facts import Plugged
from vmmigrate.model import plan_to_json
from vmmigrate.parts import run_of
from vmmigrate.run.began_with import settings_of
from vmmigrate.run.fold import Status, fold
from vmmigrate.run.lock import locked
from vmmigrate.run.record import Kind, read
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.stage import Discard
from vmmigrate.run.standing import Standing
from vmmigrate.settings.models import Settings
from vmmigrate.show.status import status_json, status_lines
from vmmigrate.steps.migration import ALL, KEEPING_NEW, MIGRATE

SCOPES = tuple(scope.name for scope in MIGRATE.scopes)
GONE = {"old VM": "live", "new VM": "deleted or never made"}
BACK = ("rollback", "to go back to the old VM")


@pytest.fixture
def tiny() -> TinyHypervisor:
    return TinyHypervisor()


def changes(hypervisor: TinyHypervisor) -> list[str]:
    return [call for call in hypervisor.calls if not call.startswith(("find", "inventory", "close"))]


def kept(rundir: RunDir) -> list[str]:
    """The run's secrets that are still there."""
    return [path.name for path in rundir.secrets() if path.exists()]


# ---- words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "word"),
    [
        ([], "interrupted on its way forward"),
        ([*done(PREPARED), (Kind.PAUSED, {"reason": "interrupted"})], "interrupted"),
        ([*done(SWITCHED), END], "migrated"),
        (SWITCHED_BACK, "switched back"),
        ([*done(PREPARED), *undone(PREPARED, scope="all")], "rolled-back"),
        ([*done(PREPARED), *undone(PREPARED, scope="all")[:-1]], "interrupted on its way back"),
        ([*done(SWITCHED), END, (Kind.FINISHED, {})], "finished"),
    ],
)
def test_where_a_run_stands(tmp_path: Path, tiny: TinyHypervisor, records: list[tuple[Kind, dict]], word: str) -> None:
    record(tmp_path, "r1", records)
    seen = known_runs.status("r1", parts(tmp_path, tiny))
    assert (seen.word, seen.plan) == (word, PLAN)
    assert tiny.calls == []


def test_a_scope_covers_recorded_steps(tmp_path: Path) -> None:
    standing = Standing(MIGRATE, fold(read(record(tmp_path, "r1", []).journal)))
    assert standing.covered(ALL) == tuple(standing.state.steps)
    assert standing.covered(KEEPING_NEW) == (
        "decide",
        "close-console",
        "close-intake",
        "carry",
        "switch",
        "verify-live",
        "autostart",
        "open",
        "tidy",
        "host-keys",
        "test-mail",
        "notes",
    )


def test_runs_are_those_with_a_journal_oldest_first(tmp_path: Path, tiny: TinyHypervisor) -> None:
    assert known_runs.ids(parts(tmp_path, tiny)) == ()
    for run_id in ("20260103-1", "20260102-1"):
        record(tmp_path, run_id, [])
    (tmp_path / "runs" / "stray").mkdir()
    assert known_runs.ids(parts(tmp_path, tiny)) == ("20260102-1", "20260103-1")


def test_a_run_that_could_not_begin_leaves_nothing(tmp_path: Path) -> None:
    rundir = RunDir(tmp_path / "runs" / "r1", tmp_path / "keys" / "r1.key")
    rundir.create()
    (rundir.path / "settings.json.part").mkdir()  # in the way of the settings
    with pytest.raises(RunFolderFailed, match="r1 cannot be written: Is a directory"):
        operations.begin(rundir, MIGRATE, plan_to_json(PLAN), Settings())
    assert not list(tmp_path.rglob("r1*"))


# ---- refusals --------------------------------------------------------------------------------------------


def test_an_unknown_run(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", [])
    for act in (known_runs.status, operations.resume, operations.rollback, operations.finish):
        with pytest.raises(UsageProblem, match=r"there is no run 'r2' in .*/runs \(known: r1\)") as refusal:
            act("r2", parts(tmp_path, tiny))
        assert refusal.value.hint.startswith("list the runs with `vmmigrate status`")
    with pytest.raises(UsageProblem) as refusal:
        operations.resume("last", parts(tmp_path, tiny))
    assert refusal.value.hint == "only `vmmigrate status` takes 'last'; the newest run is r1"


@pytest.mark.parametrize(("outcome", "words"), [("migrated", "migrated"), ("rolled-back", "rolled back")])
def test_an_ended_run_is_not_resumed(tmp_path: Path, tiny: TinyHypervisor, outcome: str, words: str) -> None:
    record(tmp_path, "r1", [(Kind.END, {"outcome": outcome})])
    with pytest.raises(UsageProblem, match=f"run r1 has ended: {words}"):
        operations.resume("r1", parts(tmp_path, tiny))


def test_where_no_run_is_known_the_hint_asks_who_began_it(tmp_path: Path, tiny: TinyHypervisor) -> None:
    with pytest.raises(UsageProblem, match=r"\(known: none\)") as refusal:
        operations.resume("r1", parts(tmp_path, tiny))
    assert refusal.value.hint == "was it begun by another user, or on another workstation?"


BEFORE_THE_COMMIT = {name: fact for name, fact in SWITCHED.items() if name not in ("open", "autostart")}
STATES = {
    "interrupted": done(PREPARED),
    "going back": [*done(PREPARED), *undone(PREPARED, scope="all")[:-1]],
    "rolled back": [*done(PREPARED), *undone(PREPARED, scope="all")],
    "paused before the commit": [
        *done(BEFORE_THE_COMMIT),
        *undone({name: SWITCHED[name] for name in ("close-intake", "switch")}, scope="switch"),
    ],
    "migrated": [*done(SWITCHED), END],
    "switched back": SWITCHED_BACK,
    "needs attention": [
        *done(PREPARED),
        *undone(PREPARED, scope="all")[:1],
        (Kind.END, {"outcome": "needs-attention"}),
    ],
    "finished": [*done(SWITCHED), END, (Kind.FINISHED, {})],
}
ACTS: dict[str, Callable[..., object]] = {
    "status": known_runs.status,
    "resume": operations.resume,
    "rollback": operations.rollback,
    "finish": operations.finish,
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("verb", "flags"), [("resume", {}), ("rollback", {}), ("finish", {}), *(("rollback", {"scope": s}) for s in SCOPES)]
)
def test_no_hint_names_a_command_that_is_refused(
    tmp_path: Path, tiny: TinyHypervisor, state: str, verb: str, flags: dict[str, str]
) -> None:
    record(tmp_path, "r1", STATES[state])
    refused = refusal_of(tmp_path, tiny, verb, **flags)
    for named, scope in re.findall(r"vmmigrate (\w+) r1(?: --scope (\w+))?", refused.hint if refused else ""):
        second = refusal_of(tmp_path, tiny, named, **({"scope": scope} if scope else {}))
        assert second is None, f"{state}: {verb} → {refused and refused.hint!r}: {named} → {second}"


def refusal_of(folder: Path, tiny: TinyHypervisor, verb: str, **flags: str) -> UsageProblem | None:
    """Why it is refused; what is not refused is stopped as it begins."""

    def stop(event: Event) -> None:
        if isinstance(event, RunStarted):
            raise Killed

    try:
        ACTS[verb]("r1", parts(folder, tiny, listen=stop), **flags)
    except UsageProblem as refusal:
        return refusal
    except (Killed, NeedsConfirmation):
        pass
    return None


def test_a_rolled_back_run_has_nothing_to_finish(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", STATES["rolled back"])
    with pytest.raises(UsageProblem, match=r"^run r1 is rolled back: there is nothing to finish$"):
        operations.finish("r1", parts(tmp_path, tiny), yes=True)


def test_a_switched_back_run_is_not_switched_back_again(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", SWITCHED_BACK)
    before = rundir.journal.read_bytes()
    with pytest.raises(UsageProblem, match=r"^run r1 is switched back already$") as refusal:
        operations.rollback("r1", parts(tmp_path, tiny, itineraries=(alone(),)), yes=True)
    assert refusal.value.hint.startswith("vmmigrate finish r1: deletes the new VM")
    assert (changes(tiny), rundir.journal.read_bytes()) == ([], before)


def test_what_was_undone_is_shown_as_undone(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", STATES["rolled back"])
    seen = known_runs.status("r1", parts(tmp_path, tiny))
    shown = {line.split()[1]: line.split()[0] for line in status_lines(seen) if line.startswith("  ")}
    assert {step for step, state in shown.items() if state == "undone"} == set(PREPARED)
    assert shown["verify"] == "pending"
    data = status_json(seen)
    assert (data["undone"], set(data["steps"].values())) == (sorted(PREPARED), {"pending"})


def test_a_run_that_was_open_to_the_world_is_not_switched_a_second_time(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", SWITCHED_BACK)
    with pytest.raises(UsageProblem, match="was open to the world and went back") as refusal:
        operations.resume("r1", parts(tmp_path, tiny))
    assert refusal.value.hint == "vmmigrate finish r1, then start a new run"


def test_a_vm_that_was_open_to_the_world_is_not_deleted_by_a_rollback(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", [*done(SWITCHED), END])
    with pytest.raises(UsageProblem, match="may hold mail, so it is not deleted") as refusal:
        operations.rollback("r1", parts(tmp_path, tiny), scope="all", yes=True)
    assert refusal.value.hint == (
        "vmmigrate rollback r1 --scope switch: going back to the old VM, keeping the new one, unplugged"
    )
    assert changes(tiny) == []


def test_a_finished_run_is_left_alone(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", [*done(SWITCHED), END, (Kind.FINISHED, {})])
    for act in (operations.resume, operations.rollback, operations.finish):
        with pytest.raises(UsageProblem, match="run r1 is finished"):
            act("r1", parts(tmp_path, tiny))
    assert tiny.calls == []


def test_an_unfinished_run_is_not_finished(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(PREPARED))
    with pytest.raises(UsageProblem, match="run r1 cannot be finished: interrupted while migrating"):
        operations.finish("r1", parts(tmp_path, tiny), yes=True)


def test_another_plan_than_the_recorded_one(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [])
    rundir.plan.write_text(rundir.plan.read_text().replace("192.0.2.10", "192.0.2.11"))
    with pytest.raises(JournalDamaged, match="is not the plan with which the run began"):
        operations.resume("r1", parts(tmp_path, tiny))


def test_a_run_that_another_process_works_on(tmp_path: Path, tiny: TinyHypervisor) -> None:
    with locked(record(tmp_path, "r1", [])), pytest.raises(UsageProblem, match="another process is working on run r1"):
        operations.rollback("r1", parts(tmp_path, tiny), yes=True)


def test_nothing_is_told_to_have_started_that_was_refused(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", [*done(SWITCHED), END])
    told: list[Event] = []
    with pytest.raises(UsageProblem):
        operations.resume("r1", parts(tmp_path, tiny, listen=told.append))
    with pytest.raises(NeedsConfirmation):
        operations.finish("r1", parts(tmp_path, tiny, listen=told.append))
    assert told == []


@pytest.mark.parametrize("missing", sorted(PASSWORDS))
def test_a_forgotten_password_refuses_a_resume_and_fails_no_step(
    tmp_path: Path, tiny: TinyHypervisor, missing: str
) -> None:
    rundir = record(tmp_path, "r1", done(PREPARED))
    before = rundir.journal.read_bytes()
    environ = {name: value for name, value in PASSWORDS.items() if name != missing}
    with pytest.raises(UsageProblem, match="there is no terminal to ask for it"):
        operations.resume("r1", parts(tmp_path, tiny, environ=environ))
    assert rundir.journal.read_bytes() == before
    assert changes(tiny) == []


def test_a_forgotten_password_refuses_a_rollback_of_the_switch(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [*done(SWITCHED), END])
    before = rundir.journal.read_bytes()
    with pytest.raises(UsageProblem, match=r"old\.ssh\.password is not given"):
        operations.rollback("r1", parts(tmp_path, tiny, environ={}), yes=True)
    assert rundir.journal.read_bytes() == before


@pytest.mark.parametrize("verb", ["resume", "rollback"])
def test_a_forgotten_password_in_the_switch_is_answered_by_the_way_back_that_needs_none(
    tmp_path: Path, tiny: TinyHypervisor, verb: str
) -> None:
    record(tmp_path, "r1", done(BEFORE_THE_COMMIT))
    with pytest.raises(UsageProblem, match="is not given") as refused:
        ACTS[verb]("r1", parts(tmp_path, tiny, environ={}), **({} if verb == "resume" else {"yes": True}))
    assert (
        "1. where only a guest is out of reach: vmmigrate rollback r1 --links-only; else these:" in refused.value.hint
    )
    assert changes(tiny) == []


LEARNT_BADLY = (Kind.LEARNT, {"step": "claim", "group": "Claim", "value": {"notes": 1}})
FROM_THE_JOURNAL: list[tuple[Callable[..., str], dict[str, Any], list[Recorded], str]] = [
    (operations.resume, {}, [END], "run r1 has ended: migrated"),
    (operations.resume, {}, SWITCHED_BACK, "run r1 was open to the world and went back"),
    (operations.resume, {}, [LEARNT_BADLY], "record 1: what the journal has as Claim cannot be read: notes: "),
    (operations.rollback, {}, undone({}, scope="all"), "run r1 is rolled back already"),
    (
        operations.rollback,
        {"scope": "swich"},
        done(SWITCHED),
        "there is no scope 'swich': a run does not go",
    ),
    (operations.rollback, {"scope": "all"}, done(SWITCHED), "run r1: the new VM has been open to the world"),
    (operations.rollback, {}, [LEARNT_BADLY], "record 1: what the journal has as Claim cannot be read"),
    (operations.finish, {"yes": True}, done(PREPARED), "run r1 cannot be finished: interrupted"),
    (operations.finish, {}, [*done(SWITCHED), END], "this must be confirmed"),
    (operations.finish, {"yes": True}, [*done(SWITCHED), END, (Kind.FINISHED, {})], "run r1 is finished"),
]


@pytest.mark.parametrize(("act", "how", "records", "words"), FROM_THE_JOURNAL)
def test_what_the_journal_alone_refuses_is_refused_before_anything_is_connected(
    tmp_path: Path,
    tiny: TinyHypervisor,
    act: Callable[..., str],
    how: dict[str, Any],
    records: list[Recorded],
    words: str,
) -> None:
    journal = record(tmp_path, "r1", records).journal
    before, connected = journal.read_bytes(), list[str]()

    def connect(url: str, access: Access) -> Hypervisor:
        connected.append(url)
        raise trouble("connected, and a password was asked for")

    with pytest.raises(Problem, match=re.escape(words)):
        act("r1", replace(parts(tmp_path, tiny, environ={}), connect=connect), **how)
    assert (connected, journal.read_bytes()) == ([], before)


@pytest.mark.parametrize("name", ["plan", "settings"])
@pytest.mark.parametrize("content", [None, "nothing of the kind"])
def test_a_run_of_an_earlier_version_without_its_plan_or_settings_is_refused_in_words(
    tmp_path: Path, tiny: TinyHypervisor, name: str, content: str | None
) -> None:
    rundir = record(tmp_path, "r1", done(PREPARED))
    rundir.journal.write_bytes(without_copies(rundir.journal.read_bytes()))
    spoil(getattr(rundir, name), content)
    for act in (operations.resume, operations.rollback):
        with pytest.raises(JournalDamaged, match=f"{name}.json") as refusal:
            act("r1", parts(tmp_path, tiny))
        assert "restore that file from a copy" in refusal.value.hint
    assert tiny.calls == []


@pytest.mark.parametrize("content", [None, "nothing of the kind"])
def test_the_copies_in_the_journal_are_enough_for_a_way_back(
    tmp_path: Path, tiny: TinyHypervisor, content: str | None
) -> None:
    rundir = record(tmp_path, "r1", done(PREPARED))
    for path in (rundir.plan, rundir.settings):
        spoil(path, content)
    tiny.plugged_in = {PLAN.old.id}
    heard: list[Event] = []
    assert operations.rollback("r1", parts(tmp_path, tiny, listen=heard.append), yes=True) == "rolled-back"
    said = [event.text for event in heard if isinstance(event, Warned)]
    for path, text in zip((rundir.plan, rundir.settings), said, strict=True):
        assert text.startswith(str(path))
        assert text.endswith("; the copy in the journal is used")


@pytest.mark.parametrize("copy", ["{", "[]", "another", "\ud800"])
def test_a_copy_of_another_plan_is_none(tmp_path: Path, tiny: TinyHypervisor, copy: str) -> None:
    rundir = record(tmp_path, "r1", [])
    first = json.loads(rundir.journal.read_bytes())
    first["plan"] = first["plan"].replace("192.0.2.10", "192.0.2.11") if copy == "another" else copy
    rundir.journal.write_text(json.dumps(first) + "\n")
    rundir.plan.unlink()
    for act in (operations.resume, operations.rollback, known_runs.status):
        with pytest.raises(JournalDamaged, match=r"journal\.jsonl does not have what this version reads there"):
            act("r1", parts(tmp_path, tiny))
    assert tiny.calls == []


def test_the_copy_of_the_settings_has_nothing_private(tmp_path: Path) -> None:
    settings = Settings.model_validate({"mail": {"test": "a.person@example.test"}, "limits": {"drain": 7}})
    rundir = RunDir(tmp_path / "runs" / "r1", tmp_path / "keys" / "r1.key")
    rundir.create()
    operations.begin(rundir, MIGRATE, plan_to_json(PLAN), settings).close()
    assert b"a.person" not in rundir.journal.read_bytes()
    rundir.settings.unlink()
    stored, _ = settings_of(rundir, fold(read(rundir.journal)))
    assert stored.settings == Settings.model_validate({"limits": {"drain": 7}})


def spoil(path: Path, content: str | None) -> None:
    path.unlink()
    if content:
        path.write_text(content)


# ---- a full disk -------------------------------------------------------------------------------------------


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """A limit on a file's size, as a full disk does it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_remark_that_cannot_be_written_does_not_stop_the_way_back_of_the_switch(
    tmp_path: Path, tiny: TinyHypervisor
) -> None:
    """The link does not go down, and to remark on it there is no space: the new VM is off before the old is live."""
    rundir = record(tmp_path, "r1", done({**PREPARED, "switch": SWITCHED["switch"]}))
    full = ExitStack()

    def fail_on_a_full_disk() -> None:
        tiny.before.clear()
        full.enter_context(no_file_over(rundir.journal.stat().st_size))
        raise HypervisorError("the link is stuck", hint="")

    tiny.before["set_nic"] = fail_on_a_full_disk
    with full, pytest.raises(JournalFailed):
        operations.rollback("r1", parts(tmp_path, tiny), yes=True)
    assert changes(tiny)[:3] == [f"set_nic {NEW.name} down", f"power_off {NEW.name}", f"set_nic {PLAN.old.name} up"]
    assert fold(read(rundir.journal)).steps["switch"] is Status.UNDOING


def test_a_full_disk_right_after_the_beginning_is_told_of_a_run_that_began(
    tmp_path: Path, tiny: TinyHypervisor
) -> None:
    rundir = RunDir(tmp_path / "runs" / "r1", tmp_path / "keys" / "r1.key")
    told: list[Event] = []
    recorder = Recorder(told.append)
    given = parts(tmp_path, tiny, listen=recorder)
    recorder(Warned("a warning from planning " * 10_000))
    with (
        run_of(rundir, PLAN, Settings(), given) as run,
        no_file_over(100_000),
        pytest.raises(JournalFailed, match="cannot be written"),
    ):
        operations.start(MIGRATE, plan_to_json(PLAN), run, recorder)
    assert RunStarted("r1", "migrate", str(rundir.path)) in told
    assert fold(read(rundir.journal)).steps["claim"] is Status.PENDING
    assert changes(tiny) == []


# ---- rollback --------------------------------------------------------------------------------------------


def test_before_the_switch_a_rollback_wants_no_password_and_leaves_nothing(
    tmp_path: Path, tiny: TinyHypervisor
) -> None:
    tiny.plugged_in = {PLAN.old.id}
    rundir = record(tmp_path, "r1", done(PREPARED))
    told: list[Event] = []
    assert operations.rollback("r1", parts(tmp_path, tiny, environ={}, listen=told.append), yes=True) == "rolled-back"
    assert changes(tiny) == [f"destroy {NEW.name}", "set_notes mailgw"]
    assert (tiny.notes, tiny.new_is_there, kept(rundir)) == (CLAIM.notes, False, [])
    assert told[0] == RunStarted("r1", "rollback", str(rundir.path))
    mail = Service("flowing", ("mailgw",), "before this run", expected=True, machines=GONE)
    assert told[-1] == RunEnded("r1", "rolled-back", None, GONE, insecure=("--trust-staging",), mail=mail)


def test_what_a_crash_left_of_a_rolled_back_runs_secrets_is_dropped(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [*done(PREPARED), *undone(PREPARED, scope="all")])
    assert kept(rundir) == ["archive.age", "r1.key"]
    with pytest.raises(UsageProblem, match="run r1 is rolled back already"):
        operations.rollback("r1", parts(tmp_path, tiny), yes=True)
    assert kept(rundir) == []


def test_what_could_not_be_undone_is_listed_and_tried_again(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", done(PREPARED))
    tiny.plugged_in = {PLAN.old.id}
    tiny.before["destroy"] = raises(trouble("the host is down"))
    told: list[Event] = []
    with pytest.raises(NeedsAttention) as left:
        operations.rollback("r1", parts(tmp_path, tiny, listen=told.append), yes=True)
    assert str(left.value) == "not everything could be undone: deploy: the host is down → try another day"
    assert left.value.hint == "fix that, then run `vmmigrate rollback r1` again: it continues where it failed"
    assert [event.outcome for event in told if isinstance(event, RunEnded)] == ["needs-attention"]
    assert kept(rundir) == ["archive.age", "r1.key"]
    tiny.before.clear()
    tiny.calls.clear()
    assert operations.rollback("r1", parts(tmp_path, tiny), yes=True) == "rolled-back"
    assert changes(tiny) == [f"destroy {NEW.name}", "set_notes mailgw"]


DELETED = (
    f"{PLAN.new_name} will be deleted with all its data; the exported backup and the copied keys on this workstation"
    " will be deleted; mailgw stays"
)
KEPT = (
    f"{PLAN.new_name} will be kept, unplugged, with all mail, users and settings that came to it since the switch:"
    " mailgw does not have them; no mail is taken until mailgw is plugged in and open again"
)


@pytest.mark.parametrize(("state", "takes"), [("interrupted", DELETED), ("migrated", KEPT)])
def test_a_rollback_says_what_it_takes_away_before_anything_is_connected(
    tmp_path: Path, tiny: TinyHypervisor, state: str, takes: str
) -> None:
    rundir = record(tmp_path, "r1", STATES[state])
    before = rundir.journal.read_bytes()
    with pytest.raises(NeedsConfirmation) as question:
        operations.rollback("r1", parts(tmp_path, tiny))
    assert (question.value.question, question.value.flag) == (takes, "--yes")
    assert (tiny.calls, rundir.journal.read_bytes()) == ([], before)


def test_a_rehearsed_rollback_touches_nothing(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", STATES["interrupted"])
    seen = operations.rehearse_rollback("r1", parts(tmp_path, tiny))
    assert seen.words == "going back to the old VM, undoing everything"
    assert seen.undoes == ("Deploy the new image", "Claim the old VM")
    assert tiny.calls == []
    with locked(rundir), pytest.raises(UsageProblem, match="another process is working on run r1"):
        operations.rehearse_rollback("r1", parts(tmp_path, tiny))  # as `rollback` itself would be


def test_a_rehearsed_rollback_names_what_is_undone_and_no_check(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done({**PREPARED, "verify": None, "close-intake": SWITCHED["close-intake"]}))
    undoes = operations.rehearse_rollback("r1", parts(tmp_path, tiny)).undoes
    assert "Close the old mail intake" in undoes
    assert not [title for title in undoes if title.startswith(("Verify", "Start"))]


@pytest.mark.parametrize(
    ("state", "verb", "flags", "words"),
    [
        ("migrated", "rollback", {"discard": Discard("0")}, "no VM is deleted by that"),
        ("migrated", "finish", {"discard": Discard("0")}, "no VM is deleted by that"),
        ("in the switch", "rollback", {"scope": "switch", "discard": Discard("3")}, "no VM is deleted by that"),
        ("in the switch", "rollback", {"scope": "links", "discard": Discard("", "3")}, "no VM is deleted by that"),
        ("in the switch", "rollback", {"scope": "links", "leave_behind": True}, "--leave-mail is for a way back that"),
        ("interrupted", "rollback", {"leave_behind": True}, "--leave-mail is for a way back that"),
    ],
)
def test_a_permission_for_what_is_not_done_is_refused(
    tmp_path: Path, tiny: TinyHypervisor, state: str, verb: str, flags: dict[str, Any], words: str
) -> None:
    record(tmp_path, "r1", {**STATES, "in the switch": done(BEFORE_THE_COMMIT)}[state])
    acts = [partial(ACTS[verb], yes=True), *([operations.rehearse_rollback] if verb == "rollback" else [])]
    for act in acts:
        with pytest.raises(UsageProblem, match=words):
            act("r1", parts(tmp_path, tiny), **flags)
    assert tiny.calls == []


@pytest.mark.parametrize("state", ["rolled back", "switched back", "finished"])
def test_a_rehearsed_rollback_is_refused_as_the_real_one(tmp_path: Path, tiny: TinyHypervisor, state: str) -> None:
    record(tmp_path, "r1", STATES[state])
    refusals = []
    for act in (operations.rollback, operations.rehearse_rollback):
        with pytest.raises(UsageProblem) as refused:
            act("r1", parts(tmp_path, tiny, itineraries=(alone(),)))
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]


# ---- resume ----------------------------------------------------------------------------------------------


def test_a_step_that_fails_before_the_commit_takes_the_run_back(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [])
    tiny.before["inventory"] = raises(trouble("the host is down"), after=1)  # of the guard
    with pytest.raises(RolledBack, match="the host is down"):
        operations.resume("r1", parts(tmp_path, tiny))
    state = fold(read(rundir.journal))
    assert state.ended == "rolled-back"
    assert state.back is not None
    assert state.back.reason == "a step failed: the host is down"
    assert kept(rundir) == []


def test_a_bug_takes_the_run_back_too_and_stays_a_bug(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [])
    tiny.before["inventory"] = raises(KeyError("bug"), after=1)
    with pytest.raises(KeyError):
        operations.resume("r1", parts(tmp_path, tiny))
    assert fold(read(rundir.journal)).ended == "rolled-back"


def test_an_automatic_rollback_is_not_interrupted(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [])
    tiny.before["inventory"] = raises(trouble(), after=1)
    asked: list[None] = []

    def impatient() -> None:
        asked.append(None)
        if len(asked) > 1:
            raise Cancelled("interrupted", hint="")

    with pytest.raises(RolledBack):
        operations.resume("r1", parts(tmp_path, tiny, pace=Pace(cancelled=impatient)))
    assert (len(asked), fold(read(rundir.journal)).ended) == (1, "rolled-back")


def test_an_interrupt_pauses_and_a_resume_takes_it_up(tmp_path: Path, tiny: TinyHypervisor) -> None:
    tiny.plugged_in = {PLAN.old.id}
    rundir = record(tmp_path, "r1", [])
    told: list[Event] = []
    with pytest.raises(Cancelled):
        operations.resume(
            "r1",
            parts(
                tmp_path, tiny, listen=told.append, pace=Pace(cancelled=raises(Cancelled("interrupted", hint="resume")))
            ),
        )
    assert fold(read(rundir.journal)).paused == "interrupted"
    there = {"old VM": "live", "new VM": "kept, unplugged"}
    mail = Service("flowing", ("mailgw",), "before this run", expected=True, machines=there)
    assert told[-1] == RunEnded(
        "r1", "interrupted", None, there, (("resume", "to continue"), BACK), ("--trust-staging",), mail=mail
    )


def test_after_the_commit_a_failure_takes_nothing_back(tmp_path: Path, tiny: TinyHypervisor) -> None:
    every = dict.fromkeys(fold(read(record(tmp_path, "r0", []).journal)).steps)
    rundir = record(tmp_path, "r1", done({step: SWITCHED.get(step) for step in every if step != "notes"}))
    tiny.before["set_notes"] = raises(trouble("read-only"))
    given = parts(tmp_path, tiny, itineraries=(alone("notes"),))
    with pytest.raises(Problem, match="read-only"):
        operations.resume("r1", given)
    state = fold(read(rundir.journal))
    assert (state.steps["notes"], state.back) == (Status.FAILED, None)
    assert Standing(MIGRATE, state).committed
    assert set(changes(tiny)) == {"set_notes mailgw"}
    tiny.before.clear()
    assert operations.resume("r1", given) == "migrated"


# ---- autostart -------------------------------------------------------------------------------------------

NOT_HERE = NotSupported("its host starts nothing when it boots", hint="switch that on at the host")
PLUGGED = Plugged(PLAN.identity.mac, old_link_up=True, old_autostart=True, old_autostart_entry="second")


def before_autostart(folder: Path) -> None:
    """The run r1, with all done that comes before it."""
    steps = list(fold(read(record(folder, "r0", []).journal)).steps)
    known = {**SWITCHED, "switch": PLUGGED}
    record(folder, "r1", done({step: known.get(step) for step in steps[: steps.index("autostart")]}))


def test_the_new_vm_starts_as_the_old_one_did(tmp_path: Path, tiny: TinyHypervisor) -> None:
    before_autostart(tmp_path)
    tiny.old_autostart = False
    assert operations.resume("r1", parts(tmp_path, tiny, itineraries=(alone("autostart"),))) == "migrated"
    assert changes(tiny)[0] == f"set_autostart {NEW.name} True second"


def test_a_host_that_starts_nothing_is_told_and_hinders_no_migration(tmp_path: Path, tiny: TinyHypervisor) -> None:
    before_autostart(tmp_path)
    told: list[Event] = []
    tiny.old_autostart = False
    tiny.before["set_autostart"] = raises(NOT_HERE)
    assert (
        operations.resume("r1", parts(tmp_path, tiny, listen=told.append, itineraries=(alone("autostart"),)))
        == "migrated"
    )
    words = (
        f"{NEW.name} will not start with its host: its host starts nothing when it boots → switch that on at the host"
    )
    assert StepRemark("autostart", words) in told


@pytest.mark.parametrize("was", [PLUGGED, replace(PLUGGED, old_autostart=False, old_autostart_entry="")])
def test_the_old_vms_autostart_is_put_back_as_it_was(tmp_path: Path, tiny: TinyHypervisor, was: Plugged) -> None:
    record(tmp_path, "r1", done({**PREPARED, "switch": was}))
    tiny.new_is_there = False
    assert operations.rollback("r1", parts(tmp_path, tiny), yes=True) == "rolled-back"
    autostarts = [call for call in changes(tiny) if call.startswith("set_autostart")]
    assert autostarts == ([f"set_autostart {PLAN.old.name} True second"] if was.old_autostart else [])


# ---- finish ----------------------------------------------------------------------------------------------


def test_finish_asks_first_and_says_what_will_happen(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [*done(SWITCHED), END])
    record(tmp_path, "r2", SWITCHED_BACK)
    with pytest.raises(NeedsConfirmation, match=r"mailgw will be asked to shut down, .* loses its staging NIC") as ask:
        operations.finish("r1", parts(tmp_path, tiny))
    assert (ask.value.flag, ask.value.hint) == ("--yes", "run the same command with --yes")
    with pytest.raises(NeedsConfirmation, match=f"{NEW.name} will be deleted with all its data"):
        operations.finish("r2", parts(tmp_path, tiny))
    assert (changes(tiny), kept(rundir)) == ([], ["archive.age", "r1.key"])


def test_finish_after_a_migration(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [*done(SWITCHED), END])
    tiny.plugged_in = {NEW.id}
    assert operations.finish("r1", parts(tmp_path, tiny, environ={}), yes=True) == "finished"
    assert changes(tiny) == ["shut_down mailgw", "set_notes mailgw", f"remove_nic {NEW.name} 52:54:00:00:00:02"]
    assert tiny.notes == f"the owner's words\nReplaced by {NEW.name} (vmmigrate run r1, finished)."
    assert (kept(rundir), fold(read(rundir.journal)).finished) == ([], True)


def test_finish_after_a_switch_back_deletes_the_new_vm(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", SWITCHED_BACK)
    tiny.plugged_in = {PLAN.old.id}
    given = parts(tmp_path, tiny, environ={})
    assert operations.finish("r1", given, yes=True, discard=Discard("unseen", "unseen")) == "finished"
    assert changes(tiny) == [f"destroy {NEW.name}", "set_notes mailgw"]
    assert (tiny.notes, kept(rundir), fold(read(rundir.journal)).finished) == (CLAIM.notes, [], True)


@pytest.mark.parametrize("discard", [Discard(), Discard("0", "0"), Discard("unseen"), Discard(settings="unseen")])
def test_a_vm_that_was_live_and_cannot_be_looked_at_is_not_deleted(
    tmp_path: Path, tiny: TinyHypervisor, discard: Discard
) -> None:
    rundir = record(tmp_path, "r1", SWITCHED_BACK)
    tiny.plugged_in = {PLAN.old.id}
    with pytest.raises(Guarded) as caught:
        operations.finish("r1", parts(tmp_path, tiny, environ={}), yes=True, discard=discard)
    assert "cannot be looked at" in str(caught.value)
    lacking = [flag for flag, given in (("mail", discard.mail), ("settings", discard.settings)) if given != "unseen"]
    words = f"{caught.value} {caught.value.hint}"
    assert all(f"--discard-{flag} unseen" in words for flag in lacking)
    assert (tiny.new_is_there, changes(tiny), kept(rundir)) == (True, [], ["archive.age", "r1.key"])


def test_what_refused_a_finish_is_remembered_until_something_is_done(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", SWITCHED_BACK)
    tiny.plugged_in = {PLAN.old.id}
    given = parts(tmp_path, tiny, environ={})
    with pytest.raises(Guarded):
        operations.finish("r1", given, yes=True)
    seen = known_runs.status("r1", given)
    [line] = [line for line in status_lines(seen) if line.startswith("finish was refused: ")]
    assert "--discard-mail unseen" in line
    assert [each["command"] for each in status_json(seen)["refused"]] == ["finish"]  # type: ignore[attr-defined]
    assert not [line for line in status_lines(seen) if line.startswith("looked: ")]  # that is about what was done
    assert operations.finish("r1", given, yes=True, discard=Discard("unseen", "unseen")) == "finished"
    assert known_runs.status("r1", given).refused == ()


def test_to_discard_of_what_was_never_plugged_in_is_refused(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(PREPARED))
    with pytest.raises(Guarded, match="was never plugged in: there is nothing of anybody in it"):
        operations.rollback("r1", parts(tmp_path, tiny), yes=True, discard=Discard("3"))
    assert changes(tiny) == []


def test_a_vm_of_ours_that_somebody_plugged_in_is_not_deleted(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", done(PREPARED))
    tiny.plugged_in = {NEW.id}
    with pytest.raises(
        Guarded, match=f"{NEW.name} is not live: expected unplugged; seen: plugged in, running"
    ) as caught:
        operations.rollback("r1", parts(tmp_path, tiny), yes=True)
    assert "a VM that is live is not deleted" in str(caught.value)  # two guards, each with its hint
    assert (tiny.new_is_there, changes(tiny), kept(rundir)) == (True, [], ["archive.age", "r1.key"])


class TestFinishLooksFirst:
    """After a migration the new gateway serves, and the old one does not; else nothing is touched."""

    def refused(self, tmp_path: Path, tiny: TinyHypervisor, **other: Any) -> Guarded:
        rundir = record(tmp_path, "r1", [*done(SWITCHED), END])
        with pytest.raises(Guarded) as caught:
            operations.finish("r1", parts(tmp_path, tiny, **other), yes=True)
        assert (changes(tiny), kept(rundir)) == ([], ["archive.age", "r1.key"])
        assert fold(read(rundir.journal)).finished is False
        return caught.value

    def test_the_old_one_made_live_again_by_hand(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in = {PLAN.old.id}
        words = str(self.refused(tmp_path, tiny))
        assert f"{NEW.name} is live: expected running, link up; seen: running, link down" in words
        assert "mailgw is unplugged: expected link down, also after its next start; seen: running, link up" in words
        assert "vmmigrate rollback r1" in words

    def test_both_live(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in = {PLAN.old.id, NEW.id}
        assert "mailgw is unplugged: expected link down" in str(self.refused(tmp_path, tiny))

    def test_the_new_one_off(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in, tiny.off = {NEW.id}, {NEW.id}
        assert "is live: expected running, link up; seen: off" in str(self.refused(tmp_path, tiny))

    def test_a_third_one_live(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in = {NEW.id}
        tiny.others = [Holder(VmRef("0c8c", "clone"), PowerState.RUNNING, True, True, LAN)]
        assert "clone (0c8c, on lan)" in str(self.refused(tmp_path, tiny))

    def test_another_runs_claim(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in, tiny.notes = {NEW.id}, "[vmmigrate] run r9 begun elsewhere"
        assert "run r9 begun elsewhere" in str(self.refused(tmp_path, tiny))

    def test_nobody_greets_at_the_live_address(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in = {NEW.id}
        porter = Porter(tiny, ConnectionRefusedError(111, "Connection refused"))
        words = str(self.refused(tmp_path, tiny, open_doors=doors_to(porter)))
        assert "SMTP at the live address: not known: no SMTP at 192.0.2.10:25" in words

    def test_what_is_known_of_the_old_queue_is_said(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        record(tmp_path, "r1", [*done(SWITCHED), END])
        tiny.plugged_in = {NEW.id}
        told: list[Event] = []
        operations.finish("r1", parts(tmp_path, tiny, listen=told.append), yes=True)
        unseen, said = [event.text for event in told if isinstance(event, StepRemark)]
        assert unseen.startswith(f"the firewall of {NEW.name} was not looked at")  # there is no guest here
        assert said.startswith(
            "mailgw's mail queue was empty when it was unplugged, after its intake was closed at 1970-"
        )


class TestFinishAfterAWayBackLooksFirst:
    """The old gateway serves; else the new VM is the only other copy, and is not deleted, whatever is permitted."""

    def refused(self, tmp_path: Path, tiny: TinyHypervisor, **other: Any) -> str:
        rundir = record(tmp_path, "r1", SWITCHED_BACK)
        with pytest.raises(Guarded) as caught:
            operations.finish("r1", parts(tmp_path, tiny, **other), yes=True, discard=Discard("unseen", "unseen"))
        assert (tiny.new_is_there, changes(tiny), kept(rundir)) == (True, [], ["archive.age", "r1.key"])
        return f"{caught.value} {caught.value.hint}"

    def test_the_old_one_unplugged(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        words = self.refused(tmp_path, tiny)
        assert "mailgw is live: expected running, link up; seen: running, link down" in words
        assert "no other copy is left then" in words
        assert "discard" not in words

    def test_the_old_one_off(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in, tiny.off = {PLAN.old.id}, {PLAN.old.id}
        assert "mailgw is live: expected running, link up; seen: off" in self.refused(tmp_path, tiny)

    def test_the_old_one_does_not_greet(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in = {PLAN.old.id}
        porter = Porter(tiny, ConnectionRefusedError(111, "Connection refused"))
        words = self.refused(tmp_path, tiny, open_doors=doors_to(porter))
        assert "SMTP at the live address: not known: no SMTP at 192.0.2.10:25" in words

    def test_the_new_one_plugged_in_in_its_place(self, tmp_path: Path, tiny: TinyHypervisor) -> None:
        tiny.plugged_in = {NEW.id}
        assert f"{NEW.name} is unplugged: expected link down" in self.refused(tmp_path, tiny)


def test_a_finish_that_cannot_delete_is_not_finished(tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", SWITCHED_BACK)
    tiny.plugged_in = {PLAN.old.id}
    tiny.before["destroy"] = raises(trouble("the host is down"))
    unseen = Discard("unseen", "unseen")
    with pytest.raises(NeedsAttention, match="deploy: the host is down"):
        operations.finish("r1", parts(tmp_path, tiny), yes=True, discard=unseen)
    assert fold(read(rundir.journal)).finished is False
    assert kept(rundir) == ["archive.age", "r1.key"]
    tiny.before.clear()
    seen = known_runs.status("r1", parts(tmp_path, tiny))
    assert [verb for verb, _ in seen.standing.verbs] == ["finish"]
    assert operations.resume("r1", parts(tmp_path, tiny)) == "rolled-back"  # by what `finish` was permitted
    assert (tiny.new_is_there, kept(rundir)) == (False, [])


@pytest.mark.parametrize("call", ["remove_nic", "shut_down", "set_notes"])
def test_an_interrupted_finish_is_simply_run_again(tmp_path: Path, tiny: TinyHypervisor, call: str) -> None:
    def die() -> None:
        raise Killed

    rundir = record(tmp_path, "r1", [*done(SWITCHED), END])
    tiny.plugged_in = {NEW.id}
    tiny.before[call] = die
    with pytest.raises(Killed):
        operations.finish("r1", parts(tmp_path, tiny), yes=True)
    tiny.before.clear()
    assert operations.finish("r1", parts(tmp_path, tiny), yes=True) == "finished"
    assert kept(rundir) == []


def test_a_run_for_which_the_disk_has_no_room_is_none(tmp_path: Path) -> None:
    """By a limit on a file's size."""
    rundir = RunDir(tmp_path / "runs" / "r1", tmp_path / "keys" / "r1")
    rundir.create()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(RunFolderFailed, match="r1 cannot be written: File too large") as failed:
            operations.begin(rundir, MIGRATE, plan_to_json(PLAN), Settings())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    runs = tmp_path / "runs"
    assert failed.value.hint == (f"nothing was changed, there is no run: free space (df -h {runs}), start it again")
    assert not rundir.path.exists()
