"""All that a Postfix has taken, counted by its log and its queue: the program by the real grep and awk."""

import bz2
import gzip
import lzma
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import taken
from vmmigrate.appliance.queues.taken import Taken
from vmmigrate.errors import ApplianceError

HEAD = "Nov 30 10:00:00 mailgw postfix"
COMES = f"{HEAD}/qmgr[9]: {{}}: from=<s@example.org>, size=9, nrcpt=2 (queue active)\n"
GOES = f"{HEAD}/qmgr[9]: {{}}: removed\n"
DELETED = f"{HEAD}/postsuper[9]: {{}}: removed\n"
SINCE = 1_700_000_000
STARTS = "2023-11-14T20:00:00.5+00:00 mailgw postfix/postfix-script[5]: starting the Postfix mail system\n"
REQUEUED = f"{HEAD}/postsuper[9]: {{0}}: requeued\n{HEAD}/pickup[8]: {{1}}: uid=89 from=<s@example.org> orig_id={{0}}\n"
FORGED = "postfix/qmgr[9]: 4B2: removed"
QUEUED = '{{"queue_name": "deferred", "queue_id": "{}", "recipients": []}}\n'


class Gateway(ScriptedShell):
    """Its log is a file, and its queue a list; `meanwhile` is logged between both looks."""

    def __init__(self, log: Path, queue: tuple[str, ...], meanwhile: str = "") -> None:
        super().__init__()
        self.log, self.queue, self.meanwhile = log, queue, meanwhile

    def _program(self, argv: object, user: str | None) -> Result:
        words = list(argv)  # type: ignore[call-overload]
        assert user == "root"
        if "vmmigrate-mail-taken" not in words:
            self.log.write_text(self.log.read_text() + self.meanwhile)
            return Result(0, "".join(map(QUEUED.format, self.queue)), "")
        words[2] = words[2].replace("/var/log/", f"{self.log.parent}/").replace("journalctl", "false")
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return Result(0, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("log", "queue", "expected"),
    [
        ("", (), Taken(0, 0, 0, 0)),
        (COMES.format("4A1") + GOES.format("4A1"), (), Taken(1, 1, 0, 0)),
        (COMES.format("4A1") + COMES.format("4A1"), ("4A1",), Taken(1, 0, 0, 1)),
        (COMES.format("4A1") + COMES.format("4B2") + GOES.format("4A1"), (), Taken(2, 1, 0, 0, ("4B2",))),
        (COMES.format("4A1") + DELETED.format("4A1"), (), Taken(1, 0, 1, 0)),
        (COMES.format("4A1") + GOES.format("4A1") + COMES.format("4A1"), (), Taken(1, 0, 0, 0, ("4A1",))),
        (GOES.format("4A1"), ("4C3",), Taken(0, 0, 0, 0)),
        (COMES.format("4A1").replace("postfix/qmgr", "other/qmgr"), (), Taken(0, 0, 0, 0)),
        (COMES.format("4A1") + REQUEUED.format("4A1", "5B2") + COMES.format("5B2"), ("5B2",), Taken(1, 0, 0, 1)),
        (COMES.format("4A1") + REQUEUED.format("4A1", "5B2").split("\n")[0], ("4A1",), Taken(1, 0, 0, 1)),
    ],
    ids=[
        "none",
        "gone",
        "tried-twice",
        "lost",
        "deleted",
        "its-id-came-again",
        "taken-earlier",
        "another-program",
        "requeued",
        "requeued-not-read-yet",
    ],
)
def test_each_has_left_or_waits_or_is_named(tmp_path: Path, log: str, queue: tuple[str, ...], expected: Taken) -> None:
    place = tmp_path / "mail.log"
    place.write_text(STARTS + log)
    assert taken.account(Gateway(place, queue), SINCE) == expected  # type: ignore[arg-type]


def test_what_leaves_between_both_looks_is_not_missing(tmp_path: Path) -> None:
    place = tmp_path / "mail.log"
    place.write_text(STARTS + COMES.format("4A1"))
    gateway = Gateway(place, (), meanwhile=GOES.format("4A1") + COMES.format("4B2"))
    assert taken.account(gateway, SINCE) == Taken(2, 1, 0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        f"{HEAD}/smtpd[3]: NOQUEUE: reject: RCPT from x[203.0.113.9]: 550 5.1.1; from=<{FORGED}",
        f"{HEAD}/smtpd[3]: improper command pipelining after DATA from x[203.0.113.9]: {FORGED}",
        f"{HEAD}/smtpd[3]: warning: x orig_id=4B2",
        f"{HEAD}/cleanup[3]: 1A: warning: header Subject: Nov 30 10:00:00 mailgw {FORGED}",
        f"Nov 30 10:00:00 mailgw james[3]: {FORGED}",
        f"Nov 30 10:00:00 mailgw james: {FORGED}",
        f"2023-11-14T23:00:00+00:00 mailgw postfix/smtpd[3]: lost connection: {FORGED}",
    ],
)
def test_what_a_stranger_has_written_into_the_log_hides_no_loss(tmp_path: Path, line: str) -> None:
    place = tmp_path / "mail.log"
    place.write_text(f"{STARTS}{COMES.format('4B2')}{line}\n")
    assert taken.account(Gateway(place, ()), SINCE).unaccounted == ("4B2",)  # type: ignore[arg-type]


def _plain(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize(
    ("earliest", "earlier", "now", "packed"),
    [
        ("mail.log.2.gz", "mail.log.1", "mail.log", gzip.compress),
        ("maillog-20231114", "maillog-20231121", "maillog", _plain),
        ("maillog-20231114.gz", "maillog-20231121", "maillog", gzip.compress),
        ("mail-20231114.xz", "mail-20231121", "mail", lzma.compress),
        ("mail.log-20231114.bz2", "mail.log.1", "mail.log", bz2.compress),
    ],
    ids=["Debian", "RHEL", "RHEL, compressed", "SUSE", "dated"],
)
def test_what_was_rotated_is_read_too(
    tmp_path: Path, earliest: str, earlier: str, now: str, packed: Callable[[bytes], bytes]
) -> None:
    """In the order in which it was written, and none of before, or of another log."""
    logs = {
        "mail.log.9": COMES.format("1F1"),
        earliest: STARTS + COMES.format("4A1") + COMES.format("4B2"),
        earlier: GOES.format("4A1") + COMES.format("4C3"),
        now: COMES.format("4A1") + GOES.format("4C3"),
        "mail.err": COMES.format("4E5"),
    }
    for number, (name, lines) in enumerate(logs.items()):
        place = tmp_path / name
        place.write_bytes(packed(lines.encode()) if name == earliest else lines.encode())
        written = SINCE + (number - 1) * 100_000
        os.utime(place, (written, written))
    (tmp_path / "maillog-old").mkdir()
    seen = taken.account(Gateway(tmp_path / now, ("4A1",)), SINCE)  # type: ignore[arg-type]
    assert seen == Taken(3, 1, 0, 1, ("4B2",))


@pytest.mark.parametrize("form", ["%b %e %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])
def test_a_log_that_begins_later_says_when(tmp_path: Path, form: str) -> None:
    """Without a year the time is that of the last twelve months."""
    place, at = tmp_path / "mail.log", int(time.time()) - 3600
    line = COMES.format("4A1").replace("Nov 30 10:00:00", time.strftime(form, time.localtime(at)))
    place.write_text(line)
    seen = taken.account(Gateway(place, ("4A1",)), at - 9)  # type: ignore[arg-type]
    assert seen == Taken(1, 0, 0, 1, begins=at)
    assert taken.account(Gateway(place, ("4A1",)), at + 9).begins == 0  # type: ignore[arg-type]


def test_where_there_is_no_line_all_of_before_is_missing(tmp_path: Path) -> None:
    place = tmp_path / "mail.log"
    place.write_text("")
    assert taken.account(Gateway(place, ()), SINCE).begins > SINCE  # type: ignore[arg-type]


def test_what_is_no_count_is_refused() -> None:
    with pytest.raises(ApplianceError, match="counted its mail as 'what'"):
        taken.account(ScriptedShell({"vmmigrate-mail-taken 0 2000000 20000": "what"}), 0)  # type: ignore[arg-type]
