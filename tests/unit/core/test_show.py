"""What is printed, line by line; and that nothing depends on its being heard."""

import io
import json
import os
import select
from dataclasses import replace
from pathlib import Path

import pytest
from small_plan import PLAN
from small_steps import HEADER, SMALL

from hypervisors import Carried, Fate, Wait
from vmmigrate.commands.terminal import echo
from vmmigrate.events import (
    DirectionTaken,
    Event,
    Outage,
    RunEnded,
    RunStarted,
    StepBegan,
    StepEnded,
    StepFailed,
    StepProgress,
    StepRemark,
    StepWaits,
    Warned,
    unfailing,
)
from vmmigrate.facts import Verified, VerifiedLive
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import REDO
from vmmigrate.learnt import Facts, group_to_json
from vmmigrate.run.fold import fold
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind
from vmmigrate.run.status import RunStatus
from vmmigrate.show.carried import ROWS, carried_lines
from vmmigrate.show.jsonlines import JsonLines
from vmmigrate.show.lines import PlainLines
from vmmigrate.show.live import LiveTerminal
from vmmigrate.show.outages import outage_line
from vmmigrate.show.plan import plan_lines
from vmmigrate.show.sizes import size
from vmmigrate.show.status import status_json, status_lines
from vmmigrate.steps.migration import ALL, KEEPING_NEW, MIGRATE, checks


class Now:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


LIVE = {"old VM": "kept, unplugged", "new VM": "live"}
GONE = {"old VM": "live", "new VM": "deleted or never made"}
NEXT = (("finish", MIGRATE.finish.does), ("rollback", MIGRATE.rollback_does))


def plain(*events: Event, brief: bool = False) -> list[str]:
    out = io.StringIO()
    show = PlainLines(out, brief=brief)
    for event in events:
        show(event)
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 2**29, "1.5 GiB"), (2**50, "1048576.0 GiB")],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert size(count) == text


# ---- plain lines -----------------------------------------------------------------------------------------


def test_a_step_is_one_line_once_it_ended() -> None:
    assert plain(StepBegan("deploy", "Deploy the new image", 5, 18)) == []
    events = StepBegan("deploy", "Deploy the new image", 5, 18), StepEnded("deploy", "Deploy the new image", 12.34)
    assert plain(*events) == ["[ 5/18] Deploy the new image                           12.3 s"]


def test_what_is_said_in_a_step_comes_under_its_line() -> None:
    assert plain(
        StepBegan("a", "Act", 1, 2),
        StepRemark("a", "by the way"),
        Warned("no manifest"),
        StepEnded("a", "Act", 1.0),
        StepBegan("b", "Act again", 2, 2),
        StepRemark("b", "cut short"),
        RunEnded("r1", "interrupted", None, {}),
    ) == [
        "[ 1/2] Act                                              1.0 s",
        "        note: by the way",
        "        warning: no manifest",
        "[ 2/2] Act again",
        "        note: cut short",
        "interrupted",
    ]


def test_an_undo_says_so() -> None:
    events = StepBegan("deploy", "Deploy", 1, 2, undoing=True), StepEnded("deploy", "Deploy", 0.06, undoing=True)
    assert plain(*events) == ["[ 1/2] undo: Deploy                                     0.1 s"]


def test_a_failure_has_its_words_and_its_hint() -> None:
    assert plain(StepBegan("a", "Act", 1, 1), StepFailed("a", "Act", "it broke", "mend it")) == [
        "[ 1/1] Act                                           FAILED",
        "        it broke",
        "        → mend it",
    ]


@pytest.mark.parametrize("brief", [False, True])
def test_a_failure_is_told_once_and_then_named(brief: bool) -> None:
    events = (
        StepBegan("a", "Act", 1, 1),
        StepFailed("a", "Act", "it broke", "mend it"),
        DirectionTaken("back", "all", "a step failed: it broke", ALL.words),
    )
    assert plain(*events, brief=brief) == [
        "[ 1/1] Act                                           FAILED",
        *([] if brief else ["        it broke", "        → mend it"]),
        "going back to the old VM, undoing everything: 'Act' failed",
    ]


def test_a_start_a_remark_and_a_direction() -> None:
    assert plain(
        RunStarted("r1", "migrate", "/runs/r1"),
        StepRemark("a", "by the way"),
        Warned("no manifest"),
        DirectionTaken("back", "all", "a step failed", ALL.words),
        DirectionTaken("back", "switch", "asked", KEEPING_NEW.words),
        DirectionTaken("back", "redo", "interrupted", REDO.words),
        DirectionTaken("forward", "", "resumed", "going forward"),
    ) == [
        "migrate: run r1, recorded in /runs/r1",
        "        note: by the way",
        "        warning: no manifest",
        "going back to the old VM, undoing everything: a step failed",
        "going back to the old VM, keeping the new one, unplugged: asked",
        "going back a few steps, to do them again: interrupted",
        "going forward: resumed",
    ]


EVIL, SEEN = "\x1b]0;EVIL\x07\x9b31m", " ]0;EVIL  31m"


def test_nothing_that_another_machine_says_steers_the_terminal() -> None:
    """Its words in every event that has some, and the name of a VM at the end."""
    lines = plain(
        StepBegan("a", "Act", 1, 1),
        StepRemark("a", EVIL),
        Warned(EVIL),
        StepFailed("a", "Act", f"first\n{EVIL}", EVIL),
        DirectionTaken("back", "all", f"asked {EVIL}", "back"),
        RunEnded("r1", "rolled-back", None, {"old VM": EVIL}),
    )
    assert [line.strip() for line in lines if "EVIL" in line] == [
        *(f"{kind}: {SEEN}" for kind in ("note", "warning")),
        SEEN.strip(),
        f"→ {SEEN}",
        f"back: asked {SEEN}",
        f"old VM: {SEEN}",
    ]
    assert not any(char in "".join(lines) for char in "\x1b\x07\x9b")


def test_events_hold_no_more_than_is_shown_of_them() -> None:
    """As JSON has them, and the journal."""
    assert StepRemark("a", EVIL) == StepRemark("a", SEEN)
    assert StepFailed("a", "Act", EVIL, EVIL) == StepFailed("a", "Act", SEEN, SEEN)


def test_what_is_printed_of_old_records_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    echo([f"note: {EVIL}"])
    assert capsys.readouterr().out == f"note: {SEEN}\n"


def test_progress_is_told_every_ten_seconds_at_most() -> None:
    out, now = io.StringIO(), Now()
    show = PlainLines(out, now)
    show(StepBegan("a", "Act", 1, 1))
    for seconds, done in ((105.0, 2**20), (110.0, 2**21), (115.0, 3 * 2**20), (120.0, 2**22)):
        now.seconds = seconds
        show(StepProgress("a", done, 2**23))
    assert out.getvalue().splitlines() == [
        "[ 1/1] Act …",
        "        2.0 MiB of 8.0 MiB, 204.8 KiB/s, 30 s left",
        "        4.0 MiB of 8.0 MiB, 204.8 KiB/s, 20 s left",
    ]


def test_a_transfer_of_unknown_length_and_a_wait() -> None:
    out, now = io.StringIO(), Now()
    show = PlainLines(out, now)
    show(StepBegan("a", "Act", 1, 1))
    now.seconds = 110.0
    show(StepProgress("a", 10 * 2**20, 0))
    now.seconds = 120.0
    show(StepWaits("a", Wait("SSH", 20.0, 300.0, "refused")))
    assert out.getvalue().splitlines() == [
        "[ 1/1] Act …",
        "        10.0 MiB, 1.0 MiB/s",
        "        waiting for SSH: 20 s of at most 300 s (last seen: refused)",
    ]


SWITCHED = Outage("2026-01-02T03:04:05.000+00:00", "2026-01-02T03:04:08.210+00:00", 3.21, about=False)


def test_each_outage_counts_and_a_doubt_is_said() -> None:
    again = Outage("2026-01-02T04:00:00.000+00:00", "2026-01-02T04:01:00.000+00:00", 60.0, about=True)
    still = Outage("2026-01-02T05:00:00.000+00:00", None, None, about=True)
    three = plain(RunEnded("r1", "interrupted", 63.21, LIVE, outages=(SWITCHED, again, still)))
    assert three[0] == "interrupted, outage about 63.2 s in all: 3.2 s, about 60.0 s"
    assert [outage_line(each) for each in (SWITCHED, again, still)] == [
        "outage 3.2 s, from 2026-01-02 03:04:05 UTC to 2026-01-02 03:04:08 UTC",
        "outage about 60.0 s, from 2026-01-02 04:00:00 UTC to 2026-01-02 04:01:00 UTC",
        "outage since 2026-01-02 05:00:00 UTC, as recorded",
    ]


def test_the_end_says_what_stands_where_and_what_can_be_done() -> None:
    assert plain(RunEnded("r1", "migrated", 3.21, LIVE, NEXT, ("--trust-staging",), (SWITCHED,))) == [
        "migrated, outage 3.2 s",
        "old VM: kept, unplugged",
        "new VM: live",
        "insecure, as asked: --trust-staging",
        "next: vmmigrate finish r1    when satisfied: shuts the old VM down; no way back after that",
        "next: vmmigrate rollback r1  to go back to the old VM",
    ]
    assert plain(RunEnded("r1", "rolled-back", None, GONE)) == [
        "rolled back",
        "old VM: live",
        "new VM: deleted or never made",
    ]


# ---- the others ------------------------------------------------------------------------------------------


def test_json_is_one_object_a_line_with_all_fields() -> None:
    out = io.StringIO()
    show = JsonLines(out, wall=lambda: 1767323045.0)
    show(StepWaits("a", Wait("SSH", 1.0, 2.0, ""), run_id="r1", vms={"old": "0c8a"}))
    show(RunEnded("r1", "migrated", None, {"old VM": "x", "new VM": "y"}, (("finish", "ends it"),)))
    at = "2026-01-02T03:04:05.000+00:00"
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {
            "event": "StepWaits",
            "at": at,
            "run_id": "r1",
            "vms": {"old": "0c8a"},
            "step": "a",
            "wait": {"what": "SSH", "waited": 1.0, "timeout": 2.0, "seen": ""},
        },
        {
            "event": "RunEnded",
            "at": at,
            "vms": {},
            "run_id": "r1",
            "outcome": "migrated",
            "outage": None,
            "outages": [],
            "mail": None,
            "seen": [],
            "account": "",
            "left": [],
            "machines": {"old VM": "x", "new VM": "y"},
            "next": [["finish", "ends it"]],
            "old_vm": "x",
            "new_vm": "y",
            "insecure": [],
        },
    ]


def test_a_terminal_keeps_the_same_lines() -> None:
    events = (
        RunStarted("r1", "migrate", "/runs/r1"),
        StepBegan("a", "Act", 1, 1),
        StepProgress("a", 1, 2),
        StepEnded("a", "Act", 1.0),
        RunEnded("r1", "rolled-back", None, GONE),
    )
    out = io.StringIO()
    show = LiveTerminal(out)
    for event in events:
        show(event)
    assert [line for line in out.getvalue().splitlines() if line.strip()] == plain(*events)


def test_a_terminal_says_of_the_way_back_that_it_undoes() -> None:
    show = LiveTerminal(io.StringIO())
    show(StepBegan("deploy", "Deploy", 1, 2, undoing=True))
    assert str(show._status.status) == "undo: Deploy"
    show.stop()


def test_a_terminal_that_stops_shows_its_cursor_again() -> None:
    ours, its = os.openpty()
    with os.fdopen(its, "w") as out:
        show = LiveTerminal(out)
        show(StepBegan("a", "Act", 1, 1))
        show.stop()
        show.stop()
        seen = b""
        while select.select([ours], [], [], 0.2)[0]:
            seen += os.read(ours, 1 << 16)
    os.close(ours)
    assert seen.count(b"\x1b[?25l") == 1
    assert seen.index(b"\x1b[?25h") > seen.index(b"\x1b[?25l")


def test_nothing_moves_while_somebody_is_asked() -> None:
    ours, its = os.openpty()

    def shown(upto: bytes) -> bytes:
        seen = b""
        while not seen.endswith(upto) and select.select([ours], [], [], 0.2)[0]:
            seen += os.read(ours, 1)
        return seen

    still = b"\x1b[?25h\r\x1b[1A\x1b[2K"

    with os.fdopen(its, "w") as out:
        show = LiveTerminal(out)
        show(StepBegan("a", "Act", 1, 1))
        with show.still():
            assert shown(still).endswith(still)
            show(StepProgress("a", 1, 2))
            assert shown(b"1 B of 2 B") == b""
        assert shown(b"1 B of 2 B").endswith(b"1 B of 2 B")
        show.stop()
        assert shown(still).endswith(still)
        with show.still():
            pass
        assert shown(b"1 B of 2 B") == b""
    os.close(ours)


@pytest.mark.parametrize("name", ["[new].qcow2", "[/tmp]", "[bold"])
def test_a_terminal_shows_a_name_with_brackets_as_it_is(name: str) -> None:
    ours, its = os.openpty()
    with os.fdopen(its, "w") as out:
        show = LiveTerminal(out)
        show(StepBegan("read", f"Read {name}", 1, 1))
        show(StepWaits("read", Wait(f"the guest of {name} to shut down", 3.0, 60.0, "")))
        wanted, seen = f"Read {name}: waiting for the guest of {name} to shut down".encode(), b""
        while wanted not in seen and select.select([ours], [], [], 60)[0]:  # it moves on a thread of its own
            seen += os.read(ours, 1 << 16)
        show.stop()
    os.close(ours)
    assert wanted in seen


def test_a_listener_that_cannot_write_is_asked_once_and_never_fails() -> None:
    out = io.StringIO()
    calls: list[Event] = []

    def show(event: Event) -> None:
        calls.append(event)
        PlainLines(out)(event)

    hear = unfailing(show)
    hear(StepRemark("a", "heard"))
    out.close()
    hear(StepRemark("a", "lost"))
    hear(StepRemark("a", "not even tried"))
    assert [event.text for event in calls if isinstance(event, StepRemark)] == ["heard", "lost"]


def test_a_listeners_bug_is_not_swallowed() -> None:
    def broken(event: Event) -> None:
        raise KeyError(event)

    with pytest.raises(KeyError):
        unfailing(broken)(StepRemark("a", "b"))


# ---- plans and runs --------------------------------------------------------------------------------------


def test_a_plan_for_people() -> None:
    assert plan_lines(PLAN) == [
        "old VM      mailgw (0c8a), version 5.4.1",
        "gateway     mailgw.example.test, 192.0.2.10/24 via 192.0.2.1, MAC 52:54:00:00:00:01 on lan",
        "new image   /images/new.qcow2 (qcow2, 1.5 GiB, SHA-256 c0ffee0000000000…)",
        "new VM      mailgw-20260102-030405-abcd: 2 vCPU, 1.0 GiB, in pool default",
        "NICs        live on lan (unplugged until the switch), staging on bridge:br1",
        "insecure    --trust-staging",
        "warning     tls: the certificate expires in 5 days",
        "            → renew it afterwards",
    ]
    handed = replace(PLAN, properties={"net.address": "192.0.2.\x1b[31m20", "sa.password": None}, insecure=())
    assert plan_lines(handed)[5:7] == [
        "property    net.address = 192.0.2. [31m20",
        "property    sa.password: a secret",
    ]
    first = replace(PLAN, staging_first=True, insecure=(), findings=())
    assert plan_lines(first)[4].endswith("staging on bridge:br1, staging first")
    assert plan_lines(replace(PLAN, folder="Mail/A"))[3].endswith("in pool default, in folder Mail/A")
    assert "like old    tags, shares" in plan_lines(replace(PLAN, like_old=("tags", "shares")))
    assert "like old    nothing beside its hardware" in plan_lines(replace(PLAN, like_old=()))


def fates(number: int, fate: Fate = Fate.DROPPED, why: str = "") -> tuple[Carried, ...]:
    return tuple(Carried(f"devices/thing[{n}]", fate, why or f"reason {n}") for n in range(number))


class TestCarried:
    """What becomes of the old VM's things: at most a screen, and what asks for attention first."""

    def test_in_the_order_of_their_weight_and_by_reason(self) -> None:
        listed = (
            *(Carried("cpu", Fate.KEPT), Carried("memory", Fate.CHANGED, "1 GiB → 2 GiB"), Carried("clock", Fate.KEPT)),
            *(Carried("devices/sound", Fate.DROPPED, "no use"), Carried("vsock", Fate.NOT_POSSIBLE, "taken")),
            Carried("devices/audio", Fate.DROPPED, "no use"),
        )
        assert plan_lines(replace(PLAN, carried=listed))[-5:] == [
            "What the old VM has, in the new one:",
            "  not possible  vsock: taken",
            "  dropped       devices/sound, devices/audio: no use",
            "  changed       memory: 1 GiB → 2 GiB",
            "  kept          cpu, clock",
        ]

    def test_a_plan_of_an_earlier_version_has_none(self) -> None:
        assert carried_lines(()) == []

    def test_more_than_a_screen_says_how_much_is_not_shown(self) -> None:
        assert len(carried_lines(fates(ROWS - 1))) == ROWS
        lines = carried_lines((*fates(ROWS + 5), *fates(1, Fate.NOT_POSSIBLE)))
        assert len(lines) == ROWS
        assert lines[1] == "  not possible  devices/thing[0]: reason 0"
        assert lines[-1].strip() == f"… and 8 lines more, of {ROWS + 6} things: vmmigrate plan --json"

    def test_long_lines_are_wrapped(self) -> None:
        _, *lines = carried_lines(fates(20, why="no use"))
        assert len(lines) > 1
        assert all(len(line) <= 100 for line in lines)
        assert [line[:16].strip() for line in lines] == ["dropped", *[""] * (len(lines) - 1)]
        assert " ".join(line[16:].strip() for line in lines).count("devices/thing[") == 20


@pytest.fixture
def troubled(tmp_path: Path) -> RunStatus:
    journal = Journal.create(tmp_path / "journal.jsonl", HEADER)
    for kind, data in (
        (Kind.BEGIN, {"step": "claim"}),
        (Kind.DONE, {"step": "claim"}),
        (Kind.WARNING, {"step": "", "text": "no manifest"}),
        (Kind.BEGIN, {"step": "deploy"}),
        (Kind.REMARK, {"step": "deploy", "text": "by the way"}),
        (Kind.REMARK, {"step": "deploy", "text": "by the way"}),
        (Kind.DIRECTION, {"to": "back", "scope": "all", "reason": "asked", "steps": ["claim", "deploy"]}),
        (Kind.UNDO, {"step": "deploy"}),
        (Kind.FAILED, {"step": "deploy", "error": "no luck", "hint": "", "undoing": True}),
        (Kind.END, {"outcome": "needs-attention"}),
    ):
        journal.append(kind, data)
    return RunStatus("r1", tmp_path, SMALL, journal.state(), PLAN, tuple(journal.records))


def test_a_run_for_people(troubled: RunStatus, tmp_path: Path) -> None:
    assert status_lines(troubled) == [
        "run r1: needs attention, mailgw → mailgw-20260102-030405-abcd",
        f"folder {tmp_path}",
        "  done     claim         Claim",
        "  undoing  deploy        Deploy",
        "  pending  import        Import",
        "  pending  open          Open",
        "  pending  notes         Note",
        "warning: tls: the certificate expires in 5 days → renew it afterwards",
        "warning: no manifest",
        "note: deploy: by the way",
        "left to you: 1. Deploy: no luck",
        "insecure, as asked: --trust-staging",
        "next: vmmigrate rollback r1  to go back to the old VM",
    ]


def test_a_run_for_programs(troubled: RunStatus, tmp_path: Path) -> None:
    assert status_json(troubled) == {
        "run_id": "r1",
        "status": "needs-attention",
        "itinerary": "small",
        "old": "mailgw",
        "new": "mailgw-20260102-030405-abcd",
        "steps": {"claim": "done", "deploy": "undoing", "import": "pending", "open": "pending", "notes": "pending"},
        "undone": [],
        "titles": {"claim": "Claim", "deploy": "Deploy", "import": "Import", "open": "Open", "notes": "Note"},
        "prepared": None,
        "outage": None,
        "outages": [],
        "proofs": [],
        "checks": [],
        "warnings": ["tls: the certificate expires in 5 days → renew it afterwards", "no manifest"],
        "remarks": ["deploy: by the way"],
        "left_to_you": {"deploy": "no luck"},
        "to_do": ["Deploy: no luck"],
        "next": [["rollback", "to go back to the old VM"]],
        "refused": [],
        "failure": None,
        "in_progress": None,
        "accepted": [],
        "looks": [],
        "mail": None,
        "account": "",
        "insecure": ["--trust-staging"],
        "folder": str(tmp_path),
    }


GOOD = Check("packages", "djigzo", "installed", "5.5", Verdict.PASS)
BAD = Check("database", "database", "all 5 rows", "3 rows", Verdict.FAIL, "export again")
UNKNOWN = Check("units", "units active", "an answer", "no answer", Verdict.UNKNOWN, "look there")


def compared(tmp_path: Path, *steps: tuple[Kind, object]) -> RunStatus:
    """A run of which the step `deploy` learnt these groups, or was undone in between."""
    journal = Journal.create(tmp_path / "journal.jsonl", HEADER)
    for kind, value in steps:
        group, data = group_to_json(value) if value else ("", None)
        learnt = {"group": group, "value": data} if value else {}
        journal.append(kind, {"step": "deploy", **learnt})
    migrating = replace(SMALL, checks=checks)
    return RunStatus("r1", tmp_path, migrating, journal.state(), PLAN, tuple(journal.records))


def test_what_a_run_compared_is_read_once_however_much_of_it_is_shown(tmp_path: Path) -> None:
    asked: list[Facts] = []
    many = tuple(replace(GOOD, what=f"package {number}") for number in range(40))
    run = compared(tmp_path, (Kind.LEARNT, Verified(many)), (Kind.LEARNT, VerifiedLive((GOOD, BAD))))
    counting = replace(run.itinerary, checks=lambda facts: [asked.append(facts), *checks(facts)][1:])
    lines = status_lines(replace(run, itinerary=counting))
    assert len([line for line in lines if "of 42 checks" in line]) == 1
    assert len(asked) == 2 + len([record for record in run.records if record.kind is Kind.LEARNT])  # known, last; each


def test_what_did_not_pass_is_shown_also_after_the_way_back(tmp_path: Path) -> None:
    undone = (Kind.UNDO, None), (Kind.UNDONE, None)
    run = compared(
        tmp_path,
        (Kind.LEARNT, Verified((GOOD, BAD))),
        (Kind.LEARNT, VerifiedLive((GOOD, UNKNOWN))),
        *undone,
    )
    at = [record.at for record in run.records if record.kind is Kind.LEARNT]
    assert status_json(run)["checks"] == [{**vars(BAD), "at": at[0]}, {**vars(UNKNOWN), "at": at[1]}]
    first, second = (f"{moment[:10]} {moment[11:19]} UTC" for moment in at)
    assert [line for line in status_lines(run) if line.startswith(("did not pass: ", "proved: "))] == [
        f"did not pass: database: expected all 5 rows; seen: 3 rows → export again ({first})",
        f"did not pass: units active: not known: no answer → look there ({second})",
    ]
    assert status_json(run)["proofs"] == []
    [line] = [line for line in status_lines(replace(run, state=fold(run.records[:-2]))) if line.startswith("proved: ")]
    assert line == f"proved: 2 of 4 checks, the last at {second}; each of them: vmmigrate status r1 --json"


def test_a_remark_goes_with_the_step_that_it_is_about(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "journal.jsonl", HEADER)
    for kind, text in ((Kind.BEGIN, ""), (Kind.REMARK, "a disk is odd"), (Kind.UNDO, ""), (Kind.REMARK, "it hung")):
        journal.append(kind, {"step": "deploy", **({"text": text} if text else {})})
    run = RunStatus("r1", tmp_path, SMALL, journal.state(), PLAN, tuple(journal.records))
    assert run.remarks == ("deploy: a disk is odd", "deploy: it hung")
    journal.append(Kind.UNDONE, {"step": "deploy"})
    assert replace(run, state=journal.state()).remarks == ("deploy: it hung",)


@pytest.mark.parametrize("undo", [[], [(Kind.UNDO, None), (Kind.UNDONE, None)]])
def test_what_passed_the_second_time_is_not_shown_as_failed(tmp_path: Path, undo: list[tuple[Kind, object]]) -> None:
    run = compared(tmp_path, (Kind.LEARNT, Verified((BAD,))), *undo, (Kind.LEARNT, Verified((GOOD,))))
    assert (run.checks, run.failed) == ((GOOD,), ())


def test_a_check_that_stands_is_shown_once(tmp_path: Path) -> None:
    assert compared(tmp_path, (Kind.LEARNT, Verified((GOOD, BAD)))).checks == (GOOD, BAD)
