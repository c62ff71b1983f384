"""Where a secret must not get: others' words, other programs' environment; and what is no secret of ours."""

import json
from html import escape
from urllib.parse import quote, quote_plus

import pytest

from hypervisors import Secret, redacted, without_secrets
from hypervisors import secrets as module


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KNOWN", [])


@pytest.mark.parametrize("written", [str, lambda word: quote(word, safe=""), quote_plus, json.dumps, repr, escape])
def test_a_password_is_taken_out_however_it_is_written(written) -> None:  # type: ignore[no-untyped-def]
    word = "pass wörd/\"+&'\\"
    Secret(word)
    said = redacted(f"no: {written(word)}!")
    assert "pass" not in said
    assert "rd" not in said


def test_what_a_guest_calls_a_password_changes_no_message_of_ours() -> None:
    Secret("another machine answers", ours=False)
    assert redacted("another machine answers there") == "another machine answers there"


def test_other_programs_get_no_password_of_this_one() -> None:
    given = {
        "PATH": "/bin",
        "VMMIGRATE_OLD_SSH_PASSWORD": "x",
        "VMMIGRATE_NEW_SSH_KEY_PASSPHRASE": "x",
        "VMMIGRATE_OLD__SSH__PORT": "22",
        "PGPASSWORD": "its own",
    }
    assert set(without_secrets(given)) == {"PATH", "VMMIGRATE_OLD__SSH__PORT", "PGPASSWORD"}
