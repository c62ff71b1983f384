"""What of a REST answer reaches a message: the server's own words, and never a value that may be a secret."""

import json

import pytest

from hypervisors import Secret
from vmmigrate.appliance.rest.answer import Answer, answer_from
from vmmigrate.appliance.rest.find import is_application


def answer(document: object) -> Answer:
    return answer_from("GET /x", 400, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"message": "no room"}, "no room"),
        ({"title": "Bad Request", "status": 400, "detail": "name is missing"}, "name is missing · Bad Request"),
        ({"error": {"code": 7, "message": "broken"}}, "broken"),
        ({"errors": ["one", {"detail": "two"}]}, "one · two"),
        ({"error": "same", "message": "same"}, "same"),
        ({"token": "do not show", "user": "nor this"}, "(no words)"),
        (["a", "list"], "(no words)"),
        ("do not show", "(no words)"),
        ({"message": "x" * 300}, "x" * 200),
        ({"message": "two\n\tlines \x1b[0m"}, "two lines [0m"),
    ],
)
def test_words_are_taken_from_where_errors_are_told(document: object, words: str) -> None:
    assert answer(document).words == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"Bad Gateway\n", "Bad Gateway"),
        (b"<!DOCTYPE html><html><title>502 nginx</title><body>x</body></html>", "502 nginx"),
        (b"<html><body>Sorry, <b>away</b></body></html>", "Sorry, away"),
        (b"", "(no words)"),
        (b"\xff\xfe{", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}{"),
        (b"[" * 100_000, "[" * 200),
    ],
    ids=["text", "title", "page", "empty", "bytes", "deep"],
)
def test_words_of_what_is_no_json(body: bytes, words: str) -> None:
    assert answer_from("GET /x", 502, body).words == words


def test_a_secret_of_ours_is_taken_out() -> None:
    secret = Secret("a-long-password")
    assert answer({"message": f"{secret.reveal()} is wrong"}).words == "… is wrong"


def test_a_message_has_what_was_asked_and_what_came() -> None:
    assert str(answer({"message": "no"})) == "GET /x answered 400: no"


@pytest.mark.parametrize(
    ("document", "shape"),
    [
        ({"a": 1, "b": 2}, "an object with a, b"),
        ({}, "an object with nothing"),
        ([1], "a list in JSON"),
        ("t", "a str in JSON"),
    ],
)
def test_a_shape_has_no_values(document: object, shape: str) -> None:
    assert answer(document).shape() == shape


def test_a_shape_of_what_is_no_json() -> None:
    shapes = [answer_from("", 0, body).shape() for body in (b"<html>", b"text")]
    assert shapes == ["a web page", "not JSON"]


@pytest.mark.parametrize(
    "document",
    [
        {"message": "Two-factor authentication required"},
        {"message": "a second factor is wanted"},
        {"error": "2FA required"},
        {"mfa_required": True},
        {"data": {"totpRequired": True}},
        {"otpChallenge": "x"},
        {"detail": "Enter your one-time code"},
    ],
)
def test_a_second_factor_is_recognised(document: object) -> None:
    assert answer(document).asks_second_factor


@pytest.mark.parametrize(
    "document",
    [
        {"message": "Invalid password"},
        {"twoFactorEnabled": False, "message": "wrong"},
        {"message": "factory settings"},
        {},
    ],
)
def test_and_is_not_seen_where_there_is_none(document: object) -> None:
    assert not answer(document).asks_second_factor


@pytest.mark.parametrize(
    ("page", "application"),
    [
        (b'<html><head><script src="/a.js"></script></head><body><div id="root"></div></body></html>', True),
        (b'<div id=app></div><script src="/a.js"></script>', True),
        (b"<noscript>You need to enable JavaScript to run this app.</noscript>", True),
        (b'<script src="/a.js"></script><div id="root"><form><input type="password"></form></div>', False),
        (b'<script src="/a.js"></script><p>Not Found</p>', False),
        (b'{"id": "root"}', False),
        (b"", False),
    ],
)
def test_the_page_of_6_is_told_by_a_script_and_no_form(page: bytes, application: bool) -> None:
    assert is_application(page) is application
