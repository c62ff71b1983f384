"""A profile as `probe` writes it: what was found and nothing that identifies; and where one no longer fits."""

import datetime
import tomllib
from pathlib import Path

import pytest

from hypervisors import Secret
from vmmigrate.appliance.profile import ConsoleProfile, Profile, read_profile
from vmmigrate.appliance.web import probing
from vmmigrate.appliance.web.probing import (
    MEANINGS,
    Difference,
    Seen,
    differences,
    family_of,
    keys_of,
    other_family,
    pins,
    profile_of,
    profile_text,
    redact,
    release_in,
    without,
)

DAY = datetime.date(2026, 1, 2)
KNOWN: dict[str, probing.Value] = {
    "ports": (8443,),
    "contexts": ("/ciphermail",),
    "login.user": 'u "quoted" é # no comment',
    "backup.menu": ("Admin", "Backup"),
    "restore.page": "/ciphermail/admin/backup",
}


def text(known: dict[str, probing.Value], **seen: object) -> str:
    return profile_text(Seen(profile_of(known), **seen), DAY, "0.1")  # type: ignore[arg-type]


def test_every_key_of_a_profile_is_explained() -> None:
    assert sorted(keys_of(ConsoleProfile)) == sorted(MEANINGS)


def test_pins_are_what_a_profile_says_and_back() -> None:
    assert pins(profile_of(KNOWN)) == KNOWN
    assert pins(ConsoleProfile()) == {}


def test_what_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(text(KNOWN, release="5.5.3", family="5.x"))
    assert read_profile(file) == Profile(family="5.x", console=profile_of(KNOWN))


def test_the_head_says_when_against_what_and_what_is_missing() -> None:
    lines = text(KNOWN, release="5.5.3", family="5.x", withheld=("login.page",)).splitlines()
    assert lines[:5] == [
        "# A console's profile, written by vmmigrate 0.1 on 2026-01-02.",
        "# Its pages say release 5.5.3.",
        "# Only paths, field names and captions: no address, account, token or value.",
        "# Left out, because it may identify somebody or be a token: login.page.",
        "# Not found, so left to discovery: wizard_skip, login.page, login.action, login.next, login.password,",
    ]
    assert text({}).splitlines()[1] == "# Its pages do not say which release it is."


def test_what_was_not_found_is_there_and_commented_out() -> None:
    lines = text({}).splitlines()
    assert '# family = ""  # "4.x" or "5.x"' in lines
    assert '# user = ""  # field for the user name' in lines
    assert "# menu = []  # links from the home page to it" in lines
    for key in keys_of(ConsoleProfile):
        assert any(line.startswith(f"# {key.rpartition('.')[2]} = ") for line in lines)
    assert tomllib.loads(text({})) == {"console": {"login": {}, "backup": {}, "restore": {}, "queues": {}, "pam": {}}}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("/app/mail.example.com/login", ("mail.example.com",)),
        ("/app/MAIL/login", ("mail",)),
        ("Log in as carol", ("carol",)),
        ("field_8f3a9c0d1e2b4f56789a", ()),
        ("/app/login/0123456789abcdef0123456789abcdef", ()),
        ("a horse named hunter2hunter2", ()),
    ],
)
def test_what_may_identify_or_is_a_token_is_left_out_and_named(value: str, names: tuple[str, ...]) -> None:
    Secret("hunter2hunter2")
    kept, withheld = redact(profile_of({"login.button": value, "backup.menu": ("Admin",)}), names)
    assert (pins(kept), withheld) == ({"backup.menu": ("Admin",)}, ("login.button",))


def test_a_caption_of_a_menu_is_looked_at_too() -> None:
    kept, withheld = redact(profile_of({"backup.menu": ("Admin", "carol's page")}), ("carol",))
    assert (pins(kept), withheld) == ({}, ("backup.menu",))


@pytest.mark.parametrize(
    "value", ["/ciphermail/admin/backup", "j_spring_security_check", "mailbox", "doNotBackupTheDatabase2"]
)
def test_ordinary_names_stay(value: str) -> None:
    assert redact(profile_of({"login.button": value}), ("mail", ""))[1] == ()


@pytest.mark.parametrize(
    ("words", "release", "family"),
    [
        ("CipherMail 5.5.3.0g99d2faca · Home", "5.5.3.0g99d2faca", "5.x"),
        ("version 4.6.2-0", "4.6.2-0", "4.x"),
        ("Gateway · release: 6.3.4 · 10.5.4.3", "6.3.4", "6.x"),
        ("CipherMail at 10.5.4.3", "", None),
        ("Bootstrap 5.3.2, 192.168.5.4", "", None),
        ("", "", None),
    ],
)
def test_a_release_is_known_by_its_form(words: str, release: str, family: str | None) -> None:
    assert (release_in(words), family_of(release)) == (release, family)


def test_a_difference_has_what_is_pinned_and_what_is_seen() -> None:
    pinned = Profile(family="5.x", console=profile_of(KNOWN))
    failed = ("console.restore.page", "console.backup.menu", "console.contexts")
    settled = profile_of({"restore.page": "/new", "contexts": ("/ciphermail",)})
    assert differences(pinned, settled, failed) == (
        Difference("console.backup.menu", ("Admin", "Backup"), ""),
        Difference("console.restore.page", "/ciphermail/admin/backup", "/new"),
    )
    assert pins(without(pinned, failed).console) == {"ports": (8443,), "login.user": KNOWN["login.user"]}


def test_another_family_is_a_difference_where_both_are_known() -> None:
    assert other_family(Profile(family="4.x"), "5.5.3") == (Difference("family", "4.x", "5.x"),)
    assert other_family(Profile(family="5.x"), "5.5.3") == ()
    assert other_family(Profile(), "5.5.3") == ()
    assert other_family(Profile(family="4.x"), "") == ()
