"""The command line: what its words mean, what it prints, and with which exit code it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from recorded_runs import (
    END,
    NEW,
    PASSWORDS,
    PREPARED,
    SWITCHED,
    Porter,
    Recorded,
    TinyHypervisor,
    done,
    doors_to,
    raises,
    record,
)
from small_plan import PLAN
from small_steps import trouble
from typer.testing import CliRunner, Result

from hypervisors import Access, Hypervisor, NotPermitted, Unreachable
from tests.journey.transplant import without_copies
from vmmigrate import __version__
from vmmigrate.cli import app
from vmmigrate.commands import process
from vmmigrate.parts import Parts
from vmmigrate.run import outside
from vmmigrate.run.fold import fold
from vmmigrate.run.record import Kind, read
from vmmigrate.run.rundir import RunDir

Cli = Callable[..., Result]
MAIL_FLOWS = "MAIL: flowing through mailgw since before this run"


@pytest.fixture
def tiny() -> TinyHypervisor:
    return TinyHypervisor()


@pytest.fixture
def porter(tiny: TinyHypervisor) -> Porter:
    return Porter(tiny)


@pytest.fixture
def cli(tmp_path: Path, tiny: TinyHypervisor, porter: Porter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """The command line in this process, with folders of its own, a tiny hypervisor and no terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name, value in {
        **PASSWORDS,
        "VMMIGRATE_RUNS_FOLDER": str(tmp_path / "runs"),
        "VMMIGRATE_KEYS_FOLDER": str(tmp_path / "keys"),
    }.items():
        monkeypatch.setenv(name, value)
    connect = process.CONNECT.set(lambda url, access: tiny)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(process, "Parts", partial(Parts, open_doors=doors_to(porter)))
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers, umask = [signal.getsignal(number) for number in numbers], os.umask(0o022)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    yield invoke
    os.umask(umask)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)
    process.CONNECT.reset(connect)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


# ---- words -----------------------------------------------------------------------------------------------


def test_version(cli: Cli) -> None:
    result = cli("--version")
    assert (result.exit_code, result.stdout) == (0, f"vmmigrate {__version__}\n")


def test_help_names_the_commands_and_the_exit_codes(cli: Cli) -> None:
    result = cli("--help")
    words = " ".join(result.stdout.split())
    assert result.exit_code == 0
    for command in ("migrate", "plan", "resume", "rollback", "status", "finish"):
        assert f" {command} " in words
    assert (
        "Exit codes: 0 done · 1 failed, and everything is back as it was · 2 refused, nothing was changed (usage, "
        "configuration, plan) · 3 needs attention: you must do something · 4 a bug (the log's path is printed) · "
        "130 interrupted, resume or roll back."
    ) in words


def test_old_and_image_alone_mean_migrate(cli: Cli, tiny: TinyHypervisor) -> None:
    (Path("new.qcow2")).write_bytes(b"")
    results = [
        cli("mailgw2", "new.qcow2", "--yes"),
        cli("--yes", "mailgw2", "new.qcow2"),
        cli("migrate", "mailgw2", "new.qcow2", "--yes"),
    ]
    assert tiny.calls == ["find mailgw2", "close"] * 3
    assert {result.exit_code for result in results} == {2}
    assert len({result.stderr for result in results}) == 1
    assert "old-vm: there is no virtual machine 'mailgw2'" in results[0].stderr


def test_an_old_vm_without_an_image_is_a_usage_error(cli: Cli) -> None:
    result = cli("mailgw")
    assert result.exit_code == 2
    assert "Missing argument 'IMAGE'" in result.stderr


def test_a_vm_named_like_a_command_is_reached_by_the_long_form(cli: Cli, tiny: TinyHypervisor) -> None:
    Path("new.qcow2").write_bytes(b"")
    cli("migrate", "status", "new.qcow2", "--yes")
    assert tiny.calls[0] == "find status"


# ---- refusals: 2 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("resume",), ("rollback", "--yes"), ("status",), ("finish", "--yes")])
def test_a_wrong_run_id(cli: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = cli(*command, "nope")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"error: there is no run 'nope' in {tmp_path}/runs (known: none)\n"
        "  → was it begun by another user, or on another workstation?\n"
    )


def test_an_error_is_one_json_line_where_json_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    result = cli("resume", "nope", "--json")
    assert (result.exit_code, result.stderr) == (2, "")
    assert json.loads(result.stdout) == {
        "event": "Error",
        "message": f"there is no run 'nope' in {tmp_path}/runs (known: none)",
        "hint": "was it begun by another user, or on another workstation?",
        "exit_code": 2,
    }


def test_configuration_problems(cli: Cli, tiny: TinyHypervisor) -> None:
    Path("vmmigrate.toml").write_text("[old]\ncolour = 'red'\n")
    result = cli("mailgw", "new.qcow2", "--config", "vmmigrate.toml")
    assert result.exit_code == 2
    assert "  old.colour: there is no such setting" in result.stderr
    assert tiny.calls == []


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file or directory"), ("{}", "is not a plan that this version can read")]
)
def test_a_plan_that_is_none(cli: Cli, tiny: TinyHypervisor, content: str | None, told: str) -> None:
    if content:
        Path("plan.json").write_text(content)
    result = cli("mailgw", "new.qcow2", "--plan", "plan.json")
    assert result.exit_code == 2
    assert told in result.stderr
    assert "→ make one: vmmigrate plan OLD IMAGE -o FILE\n" in result.stderr
    assert tiny.calls == []


@pytest.mark.parametrize("where", [".", "none/plan.json"])
def test_a_plan_that_cannot_be_written_is_refused_before_anything_is_looked_at(
    cli: Cli, tiny: TinyHypervisor, where: str
) -> None:
    result = cli("plan", "mailgw", "new.qcow2", "-o", where)
    assert (result.exit_code, tiny.calls) == (2, [])
    why = {".": "it is a folder", "none/plan.json": f"there is no folder {Path.cwd() / 'none'}"}[where]
    told = f"error: {where} cannot be written: {why}\n  → give a file in a folder of yours, with -o FILE\n"
    assert result.stderr == told


@pytest.mark.parametrize("command", [("plan",), ("migrate", "--yes")], ids=["plan", "migrate"])
def test_a_file_that_is_not_there_is_told_before_anything_is_connected(
    cli: Cli, tmp_path: Path, tiny: TinyHypervisor, command: tuple[str, ...]
) -> None:
    result = cli(*command, "mailgw", "nwe.qcow2")
    missing = f"error: image: there is no file {tmp_path}/nwe.qcow2\n  → check the path of the image\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", missing)
    both = cli(*command, "mailgw", "nwe.qcow2", "--backup-file", "bakcup.tgz")
    assert both.stderr.splitlines()[1:-1] == [
        f"  image: there is no file {tmp_path}/nwe.qcow2",
        "    → check the path of the image",
        f"  backup-file: {tmp_path}/bakcup.tgz: No such file or directory",
        "    → give the path of a readable file",
    ]
    assert tiny.calls == []


def test_a_file_that_is_not_there_is_told_where_the_hypervisor_is_not_reached(cli: Cli) -> None:
    connect = process.CONNECT.set(unreachable)
    told = [cli("plan", "mailgw", image).stderr for image in ("nwe.qcow2", str(Path(__file__)))]
    process.CONNECT.reset(connect)
    assert [line.splitlines()[0].split(":")[1] for line in told] == [" image", " libvirt does not answer"]


@pytest.mark.parametrize("variable", ["VMMIGRATE_RUNS_FOLDER", "VMMIGRATE_KEYS_FOLDER"])
@pytest.mark.parametrize("command", [("plan",), ("migrate", "--yes")], ids=["plan", "migrate"])
@pytest.mark.parametrize("where", ["/proc/vmmigrate", "a-file", "a-file/below"])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_connected(
    cli: Cli,
    tmp_path: Path,
    tiny: TinyHypervisor,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    command: tuple[str, ...],
    where: str,
) -> None:
    (tmp_path / "a-file").touch()
    monkeypatch.setenv(variable, where)
    before = sorted(tmp_path.iterdir())
    result = cli(*command, "mailgw", str(Path(__file__)))
    assert (result.exit_code, result.stdout, tiny.calls) == (2, "", [])
    assert f"{(tmp_path / where)}, cannot be written: " in result.stderr
    assert f"choose another folder with {variable}" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def unreachable(url: str, access: Access) -> Hypervisor:
    raise Unreachable("libvirt does not answer", hint="start it")


def test_a_command_that_is_misspelt_is_no_virtual_machine(cli: Cli, tiny: TinyHypervisor) -> None:
    for argv in (["stauts"], ["rollbak", "r1"], ["pln", "mailgw", "new.qcow2"]):
        result = cli(*argv)
        assert (result.exit_code, tiny.calls) == (2, [])
        assert f"there is no command {argv[0]!r}; is it " in result.stderr
    Path("image.raw").write_text("")
    assert "there is no command" not in cli("plan2", "image.raw").stderr


@pytest.mark.parametrize("word", ["help", "version"])
def test_an_option_without_its_hyphens_is_no_virtual_machine(cli: Cli, tiny: TinyHypervisor, word: str) -> None:
    result = cli(word)
    assert (result.exit_code, tiny.calls) == (2, [])
    assert f"there is no command '{word}'; is it --{word}?" in result.stderr


def test_a_scope_that_is_none(cli: Cli) -> None:
    assert cli("rollback", "--yes", "r1", "--scope", "redo").exit_code == 2


def test_what_is_refused_of_a_recorded_run_is_no_attention(cli: Cli, tmp_path: Path) -> None:
    record(tmp_path, "r1", [*done(SWITCHED), END])
    assert cli("resume", "r1").exit_code == 2
    assert cli("rollback", "--yes", "r1", "--scope", "all").exit_code == 2
    assert not (tmp_path / "runs" / "r1" / "log.txt").exists()


def test_without_a_terminal_a_yes_must_be_given_in_advance(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", [*done(SWITCHED), END])
    result = cli("finish", "r1")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: this must be confirmed, and there is no terminal: mailgw will be ")
    assert result.stderr.endswith(". Continue?\n  → run the same command with --yes\n")
    assert tiny.calls == []


def test_a_rollback_asks_and_a_dry_run_shows_and_does_nothing(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    journal = record(tmp_path, "r1", done(PREPARED)).journal
    before = journal.read_bytes()
    asked = cli("rollback", "r1")
    assert asked.exit_code == 2
    assert asked.stderr.startswith(
        f"error: this must be confirmed, and there is no terminal: {NEW.name} will be deleted with all its data; "
    )
    assert asked.stderr.endswith(". Go back?\n  → run the same command with --yes\n")
    shown = cli("rollback", "r1", "--dry-run")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.splitlines() == [
        "going back to the old VM, undoing everything",
        f"  {NEW.name} will be deleted with all its data",
        "  the exported backup and the copied keys on this workstation will be deleted; mailgw stays",
        "  would undo: Deploy the new image",
        "  would undo: Claim the old VM",
        "nothing was changed",
    ]
    data = json.loads(cli("rollback", "r1", "--dry-run", "--json").stdout)
    assert (data["dry_run"], data["undoes"]) == (True, ["Deploy the new image", "Claim the old VM"])
    assert (tiny.calls, journal.read_bytes()) == ([], before)


# ---- the other codes -------------------------------------------------------------------------------------


def test_done_is_0_and_the_log_has_what_was_shown(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    tiny.plugged_in = {PLAN.old.id}
    rundir = record(tmp_path, "r1", done(PREPARED))
    result = cli("rollback", "--yes", "r1")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        f"rollback: run r1, recorded in {rundir.path}",
        "going back to the old VM, undoing everything: requested by the operator",
    ]
    assert lines[2].startswith("[ 1/2] undo: Deploy the new image ")
    assert lines[4:] == [
        "rolled back",
        "old VM: live",
        "new VM: deleted or never made",
        "insecure, as asked: --trust-staging",
        MAIL_FLOWS,
    ]
    assert rundir.log.read_text() == result.stdout
    assert rundir.log.stat().st_mode & 0o777 == 0o600


def test_failed_and_gone_back_is_1(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", [])
    tiny.before["inventory"] = raises(trouble("the host is down"), after=1)  # which the guards asked
    result = cli("resume", "r1")
    assert (result.exit_code, result.stderr) == (1, "error: the host is down\n  → try another day\n")


def test_a_way_back_that_reaches_no_hypervisor_ends_with_what_is_known_of_the_mail(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMMIGRATE_LIMITS__RECONNECT", "0.1")  # also of a run that began without
    record(tmp_path, "r1", done({name: fact for name, fact in SWITCHED.items() if name != "open"}))
    connect = process.CONNECT.set(unreachable)
    result, as_json = cli("rollback", "--yes", "r1"), cli("rollback", "--yes", "--json", "r1")
    process.CONNECT.reset(connect)
    assert result.exit_code in (2, 3)
    assert result.stdout.splitlines()[-1] == "MAIL: not looked at: libvirt does not answer"
    assert json.loads(as_json.stdout.splitlines()[-1])["mail"]["state"] == "not looked at"


def test_something_left_to_a_person_is_3(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(PREPARED))
    tiny.before["destroy"] = raises(trouble("the host is down"))
    result = cli("rollback", "--yes", "r1")
    assert result.exit_code == 3
    assert "error: not everything could be undone: deploy: the host is down → try another day\n" in result.stderr


def test_what_a_run_failed_by_is_told_too_where_it_could_not_go_back(
    cli: Cli, tmp_path: Path, tiny: TinyHypervisor
) -> None:
    rundir = record(tmp_path, "r1", [])
    in_turn = [raises(trouble("the host is down")), raises(trouble("the host is still down"))]
    tiny.before["set_notes"] = lambda: in_turn.pop(0)()
    result = cli("resume", "r1")
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "error: Claim the old VM: the host is down",
        "  → try another day",
        "error: not everything could be undone: claim: the host is still down → try another day",
        "  → fix that, then run `vmmigrate rollback r1` again: it continues where it failed",
    ]
    assert "down" not in result.stdout
    assert rundir.log.read_text().count("down\n        → try another day\n") == 2


def test_each_thing_that_could_not_be_undone_has_a_line(
    cli: Cli, tmp_path: Path, tiny: TinyHypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "_FIRST", 0.0)  # nothing answers there
    record(tmp_path, "r1", done({name: fact for name, fact in SWITCHED.items() if name != "open"}))
    tiny.before["set_autostart"] = raises(NotPermitted("the new host is down", hint="try another day"))
    tiny.before["set_nic"] = raises(NotPermitted("the old host is down", hint="try another day"))
    said = cli("rollback", "--yes", "--links-only", "r1").stderr.splitlines()
    first = said.index("error: not everything could be undone:")
    assert said[first + 1 : first + 3] == [
        "  autostart: the new host is down → try another day",
        "  switch: the old host is down → try another day",
    ]


def test_a_finish_that_fails_is_3(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", [*done(SWITCHED), END])
    tiny.before["shut_down"] = raises(trouble("waited 120 s for mailgw to shut down"))
    assert cli("finish", "r1", "--yes").exit_code == 3


def test_a_bug_is_4_and_its_words_stand_in_the_log_alone(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    rundir = record(tmp_path, "r1", [])
    tiny.before["inventory"] = raises(KeyError("strange"))
    result = cli("resume", "r1")
    assert result.exit_code == 4
    assert result.stderr == f"error: a bug: KeyError\n  → the log is {rundir.log}; please report it\n"
    assert "KeyError: 'strange'" in rundir.log.read_text()
    assert "strange" not in result.stdout + rundir.journal.read_text()


def test_one_that_cannot_be_logged_shows_where_it_is_and_none_of_its_words(
    cli: Cli, tmp_path: Path, tiny: TinyHypervisor
) -> None:
    rundir = record(tmp_path, "r1", [])
    rundir.log.mkdir()  # in the way of the log, as a full disk is
    tiny.before["inventory"] = raises(KeyError("strange"))
    result = cli("resume", "r1")
    assert result.exit_code == 4
    assert result.stderr.endswith("error: a bug: KeyError\n  → the log is above; please report it\n")
    assert "recorded_runs.py" in result.stderr
    assert "strange" not in result.stderr


def test_an_interrupt_between_steps_is_130_and_can_be_resumed(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    tiny.plugged_in = {PLAN.old.id}
    rundir = record(tmp_path, "r1", [])
    tiny.before["set_notes"] = interrupt
    result = cli("resume", "r1")
    assert result.exit_code == 130
    assert result.stderr == "error: interrupted\n  → vmmigrate resume r1, or vmmigrate rollback r1\n"
    assert result.stdout.splitlines()[-3:] == [
        "next: vmmigrate resume r1    to continue",
        "next: vmmigrate rollback r1  to go back to the old VM",
        MAIL_FLOWS,
    ]
    state = fold(read(rundir.journal))
    assert (state.paused, str(state.steps["claim"]), str(state.steps["note-old"])) == ("interrupted", "done", "pending")


def test_an_interrupt_before_anything_began_stops_at_once(cli: Cli, tiny: TinyHypervisor) -> None:
    tiny.before["find"] = interrupt
    Path("new.qcow2").write_bytes(b"")
    result = cli("mailgw", "new.qcow2", "--yes")
    assert (result.exit_code, result.stderr) == (130, "error: interrupted\n  → nothing was changed\n")
    assert tiny.calls == ["find mailgw", "close"]


def test_a_signal_that_was_ignored_stays_ignored(cli: Cli) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    cli("status")
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


# ---- a reader that leaves --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "both", "code"),
    [
        ("status", False, 0),
        ("status", True, 0),
        ("status nope", True, 2),
        ("config template", False, 0),
        ("--help", False, 0),
    ],
)
def test_output_that_nobody_reads_changes_no_exit_code(
    cli: Cli, tmp_path: Path, command: str, both: bool, code: int
) -> None:
    record(tmp_path, "r1", done(PREPARED))
    ours, its = os.pipe()
    os.close(ours)  # as `head` does once it has its line
    words = [sys.executable, "-c", "from vmmigrate.cli import main; main()", *command.split()]
    ended = subprocess.run(words, check=False, stdout=its, stderr=its if both else subprocess.PIPE, text=True)
    os.close(its)
    assert (ended.returncode, ended.stderr) == (code, None if both else "")


@pytest.mark.slow
def test_output_that_was_closed_before_is_no_bug(cli: Cli) -> None:
    words = [sys.executable, "-c", "from vmmigrate.cli import main; main()", "status"]
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], check=False, capture_output=True)
    assert (closed.returncode, closed.stderr) == (0, b"")


# ---- status ----------------------------------------------------------------------------------------------


def test_status_of_an_empty_folder(cli: Cli, tmp_path: Path) -> None:
    result = cli("status")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"no runs in {tmp_path}/runs\n", "")
    assert cli("status", "--json").stdout == ""


def test_status_lists_the_runs_a_line_each(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    tiny.plugged_in = {PLAN.old.id}
    record(tmp_path, "r1", done(PREPARED))
    record(tmp_path, "r2", [*done(SWITCHED), END])
    result = cli("status")
    assert result.stdout.splitlines() == [
        f"run r1: interrupted while migrating, mailgw → {NEW.name}",
        f"  {MAIL_FLOWS}",  # of each that is not over
        f"run r2: migrated, mailgw → {NEW.name}",
    ]
    shown = [json.loads(line) for line in cli("status", "--json").stdout.splitlines()]
    assert [(each["run_id"], bool(each["mail"])) for each in shown] == [("r1", True), ("r2", False)]
    assert not [call for call in tiny.calls if not call.startswith(("inventory", "find", "close"))]


def test_one_run_that_cannot_be_read_does_not_hide_the_others(cli: Cli, tmp_path: Path) -> None:
    record(tmp_path, "r1", []).journal.write_bytes(b"")
    record(tmp_path, "r2", [(Kind.END, {"outcome": "migrated"})])
    result = cli("status")
    assert result.exit_code == 2
    assert f"run r2: migrated, {PLAN.old.name} → {NEW.name}" in result.stdout
    assert "journal.jsonl is damaged, line 1: there is no complete record" in result.stderr


def without_the_step(rundir: RunDir) -> None:
    """The last record, which no hash is over."""
    whole, last = rundir.journal.read_text().splitlines()
    rundir.journal.write_text(whole + "\n" + last.replace('"step"', '"stop"') + "\n")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def earlier(rundir: RunDir) -> None:
    """The version that began it made no copies of plan and settings."""
    rundir.journal.write_bytes(without_copies(rundir.journal.read_bytes()))


UNREAD_PLAN = "plan.json does not have what this version reads there"
BAD_VERIFIED = (Kind.LEARNT, {"step": "verify", "group": "Verified", "value": {"checks": 3}})
ODD: list[tuple[list[Recorded], Callable[[RunDir], object], str]] = [
    ([BAD_VERIFIED], lambda rundir: None, "record 1: what the journal has as Verified cannot be read: checks: "),
    (
        [BAD_VERIFIED, (Kind.UNDONE, {"step": "verify"})],
        lambda rundir: None,
        "record 1: what the journal has as Verified",
    ),
    ([], lambda rundir: [earlier(rundir), rundir.plan.unlink()], "plan.json cannot be read: No such file or directory"),
    ([], lambda rundir: [earlier(rundir), rundir.plan.write_text("{")], UNREAD_PLAN),
    ([], lambda rundir: [earlier(rundir), rundir.plan.write_text("[]")], UNREAD_PLAN),
    ([], lambda rundir: [earlier(rundir), rundir.plan.write_bytes(b"\xff")], UNREAD_PLAN),
    (
        [],
        lambda rundir: rundir.journal.write_bytes(b""),
        "journal.jsonl is damaged, line 1: there is no complete record",
    ),
    (
        [],
        lambda rundir: rundir.journal.write_bytes(b"{}\n"),
        "is damaged, line 1: it has no field 'schema'",
    ),
    ([], lambda rundir: a_folder(rundir.journal), "journal.jsonl is no journal: it is no file"),
    ([(Kind.BEGIN, {"step": "claim"})], without_the_step, "record 1 (begin) lacks 'step'"),
]


@pytest.mark.parametrize(("records", "harm", "words"), ODD)
def test_a_run_that_cannot_be_read_is_named_and_the_others_are_shown(
    cli: Cli, tmp_path: Path, records: list[Recorded], harm: Callable[[RunDir], object], words: str
) -> None:
    for run_id in ("r1", "r3"):
        harm(record(tmp_path, run_id, records))
    for run_id in ("r2", "r4"):
        record(tmp_path, run_id, [(Kind.END, {"outcome": "migrated"})])
    shown = [f"run {run_id}: migrated, {PLAN.old.name} → {NEW.name}" for run_id in ("r2", "r4")]
    result = cli("status")
    assert (result.exit_code, result.stdout.splitlines()) == (2, shown)
    first, *named = result.stderr.splitlines()[:3]
    assert first == "error: 2 runs cannot be read:"
    for run_id, line in zip(("r1", "r3"), named, strict=True):
        assert line.startswith(f"  run {run_id}: ")
        assert words in line
    listed = cli("status", "--json")
    told = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (listed.exit_code, [each.get("run_id") for each in told]) == (2, ["r2", "r4", None])
    assert told[-1]["exit_code"] == 2
    alone = cli("status", "r1")
    assert (alone.exit_code, alone.stdout) == (2, "")
    assert words in alone.stderr


def test_what_is_no_run_is_not_listed_and_settings_are_not_needed(cli: Cli, tmp_path: Path) -> None:
    rundir = record(tmp_path, "r1", [])
    earlier(rundir)
    rundir.settings.unlink()
    (tmp_path / "runs" / "notes.txt").write_text("a person's own")
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "nowhere").symlink_to("nothing")
    result = cli("status")
    assert (result.exit_code, result.stderr) == (0, "")
    line, mail = result.stdout.splitlines()
    assert line == f"run r1: interrupted while migrating, {PLAN.old.name} → {NEW.name}"
    assert mail.startswith(f"  MAIL: not looked at: {tmp_path}/runs/r1/settings.json cannot be read: ")


@pytest.mark.slow
def test_a_run_that_this_user_may_not_look_into_is_named() -> None:
    """Root may look into everything: so it gives that right away first, and still reads its own checkout."""
    without = "setpriv", "--bounding-set=-dac_override,-dac_read_search"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record(folder, "r1", []).path.chmod(0)
        record(folder, "r2", [])
        environ = {**os.environ, "VMMIGRATE_RUNS_FOLDER": str(folder / "runs")}

        def ended(*argv: str) -> tuple[int, str, str]:
            words = [sys.executable, "-c", "from vmmigrate.cli import main; main()", *argv]
            if os.geteuid() == 0:
                words = [*without, *words]
            done = subprocess.run(words, check=False, capture_output=True, text=True, env=environ)
            return done.returncode, done.stdout, done.stderr

        journal = folder / "runs" / "r1" / "journal.jsonl"
        shown = f"run r2: interrupted while migrating, {PLAN.old.name} → {NEW.name}\n"
        told = f"error: run r1: {journal} cannot be read: Permission denied\n"
        status, out, err = ended("status")
        told += "  → is it a file, and may this user read it?\n"
        assert (status, out.partition("  MAIL: not looked at: ")[0], err) == (2, shown, told)
        refused = ended("rollback", "--yes", "r1")
        assert refused[:2] == (2, "")
        assert refused[2].startswith(f"error: {journal.parent} cannot be used: Permission denied\n")
        (folder / "runs").chmod(0)
        refused = ended("status")
        (folder / "runs").chmod(0o755)
        assert refused[:2] == (2, "")
        assert refused[2].startswith(f"error: {folder}/runs cannot be read: Permission denied\n")


def test_status_of_one_run_has_its_steps(cli: Cli, tmp_path: Path, tiny: TinyHypervisor) -> None:
    tiny.plugged_in = {PLAN.old.id}
    record(tmp_path, "r1", done(PREPARED))
    lines = cli("status", "r1").stdout.splitlines()
    assert lines[:6] == [
        MAIL_FLOWS,
        f"run r1: interrupted while migrating, mailgw → {NEW.name}",
        f"folder {tmp_path}/runs/r1",
        "  done     claim         Claim the old VM",
        "  pending  note-old      Note the old gateway's state",
        "  pending  export        Export the backup",
    ]
