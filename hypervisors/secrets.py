"""Secrets that do not print, and texts of others without them."""

import json
import re
from collections.abc import Mapping
from html import escape
from urllib.parse import quote, quote_plus

_KNOWN: list[str] = []  # the longest first: it may hold a shorter one
_OURS = re.compile(r"VMMIGRATE_\w*(PASSWORD|PASSPHRASE)", re.IGNORECASE)
_WORTH_HIDING = 8  # a shorter one (the stock `admin`) would blank out words that people need


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for another program: without the variables that give this one its passwords."""
    return {name: value for name, value in environ.items() if not _OURS.fullmatch(name)}


def redacted(text: str) -> str:
    """The text without any secret of this process: for words that others wrote, such as a page or a traceback."""
    for value in _KNOWN if len(text) >= _WORTH_HIDING else ():
        text = text.replace(value, "…")
    return text


def _know(value: str) -> None:
    """With the forms in which URLs, JSON, Python's messages and HTML write it."""
    in_json = (json.dumps(value, ensure_ascii=ascii_alone)[1:-1] for ascii_alone in (True, False))
    quoted = (quote(value, safe=""), quote_plus(value), escape(value), repr(value)[1:-1])
    forms = (value, *quoted, *in_json)
    _KNOWN[:] = sorted({*_KNOWN, *forms}, key=len, reverse=True)


class Secret:
    """A string that shows itself only when asked: never in repr, str, format, pickle or locals printed.

    `ours`: an operator's, which others' words may repeat, so that `redacted` takes it out of them, also as URLs and
    JSON write it. What a guest's file gives as a password is not: it could name any word of our own messages.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str, *, ours: bool = True) -> None:
        self._value = value
        if ours and len(value) >= _WORTH_HIDING:
            _know(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
