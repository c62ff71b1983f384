"""What Postfix's log says of a message, by recipient: lines as 2.x to 3.x write them, by several programs of it."""

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import outcomes
from vmmigrate.appliance.queues.outcomes import BOUNCED, HANDED, SENT
from vmmigrate.limits import MAIL_LOG_IDS, MAIL_LOG_LINES

HEAD = "Nov 30 10:00:00 mailgw"
LOG = f"""\
{HEAD} postfix/smtp[12]: 4AbcDe0Fgh: to=<bob@example.net>, relay=mx.example.net[203.0.113.9]:25, delay=1.2, \
delays=0.1/0/1/0.1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 77)
{HEAD} postfix/smtp[12]: 4AbcDe0Fgh: to=<eve@example.net>, relay=none, dsn=5.1.1, status=bounced (5 status=sent)
{HEAD} postfix/submission/smtp[12]: 5AAAAA: to=<a@example.net>, orig_to=<all@example.net>, relay=x, status=sent (250)
{HEAD} postfix-out/lmtp[12]: 6AAAAA: to=<c@example.net>, relay=x, status=deferred (450)
{HEAD} postfix/error[12]: 6AAAAA: to=<c@example.net>, relay=none, dsn=5.0.0, status=bounced (x)
{HEAD} postfix/smtp[13]: 6AAAAA: to=<c@example.net>, relay=x, status=sent (250)
{HEAD} postfix/smtp[13]: 6AAAAA: to=<c@example.net>, relay=x, status=bounced (late)
{HEAD} postfix/qmgr[9]: 7AAAAA: from=<s@example.org>, status=expired, returned to sender
{HEAD} postfix/qmgr[9]: 8AAAAA: from=<>, status=force-expired, returned to sender
{HEAD} postfix/qmgr[9]: 9AAAAA: removed
{HEAD} postfix/pickup[9]: 2AAAAA: uid=89 from=<s@example.org> orig_id=1AAAAA
{HEAD} postfix/pickup[9]: 2BBBBB: uid=1000 from=<x orig_id=3AAAAA>
{HEAD} sshd[1]: 0AAAAA: to=<x@example.net>, relay=x, status=sent (forged)
"""


def test_of_each_recipient_it_says_what_became_of_it() -> None:
    found = outcomes.parsed(LOG)
    assert found.seen == {
        ("4AbcDe0Fgh", "bob@example.net"): SENT,
        ("4AbcDe0Fgh", "eve@example.net"): BOUNCED,
        ("5AAAAA", "a@example.net"): SENT,
        ("5AAAAA", "all@example.net"): SENT,
        ("6AAAAA", "c@example.net"): SENT,
    }
    assert found.given_up == {"7AAAAA", "8AAAAA"}
    assert found.requeued == {"1AAAAA"}


@pytest.mark.parametrize(
    "line",
    [
        "other[3]: postfix/smtp[1]: 6A: to=<d@example.net>, relay=x, status=sent (250)",
        "postfix/cleanup[3]: 1A: warning: header Subject: postfix/smtp[1]: 6A: to=<d@example.net>, x status=sent",
        "postfix/smtp[3]: 1A: to=<a@example.net>, relay=postfix/smtp[1]: 6A: to=<d@example.net>, x status=deferred (",
        "postfix/qmgr[3]: 1A: from=<postfix/qmgr[9]: 6A: from=<>, status=expired, returned to sender>, size=1",
    ],
)
def test_what_a_subject_or_an_address_says_is_no_line_of_the_log(line: str) -> None:
    found = outcomes.parsed(f"{HEAD} {line}\n")
    assert not found.requeued
    assert "6A" not in found.given_up
    assert "6A" not in {queue_id for queue_id, _ in found.seen}


@pytest.mark.parametrize("text", ["", "\n\n", LOG[:77], "postfix/smtp[1]: : to=<>, status=sent", "\ud800" * 9])
def test_what_says_nothing_is_nothing(text: str) -> None:
    assert outcomes.parsed(text) == outcomes.Outcomes({})


def test_only_ids_are_asked_about_and_all_in_one_pass() -> None:
    asked: list[tuple[str, ...]] = []
    said = [""]

    class Named(ScriptedShell):
        def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
            asked.append(argv)
            return Result(0, said[0], "")

    known = [f"4{number:06}" for number in range(700)]
    assert not outcomes.read(Named(), [*known, "*", ".*", ") (", "$(id)"], 1_700_000_000.5).cut
    assert [(argv[1].split(), argv[2]) for argv in asked] == [(known, "1699913600")]
    assert outcomes.read(Named(), ["*"], 0) == outcomes.Outcomes({})
    assert len(asked) == 1
    assert outcomes.read(Named(), [f"5{number:06}" for number in range(MAIL_LOG_IDS.most + 1)], 0).cut
    said[0] = "\n" * MAIL_LOG_LINES.most
    assert outcomes.read(Named(), known, 0).cut


@pytest.mark.parametrize("relay", ["127.0.0.1[127.0.0.1]:10025", "localhost[127.0.0.1]:10025", "::1[::1]:10025"])
def test_what_the_mail_agent_took_is_not_sent_yet(relay: str) -> None:
    handed = f"{HEAD} postfix/smtp[1]: 7AAAAA: to=<a@example.net>, relay={relay}, delay=1, status=sent (250 queued)\n"
    assert outcomes.parsed(handed).seen == {("7AAAAA", "a@example.net"): HANDED}
    sent = handed.replace(relay, "mx.example.net[203.0.113.9]:25")
    assert outcomes.parsed(sent + handed).seen == {("7AAAAA", "a@example.net"): SENT}


def test_the_program_finds_the_lines_of_these_ids_alone(tmp_path: object) -> None:
    """By the real grep: of a log that another program writes to as well; of too many the last."""
    import subprocess
    from pathlib import Path

    log = Path(str(tmp_path), "mail.log")
    log.write_text(LOG)
    program = outcomes._LINES.replace("/var/log/", f"{log.parent}/").replace("journalctl", "false")
    for most, found in (("99", ["6AAAAA"] * 3 + ["7AAAAA", "2AAAAA"]), ("1", ["2AAAAA"])):
        argv = ["sh", "-c", program, "vmmigrate-mail-log", "1AAAAA 6AAAAA 7AAAAA 9AAAAA", "0", most]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        seen = [line.split(": ")[1] for line in done.stdout.splitlines()[1:]]
        assert (seen, done.stderr) == (found, "")


def test_a_log_that_begins_later_than_the_opening_says_when() -> None:
    class Late(ScriptedShell):
        def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
            return Result(0, "begins 1700000500\n" + LOG, "")

    assert outcomes.read(Late(), ["6AAAAA"], 1_700_000_000).begins == 1_700_000_500
    assert outcomes.read(Late(), ["6AAAAA"], 1_700_000_900).begins == 0
