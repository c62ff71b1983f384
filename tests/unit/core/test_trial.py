"""The one message after the commit: how it is written, what is said of it, and which addresses it takes."""

import subprocess
from email import message_from_bytes
from pathlib import Path

import pytest
from pydantic import ValidationError

from vmmigrate.appliance.queues import followed
from vmmigrate.appliance.queues.outcomes import BOUNCED, HANDED, SENT
from vmmigrate.settings.models import Settings
from vmmigrate.settings.trial import pair
from vmmigrate.steps import trial

ID = "vmmigrate-20261130-120000-abcd@mailgw.example.test"
LOG = f"""\
Nov 30 12:00:01 mailgw postfix/cleanup[46]: 6AAAAA: message-id=<{ID}>
Nov 30 12:00:01 mailgw postfix/cleanup[46]: 7BBBBB: message-id=<x{ID}>
Nov 30 12:00:02 mailgw someone[46]: 8CCCCC: message-id=<{ID}>
Nov 30 12:00:02 mailgw postfix/smtpd[4]: improper pipelining: postfix/cleanup[4]: 9DDDDD: message-id=<{ID}>
Nov 30 12:00:03 mailgw postfix/extern/cleanup[47]: 4dXyZ12: message-id=<{ID}>
Nov 30 12:00:04 mailgw postfix/cleanup[46]: 6AAAAA: message-id=<{ID}>
"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b,",
        "a@b,c@d,e@f",
        "a b@c",
        "<a@b>",
        "a@b\nRCPT TO:<c@d>",
        "ü@b",
        "a@-b",
        "a'\"@b",
        "a@b,c",
    ],
)
def test_what_is_no_mail_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is no mail address: give ADDRESS, or FROM,TO"):
        Settings.model_validate({"mail": {"test": text}})


def test_one_address_is_sender_and_recipient() -> None:
    assert pair("a@b.example") == ("a@b.example", "a@b.example")
    assert pair("a@b.example, c+d@e.example") == ("a@b.example", "c+d@e.example")


@pytest.mark.parametrize(
    ("found", "waits", "words"),
    [
        ((), False, "neither in its queue nor in its log"),
        ((), True, "waiting there"),
        ((HANDED,), False, HANDED),
        ((HANDED, SENT), False, SENT),
        ((HANDED, BOUNCED), False, BOUNCED),
        ((HANDED,), True, "waiting there"),
        ((SENT, BOUNCED), False, SENT),
    ],
)
def test_what_became_of_it(found: tuple[str, ...], waits: bool, words: str) -> None:
    assert trial.in_words(found, waits=waits) == words


def test_its_ids_are_found_in_the_log_by_the_real_grep(tmp_path: Path) -> None:
    """Behind the mail agent it has another one; who writes the same words under another name is not Postfix."""
    log = tmp_path / "mail.log"
    log.write_text(LOG)
    program = followed._LINES.replace("/var/log/", f"{tmp_path}/").replace("journalctl", "false")
    done = subprocess.run(["sh", "-c", program, "x", ID, "0", "50"], capture_output=True, text=True, check=True)
    assert (followed.parsed(done.stdout), done.stderr) == (("6AAAAA", "4dXyZ12"), "")


def test_the_message_says_which_run_it_is_of() -> None:
    class Run:
        run_id = "20261130-120000-abcd"
        settings = Settings.model_validate({"mail": {"test": "me@example.com,you@example.net"}})

        class plan:  # noqa: N801 -- as Run names it
            class identity:  # noqa: N801
                mail_name = "mailgw.example.test"

        @staticmethod
        def wall() -> float:
            return 0.0

    made = message_from_bytes(trial.message(Run()))  # type: ignore[arg-type]
    assert (made["From"], made["To"], made["Message-ID"]) == ("me@example.com", "you@example.net", f"<{ID}>")
    assert made["Auto-Submitted"] == "auto-generated"
