"""What goes wrong ends with message, hint and the right exit code, and changes nothing."""

import gzip
import json
import os
import re
import smtplib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fixtures.appliance import mailspool, state
from fixtures.appliance.store import FILE_STORE
from fixtures.ports import free_port
from hypervisors import LoginRefused, Secret, TlsTrust
from tests.journey.conftest import Tell, Worlds
from tests.journey.records import number
from tests.journey.story import ATTENTION, BUG, DONE, INTERRUPTED, KILLED, REFUSED, WENT_BACK, Story, Told, assert_same
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.web.console import WebConsole
from vmmigrate.settings.accepting import DECISIONS

TLS_PEM = "/etc/postfix/tls.pem"

pytestmark = pytest.mark.slow
Bytes = Mapping[str, bytes]  # each file of a lab


@dataclass(frozen=True)
class Case:
    """Something wrong, and what is said about it. `old`, `new`: switches of the stand-ins."""

    says: str
    secret: tuple[str, str] = ("", "")
    settings: Mapping[str, Any] = field(default_factory=dict)
    old: Mapping[str, object] = field(default_factory=dict)
    new: Mapping[str, object] = field(default_factory=dict)
    hypervisor: str = "MemoryHypervisor"

    def story(self, tell: Tell) -> Story:
        story = tell(old=self.old, new=self.new)
        story.hypervisor = self.hypervisor
        name, value = self.secret
        story.secrets |= {name: value} if name else {}
        return story


WRONG_KEY = {"ssh": {"host_key": "SHA256:" + "A" * 43}}
BEFORE_A_RUN = {
    "wrong-console-password": Case(
        "refused the account 'admin': Invalid user name or password\n  → check user and password in old.console; ",
        secret=("VMMIGRATE_OLD_CONSOLE_PASSWORD", "wrong"),
    ),
    "wrong-ssh-password": Case(
        "refused 'sa': Authentication failed.\n  → check user, password or key in old.ssh; it was tried once",
        secret=("VMMIGRATE_OLD_SSH_PASSWORD", "wrong"),
    ),
    "wrong-host-key": Case("pin the right one with old.ssh.host_key", settings={"old": WRONG_KEY}),
    "wrong-console-fingerprint": Case(
        "is not trusted: it is not the pinned one", settings={"old": {"console": {"fingerprint": "00" * 32}}}
    ),
    "no-such-pool": Case(
        "no active storage pool or datastore 'nowhere' (there are: default)",
        settings={"hypervisor": {"store": "nowhere"}},
    ),
    "no-such-staging": Case("no network 'nowhere' (there are: lan, staging)", settings={"new": {"staging": "nowhere"}}),
    "name-taken": Case(
        "there is a virtual machine 'mailgw' already\n  → choose another name with new.name or --name NAME",
        settings={"new": {"name": "mailgw"}},
    ),
    "no-backup-page": Case("no backup form (Backup location, Password) found", old={"personality": "NoBackupPage"}),
    "no-backup-feature": Case("no backup form (Backup location, Password) found", old={"backup_feature": False}),
    "no-such-setting": Case(
        "old.adress (VMMIGRATE_OLD__ADRESS): there is no such setting; is it old.address?",
        settings={"old": {"adress": "192.0.2.10"}},
    ),
}
IN_A_RUN = {
    "html-for-a-backup": Case(
        "the console asks to log in again instead of sending a backup", old={"personality": "HtmlForBackup"}
    ),
    "archive-cut-short": Case("bytes: the connection broke", old={"personality": "CutShort"}),
    "archive-cut-short-with-its-length": Case(
        "the archive is cut short: its gzip stream does not end", old={"personality": "CutShort:gzip"}
    ),
    "restore-refused": Case(
        "the console refused the backup: The moon is in the wrong phase",
        new={"personality": "RefusesRestore:The moon is in the wrong phase"},
    ),
    "no-guest-agent": Case("cannot be verified: SHA256:", hypervisor="WithoutAgent"),
    "silent-guest-agent": Case(
        "cannot be verified: SHA256:",
        settings={"limits": {"answer": 0.05}},
        hypervisor="SilentAgent",
    ),
    "wrong-new-host-key": Case("expected was SHA256:AAAA", settings={"new": WRONG_KEY}),
    "wrong-new-ssh-password": Case(
        "refused 'sa': Authentication failed.", secret=("VMMIGRATE_NEW_SSH_PASSWORD", "wrong")
    ),
    "wrong-new-console-password": Case(
        "refused the account 'admin': Invalid user name or password",
        secret=("VMMIGRATE_NEW_CONSOLE_PASSWORD", "wrong"),
    ),
}


def by_name(cases: Mapping[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


# ---- 2: refused, nothing was changed -------------------------------------------------------------------------


@by_name(BEFORE_A_RUN)
def test_what_is_wrong_is_said_before_a_run_begins(tell: Tell, case: Case) -> None:
    story = case.story(tell)
    before = story.everything()
    assert_refused(story, story.migrate(**case.settings), case.says, before)


def test_no_such_vm(story: Story) -> None:
    before = story.everything()
    told = story.migrate(vm="mailgate")
    assert_refused(
        story, told, "no virtual machine 'mailgate' (there are: mailgw)\n  → correct the name, or give its UUID", before
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"From: a letter, and no image\n" * 100, "is not a disk image: neither qcow2 nor VMDK"),
        (b"", "is empty"),
        (b"QFI\xfb" + bytes(8), "is"),
        (None, "there is no file"),
    ],
    ids=["a-letter", "empty", "qcow2-cut-short", "missing"],
)
def test_an_image_that_is_none(story: Story, content: bytes | None, says: str) -> None:
    image = story.folder / "image"
    if content is not None:
        image.write_bytes(content)
    before = story.everything()
    told = story.migrate(image=image)
    assert f"{image} {says}" in told.err or f"{says} {image}" in told.err
    assert_refused(story, told, "error: image: ", before)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"\x89PNG\r\n\x1a\n" + bytes(500),
            " is not a known kind of backup (gzip, zip, tar, openssl enc, PGP); it",
        ),
        (b"<!DOCTYPE html><html><body>Log in</body></html>" * 9, ": it is a web page, not a backup"),
        (gzip.compress(bytes(10240), 0), ": the archive is an empty tar"),
        (gzip.compress(os.urandom(500))[:-9], ": the archive is damaged: "),
        (b"", ": 0 bytes are too few for a backup"),
        (None, ": No such file or directory"),
    ],
    ids=["picture", "page", "empty", "cut-short", "nothing", "missing"],
)
def test_an_archive_that_is_none(story: Story, content: bytes | None, says: str) -> None:
    """As `backup import` says it, and before a run begins."""
    archive = story.folder / "backup"
    if content is not None:
        archive.write_bytes(content)
    before = story.everything()
    told = story.migrate("--backup-file", str(archive))
    assert_refused(story, told, f"error: backup-file: {archive}{says}", before)


def test_an_encrypted_archive_is_not_refused_for_want_of_its_password(story: Story) -> None:
    archive = story.folder / "backup.enc"
    archive.write_bytes(b"Salted__" + os.urandom(168))
    told = story.plan("--backup-file", str(archive))
    assert (told.status, told.err) == (DONE, "")
    assert f"\nwarning     backup-file: {archive} is encrypted, and no password is given\n" in told.out
    word = story.folder / "word"
    word.write_text("correct horse\n")
    word.chmod(0o600)
    given = {"password": {"file": str(word)}}
    assert "warning" not in story.plan("--backup-file", str(archive), backup=given).out


def test_a_full_pool(story: Story) -> None:
    with state.edit(story.lab.folder) as now:
        now["stores"][0]["available"] = 1000
    before = story.everything()
    assert_refused(story, story.migrate(), "default has 0.0 GiB left, the image may grow to", before)


@pytest.mark.parametrize(
    ("path", "available", "says"),
    [
        (None, None, "info        store: the new disk goes to default, which has the old VM's first disk"),
        (None, 1000, "error: store: default has 0.0 GiB left, the image may grow to"),
        ("/elsewhere", None, "error: store: it is not clear which store to use (there are: other, default)"),
    ],
    ids=["it has room", "it is full", "it is none of them"],
)
def test_of_several_stores_the_one_that_holds_the_old_vm_is_taken(
    story: Story, path: str | None, available: int | None, says: str
) -> None:
    with state.edit(story.lab.folder) as now:
        [default] = now["stores"]
        now["stores"].insert(0, {**default, "name": "other", "path": "/another"})
        default.update({"path": path or default["path"], "available": available or default["available"]})
    told = story.plan(hypervisor={"store": ""})
    assert says in (told.err if says.startswith("error") else told.out)


def test_a_queue_that_holds_mail(story: Story) -> None:
    queue(story, "deferred")
    queue(story, "hold")
    before = story.everything()
    told = story.migrate(mail={"queue": "refuse"})
    assert_refused(story, told, "mail is waiting in the old queues: 1 in deferred, 1 in hold", before)
    assert "postsuper" not in told.err  # nobody is advised to delete mail


def test_everything_wrong_is_said_at_once(story: Story) -> None:
    queue(story, "hold")
    story.secrets["VMMIGRATE_OLD_CONSOLE_PASSWORD"] = "wrong"
    before = story.everything()
    told = story.migrate(new={"name": "mailgw", "staging": "nowhere"}, mail={"queue": "refuse"})
    assert_refused(story, told, "4 problems block this:", before)
    assert [line.split(":")[0].strip() for line in told.err.splitlines()[1:8:2]] == [
        "staging",
        "new-name",
        "console",
        "queues",
    ]


def test_a_wrong_console_password_is_tried_once(story: Story) -> None:
    """Five failures block an account: after three of ours the right one still works, so there was one before."""
    story.secrets["VMMIGRATE_OLD_CONSOLE_PASSWORD"] = "wrong"
    assert story.migrate().status == REFUSED
    admin = story.lab.admin_old
    for _ in range(3):
        with pytest.raises(LoginRefused, match="Invalid user name or password"):
            log_in(story, Account(admin.user, Secret("wrong too")))
    log_in(story, Account(admin.user, Secret(admin.password)))


def test_without_a_yes_nothing_is_done(story: Story) -> None:
    before = story.everything()
    told = story.command("migrate", story.lab.old_name, str(story.lab.image))
    assert_refused(story, told, "Replace mailgw now?\n  → run the same command with --yes", before)


@pytest.mark.slow
def test_ctrl_c_while_planning(story: Story) -> None:
    story.hypervisor = "CtrlC"
    before = story.everything()
    told = story.migrate()
    assert (told.status, told.err) == (INTERRUPTED, "error: interrupted\n  → nothing was changed\n")
    assert (story.everything(), story.run_ids) == (before, [])


# ---- 1: failed, and gone back --------------------------------------------------------------------------------


@by_name(IN_A_RUN)
def test_what_goes_wrong_in_a_run_is_undone(tell: Tell, case: Case) -> None:
    story = case.story(tell)
    before = story.everything()
    assert_went_back(story, story.migrate(**case.settings), case.says, before)


def test_why_it_failed_is_told_once(tell: Tell) -> None:
    """At the end, where one decides; on the way the step is named. The run's log has it at its step."""
    story = tell(new={"personality": "RefusesRestore:The moon is in the wrong phase"})
    told, log = story.migrate(), (story.run_folder / "log.txt").read_text()
    why = "the console refused the backup: The moon is in the wrong phase"
    hint = "  → an encrypted backup may be unreadable to another release: export it without a password\n"
    assert told.err == f"error: {why}\n{hint}"
    for seen in (told.out, log):
        assert re.search(r"\] Import the backup +FAILED\n", seen)
        assert "going back to the old VM, undoing everything: 'Import the backup' failed\n" in seen
    assert (told.out.count("moon"), log.count(why), log.count(hint)) == (0, 1, 1)


def test_for_programs_each_event_tells_why(tell: Tell) -> None:
    story = tell(new={"personality": "RefusesRestore:The moon is in the wrong phase"})
    told = [json.loads(line) for line in story.migrate("--json").out.splitlines()]
    why = "the console refused the backup: The moon is in the wrong phase"
    said = {event["event"]: event for event in told}
    assert said["StepFailed"]["error"] == why
    assert said["DirectionTaken"]["reason"] == f"a step failed: {why}"
    assert (said["Error"]["message"], said["Error"]["exit_code"]) == (why, WENT_BACK)


def test_a_new_vm_that_never_gets_an_address(story: Story) -> None:
    with state.edit(story.lab.folder) as now:
        del now["networks"][1]["lease_prefix"]
    before = story.everything()
    told = story.migrate(limits={"boot": 0.3})
    assert_went_back(story, told, "the new VM's address on staging (last seen: no address", before)


def test_a_new_vm_that_does_not_boot(story: Story) -> None:
    image = story.folder / "image"
    image.write_bytes(bytes(510) + b"\x55\xaa" + bytes(1 << 20))
    before = story.everything()
    told = story.migrate(image=image, limits={"boot": 0.3})
    assert_went_back(story, told, "s for SSH on the new VM (last seen: ", before)


def test_mail_that_will_not_leave_the_old_queue(story: Story) -> None:
    """It is in `active` when the plan is made, which empties by itself, and is found stuck in the switch."""
    queue(story, "active")
    before = without_queue(story.everything())
    told = story.migrate(mail={"queue": "refuse"})
    assert_went_back(story, told, "for the mail under way on", before, seen=without_queue)
    # on a busy machine the time is over before it is seen that trying it again put it off
    assert re.search(r"\(last seen: 0 sessions, queues: 1 (active|deferred)\)", told.err)
    assert (story.live(), story.conflicts()) == (["old"], [])


def test_mail_that_came_between_the_plan_and_the_switch(story: Story) -> None:
    before = without_queue(story.everything())
    stop = ("SIGKILL", "after", number("done", "verify"))
    assert story.migrate(stop=stop, mail={"queue": "refuse"}).status == KILLED
    queue(story, "deferred")
    told = story.resume()
    assert_went_back(story, told, "mail is waiting in the old queues: 1 in deferred", before, seen=without_queue)


def test_all_that_is_wrong_with_the_prepared_gateway_is_said_at_once(story: Story) -> None:
    """A user is lost, and the administrator's password; what is right is not in the list."""
    before = story.everything()
    assert story.migrate(stop=("SIGKILL", "after", number("done", "install-tls"))).status == KILLED
    root = story.lab.root_of(story.new_vm()["id"])
    tables = json.loads(root.read(FILE_STORE))
    del tables["cm_users"]["rows"][0]
    for row in tables["cm_admins"]["rows"]:
        row[2] = "another hash"
    root.write(FILE_STORE, json.dumps(tables).encode())
    told = story.resume()
    assert_went_back(story, told, "2 checks did not pass:\n  console log-in of 'admin'", before)
    lost = r"\n  database: expected all .* accounted for; seen: table cm_users has \d+ rows, \d+ were expected\n"
    assert re.search(lost, told.err)
    assert re.search(r"\n  console log-in of 'admin' with the old password: expected accepted; seen: ", told.err)
    assert [hint.split()[0] for hint in re.findall(r"^    → (.*)$", told.err, re.MULTILINE)] == ["see", "the"]
    checks = learnt(story, "Verified")[-1]["checks"]
    verdicts = [check["verdict"] for check in checks if check["id"] not in DECISIONS]
    assert (verdicts.count("fail"), verdicts.count("unknown")) == (2, 0)
    assert verdicts.count("pass") >= 5


def stops(check: dict[str, str]) -> bool:
    return check["verdict"] == "fail" and check["id"] not in DECISIONS


def test_a_console_that_repeats_the_password_does_not_bring_it_into_the_records(tell: Tell) -> None:
    """Its refusal is recorded with the check, and shown by `status` also after the way back."""
    story = tell(new={"echoes_password": True})
    password = story.secrets["VMMIGRATE_OLD_CONSOLE_PASSWORD"]
    assert story.migrate(stop=("SIGKILL", "after", number("done", "install-tls"))).status == KILLED
    root = story.lab.root_of(story.new_vm()["id"])
    tables = json.loads(root.read(FILE_STORE))
    for row in tables["cm_admins"]["rows"]:
        row[2] = "another hash"
    root.write(FILE_STORE, json.dumps(tables).encode())
    told = story.resume()
    assert_says(told, WENT_BACK, "refused the account 'admin': Invalid user name or password …")
    lines, as_json = story.command("status", story.run_id), story.command("status", story.run_id, "--json")
    assert "\ndid not pass: console log-in of 'admin' with the old password: expected accepted; seen: " in lines.out
    (failed,) = (check for check in json.loads(as_json.out)["checks"] if stops(check))
    assert (failed["id"], failed["hint"][:8]) == ("console-account", "see that")
    records = (story.run_folder / "journal.jsonl").read_text()
    assert [where for where in (records, told.err, told.out, lines.out, as_json.out) if password in where] == []


def test_a_question_that_nobody_answers_is_not_passed(story: Story) -> None:
    """The database cannot be read: that is unknown, the rest is asked all the same, and the run goes back."""
    before = story.everything()
    assert story.migrate(stop=("SIGKILL", "after", number("done", "install-tls"))).status == KILLED
    story.lab.root_of(story.new_vm()["id"]).remove(FILE_STORE)
    assert_went_back(story, story.resume(), "database: not known: ", before)
    checks = {check["id"]: check["verdict"] for check in learnt(story, "Verified")[-1]["checks"]}
    assert checks["database"] == "unknown"
    assert (checks["smtp-greeting"], checks["tls-certificate"]) == ("pass", "pass")


def test_all_that_is_wrong_at_the_live_address_is_said_at_once(story: Story) -> None:
    """Another certificate at SMTP; the greeting is compared all the same."""
    before, story.hypervisor = story.everything(), "OtherCertificate"
    told = story.migrate(limits={"network": 3})
    assert_went_back(story, told, "SMTP STARTTLS shows the old certificate: expected SHA-256 ", before)
    assert (story.live(), story.conflicts()) == (["old"], [])
    checks = [(check["id"], check["verdict"]) for check in learnt(story, "VerifiedLive")[-1]["checks"]]
    assert checks == [
        ("live-host-key", "pass"),
        ("tls-certificate", "pass"),
        ("tls-certificate", "fail"),
        ("smtp-greeting", "pass"),
        ("smtp-offers", "pass"),
        ("smtp-takes", "pass"),
    ]


def test_a_port_that_the_new_gateway_does_not_serve_stops_the_run(story: Story) -> None:
    """Somebody gave the old one a submission service at another port; no backup has it."""
    root = story.lab.root_of(story.lab.old_id)
    with socket.create_server((story.lab.address, 0)) as listening:
        port = listening.getsockname()[1]
        root.write(
            "/etc/postfix/master.cf", f"{root.text('/etc/postfix/master.cf')}{port} inet n - n - - smtpd\n".encode()
        )
        before = story.everything()
        told = story.migrate(limits={"restart": 3})
        assert_says(told, ATTENTION, f"no connection at {port}")
        assert f"vmmigrate resume {story.run_id} --accept ports" in told.err
    failed = [check for check in learnt(story, "Verified")[-1]["checks"] if check["verdict"] == "fail"]
    assert [(check["id"], str(port) in check["expected"]) for check in failed][:1] == [("ports", True)]
    assert (story.live(), story.rollback().status) == (["old"], DONE)
    assert_all_is_back(story, before)


def test_a_caller_who_does_not_end_his_session(story: Story) -> None:
    """The intake is closed, the session under way is waited for; then the old VM takes mail again."""
    before = story.everything()
    with smtplib.SMTP(story.lab.address, story.lab.smtp_port, "localhost") as caller:
        told = story.migrate()
        assert_went_back(story, told, "(last seen: 1 sessions, queues: empty)", before)
        assert caller.noop()[0] == 250
    assert (story.live(), story.answers_the_world()) == (["old"], True)


def test_an_agent_is_not_needed_where_staging_is_trusted(story: Story) -> None:
    story.hypervisor = "WithoutAgent"
    told = story.migrate("--trust-staging")
    assert (told.status, story.live()) == (DONE, ["new"])
    assert "insecure, as asked: --trust-staging\n" in told.out


def test_a_half_import_is_never_continued(story: Story, undisturbed: Worlds) -> None:
    assert story.migrate(stop=("SIGKILL", "before", number("done", "import"))).status == KILLED
    half = story.new_vm()["id"]
    assert story.resume().status == DONE
    assert story.new_vm()["id"] != half
    assert [record["step"] for record in story.journal if record["kind"] == "begin"].count("deploy") == 2
    assert_same(story.world(), undisturbed.migrated)


# ---- 3 and 4: left to a person, a bug ------------------------------------------------------------------------


def test_a_way_back_to_an_old_vm_without_its_nic_touches_nothing(story: Story) -> None:
    before = story.world()
    assert story.migrate(stop=("SIGKILL", "after", number("done", "switch"))).status == KILLED
    with state.edit(story.lab.folder) as now:
        nics, now["vms"][story.lab.old_id]["nics"] = now["vms"][story.lab.old_id]["nics"], []
    half = story.world()
    assert_says(story.rollback(), ATTENTION, "of mailgw: expected on lan; seen: there is none")
    assert story.world() == half
    with state.edit(story.lab.folder) as now:
        now["vms"][story.lab.old_id]["nics"] = nics
    assert story.rollback().status == DONE
    assert_same(story.world(), before)
    assert (story.live(), story.conflicts()) == (["old"], [])


def test_what_cannot_be_undone_is_left_to_a_person_and_taken_up_again(story: Story) -> None:
    before = story.world()
    assert story.migrate(stop=("SIGKILL", "after", number("done", "switch"))).status == KILLED
    wrong = {"old": {"ssh": {"port": free_port()}}, "limits": {"network": 0.3}}  # nobody can open the old intake by it
    told = story.command("rollback", story.run_id, "--yes", **wrong)
    assert_says(told, ATTENTION, "not everything could be undone:\n  carry: waited")
    assert "\n  close-intake: waited" in told.err
    assert f"vmmigrate rollback {story.run_id}` again" in told.err
    assert story.rollback().status == DONE
    assert_same(story.world(), before)
    assert (story.live(), story.conflicts()) == (["old"], [])


def test_a_bug_goes_back_and_says_where_the_log_is(story: Story) -> None:
    story.hypervisor = "Buggy"
    before = story.everything()
    told = story.migrate()
    log = story.run_folder / "log.txt"
    assert_says(told, BUG, f"error: a bug: ZeroDivisionError\n  → the log is {log}; please report it")
    assert "division by nothing" not in told.out + told.err
    assert "ZeroDivisionError" in log.read_text()
    assert_all_is_back(story, before)


# ---- 130: interrupted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["claim", "deploy", "ready", "import", "restart", "verify"])
@pytest.mark.slow
def test_ctrl_c_while_preparing_stops_there(story: Story, undisturbed: Worlds, step: str) -> None:
    told = story.migrate(stop=("SIGINT", "after", number("begin", step)))
    assert_says(told, INTERRUPTED, "error: interrupted")
    run = story.run_id
    assert told.err.endswith(f"error: interrupted\n  → vmmigrate resume {run}, or vmmigrate rollback {run}\n")
    assert (
        f"next: vmmigrate resume {run}    to continue\nnext: vmmigrate rollback {run}  to go back to the old VM\n"
        in told.out
    )
    assert story.journal[-1]["kind"] == "paused"
    assert story.live() == ["old"]
    assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)


@pytest.mark.parametrize("step", ["close-intake", "switch", "verify-live"])
@pytest.mark.slow
def test_ctrl_c_within_the_switch_goes_back_to_the_old_vm_first(story: Story, undisturbed: Worlds, step: str) -> None:
    told = story.migrate(stop=("SIGINT", "after", number("begin", step)))
    assert_says(told, INTERRUPTED, "error: interrupted")
    assert "old VM: live\nnew VM: kept, unplugged\n" in told.out
    assert (story.live(), story.conflicts()) == (["old"], [])
    assert story.world()["old"]["files"] == undisturbed.before["old"]["files"]
    assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)


@pytest.mark.slow
def test_ctrl_c_after_the_commit_only_stops(story: Story, undisturbed: Worlds) -> None:
    told = story.migrate(stop=("SIGINT", "after", number("learnt", "open")))
    said, _, words = told.err.partition("\nerror: ")
    assert "goes on, so that somebody takes mail. Once more leaves it as it is" in said
    assert_says(replace(told, err=f"error: {words}"), INTERRUPTED, "error: interrupted")
    assert story.live() == ["new"]
    assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)


# ---- in other words ------------------------------------------------------------------------------------------


def assert_says(told: Told, status: int, words: str) -> None:
    """A message and what to do now, the code, and no Python."""
    assert told.status == status, told
    assert words in told.err
    assert told.err.startswith("error: ")
    assert re.search(r"^ +→ .", told.err, re.MULTILINE)
    assert "Traceback" not in told.out + told.err


def assert_refused(story: Story, told: Told, words: str, before: Bytes) -> None:
    assert_says(told, REFUSED, words)
    assert_unchanged(story.everything(), before)
    assert story.run_ids == []


def assert_went_back(
    story: Story, told: Told, words: str, before: Bytes, seen: Callable[[Bytes], Bytes] = dict
) -> None:
    assert_says(told, WENT_BACK, words)
    assert_all_is_back(story, before, seen)


def assert_all_is_back(story: Story, before: Bytes, seen: Callable[[Bytes], Bytes] = dict) -> None:
    """Every byte of the lab is as it was, and nothing that could be opened is left of the run."""
    assert_unchanged(seen(story.everything()), before)
    assert story.journal[-1]["outcome"] == "rolled-back"
    left = {path.name for path in story.run_folder.iterdir()}
    assert left == {"journal.jsonl", "plan.json", "settings.json", "given.json", "log.txt", "lock"}
    assert not story.key.exists()


def assert_unchanged(after: Bytes, before: Bytes) -> None:
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name]] == []


def learnt(story: Story, group: str) -> list[dict[str, Any]]:
    """Each value that the run recorded of a group."""
    return [record["value"] for record in story.journal if record.get("group") == group]


def log_in(story: Story, account: Account) -> None:
    console = WebConsole(f"https://{story.lab.address}:8443/ciphermail", TlsTrust(story.lab.web_fingerprint))
    try:
        console.log_in(account)
    finally:
        console.close()


def queue(story: Story, name: str) -> None:
    """A message in one of the old VM's queues that never leaves."""
    root = story.lab.root_of(story.lab.old_id)
    mailspool.put(root, "alice@example.test", ["bob@partner.example.net"], "hello", queue=name, stuck=True)


def without_queue(files: Bytes) -> Bytes:
    """Nor the mail log: it grows whenever Postfix takes up what waits."""
    moves = ("spool/postfix/queue/", mailspool.LOG)
    return {name: data for name, data in files.items() if not any(each in name for each in moves)}
