"""The `[rest]` table: what is refused and in which words, pointers, and what may stand in a path."""

from pathlib import Path
from typing import Any

import pytest

from vmmigrate.appliance.profile import Profile, read_profile
from vmmigrate.appliance.rest.pointer import as_text, fill, find
from vmmigrate.errors import ApplianceError, UsageProblem

LOGIN = 'login = { path = "/in", user = "u", password = "p" }\n'
TOKEN = 'token = { json = "/token", send_header = "Authorization", scheme = "Bearer" }\n'


def read(tmp_path: Path, text: str) -> Profile:
    file = tmp_path / "profile.toml"
    file.write_text(text)
    return read_profile(file)


def test_the_least_is_a_log_in_and_a_token(tmp_path: Path) -> None:
    rest = read(tmp_path, "[rest]\n" + LOGIN + TOKEN).rest
    assert rest is not None
    assert (rest.ports, rest.base, rest.check, rest.export, rest.import_) == ((443, 8443), "", None, None, None)
    assert (rest.login.method, rest.login.body, rest.login.options) == ("POST", "json", {})


def test_without_the_table_there_is_no_rest() -> None:
    assert read_profile(None).rest is None


JOB_AT = 'state = "/s", done = ["D"], download = "/f"'
TOGETHER = "id and {id} in a path go together"


@pytest.mark.parametrize(
    ("more", "key", "problem"),
    [
        ("ports = []", "ports", "Tuple should have at least 1 item after validation, not 0"),
        ("ports = [0]", "ports.0", "it must be greater than or equal to 1"),
        ('base = "api"', "base", "'api' is not a path: a path begins with one / and has no space, backslash, # or .."),
        ('base = "/a/"', "base", "'/a/' ends with / or has a query; the endpoints' paths are appended to it"),
        ('bases = "/api"', "bases", "there is no such key"),
        ('check = { path = "/me", at = "/permissions" }', "check", "at and wanted go together"),
        (
            'check = { path = "/me", method = "HEAD", at = "/x", wanted = ["y"] }',
            "check",
            "an answer to HEAD has no body to look at",
        ),
        ('check = { path = "/me", method = "POST" }', "check.method", "it must be 'GET' or 'HEAD'"),
        ('check = { path = "/j/{id}" }', "check.path", "'/j/{id}': there is no {id} yet to put in here"),
        (
            'export = { path = "/b", method = "GET", password = "p" }',
            "export",
            "a GET would put the password into a URL, where logs keep it",
        ),
        ('export = { path = "/b", options = { a = 1.5 } }', "export.options.a.bool", "give true or false"),
        (f'export = {{ path = "/b", job = {{ poll = "/p/{{id}}", {JOB_AT} }} }}', "export.job", TOGETHER),
        (f'export = {{ path = "/b", job = {{ id = "/id", poll = "/p", {JOB_AT} }} }}', "export.job", TOGETHER),
        (
            f'export = {{ path = "/b", job = {{ id = "/id", poll = "/p/{{name}}", {JOB_AT} }} }}',
            "export.job.poll",
            "'/p/{name}': only {id} can be put in",
        ),
        (
            'import = { path = "/b", job = { poll = "/p", state = "/s", done = [] } }',
            "import.job.done",
            "Tuple should have at least 1 item after validation, not 0",
        ),
        (
            'import = { path = "/b", password = "p" }',
            "import",
            "a body that is the archive has no field for a password; give file",
        ),
        ('import = { path = "/b", confirm = { path = "/b/{id}" } }', "import.confirm", TOGETHER),
        (
            'import = { path = "/b", job = { id = "id", poll = "/p/{id}", state = "/s", done = ["D"] } }',
            "import.job.id",
            '\'id\' is not a JSON pointer: "/data/token" is one, "" is the whole answer',
        ),
    ],
)
def test_a_key_that_is_wrong_is_named(tmp_path: Path, more: str, key: str, problem: str) -> None:
    with pytest.raises(UsageProblem) as wrong:
        read(tmp_path, "[rest]\n" + LOGIN + TOKEN + more)
    assert str(wrong.value).startswith(f"{tmp_path}/profile.toml: rest.{key}: {problem}")


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ('send_header = "A"', "give exactly one of json, header, cookie: where the token comes from"),
        ('json = "/t", cookie = "S", send_header = "A"', "give exactly one of json, header, cookie: where the token"),
        ('json = "/t"', "give one of send_header, send_cookie: how the token is sent"),
        ('json = "/t", send_header = "A", send_cookie = "B"', "give one of send_header, send_cookie: how the token is"),
        ('cookie = "S", scheme = "Bearer"', "scheme goes with send_header"),
        ('json = "/t", send_header = "A: b"', "String should match pattern"),
        ('json = "/a~b", send_header = "A"', "'/a~b' is not a JSON pointer"),
    ],
)
def test_a_token_comes_one_way_and_goes_one_way(tmp_path: Path, token: str, problem: str) -> None:
    with pytest.raises(UsageProblem) as wrong:
        read(tmp_path, "[rest]\n" + LOGIN + f"token = {{ {token} }}")
    assert "rest.token" in str(wrong.value)
    assert problem in str(wrong.value)


@pytest.mark.parametrize(
    "path",
    ["in", "//host/in", "/a/../b", "/a/%2e%2E/b", "/.", "/a b", "/a\\b", "/a#b", "https://host/in", "/a\nb", "/ä"],
)
def test_a_path_stays_below_the_base(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageProblem, match="is not a path"):
        read(tmp_path, f"[rest]\nlogin = {{ path = {path!r}, user = 'u', password = 'p' }}\n" + TOKEN)


def test_a_family_with_a_web_console_has_no_rest(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"family 5\.x has a web console: \[rest\] is for 6\.x"):
        read(tmp_path, 'family = "5.x"\n[rest]\n' + LOGIN + TOKEN)


DOCUMENT: Any = {"a": [{"b": 1}, "x"], "": "empty", "m~n": 8, "s/t": 9, "n": None, "0": "zero"}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/a/0/b", 1),
        ("/a/1", "x"),
        ("/", "empty"),
        ("/m~0n", 8),
        ("/s~1t", 9),
        ("/0", "zero"),
        ("/n", None),
        ("/n/x", None),
        ("/a/2", None),
        ("/a/-", None),
        ("/a/\N{SUPERSCRIPT TWO}", None),
        ("/a/b", None),
        ("/a/1/y", None),
        ("/none", None),
    ],
)
def test_a_pointer_finds(pointer: str, value: object) -> None:
    assert find(DOCUMENT, pointer) == value


def test_a_plain_string_is_a_document_too() -> None:
    assert find("token", "") == "token"


def test_values_are_compared_as_json_writes_them() -> None:
    values: list[object] = [True, False, 7, "DONE", 1.5, None, [], {}]
    assert [as_text(each) for each in values] == ["true", "false", "7", "DONE", "1.5", None, None, None]


@pytest.mark.parametrize(
    ("id_", "path"),
    [
        ("7", "/j/7/f"),
        ("a/b", "/j/a%2Fb/f"),
        ("../x", "/j/..%2Fx/f"),
        ("?a=b#c", "/j/%3Fa%3Db%23c/f"),
        ("ä", "/j/%C3%A4/f"),
    ],
)
def test_an_id_is_one_segment(id_: str, path: str) -> None:
    assert fill("/j/{id}/f", id_) == path


@pytest.mark.parametrize("id_", [None, "", ".", "..", "x" * 201])
def test_what_is_no_segment_is_refused(id_: str | None) -> None:
    with pytest.raises(ApplianceError, match="cannot be used in the path /j/"):
        fill("/j/{id}", id_)


def test_a_path_without_a_place_takes_none() -> None:
    assert fill("/status", None) == "/status"
