"""Read a REST back end's answers: limited in size, messages without secrets, structure without values."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from bs4 import BeautifulSoup

from hypervisors import printable, redacted
from vmmigrate.appliance.backup.archive import looks_like_html
from vmmigrate.limits import REST_ANSWER, REST_NESTING, REST_PAGE

LIMIT = REST_ANSWER.most
_PAGE = REST_PAGE.most
_DEEPEST = REST_NESTING.most
_WORDS = 200  # characters
_MESSAGE_KEYS = ("message", "detail", "error_description", "error", "title", "reason", "description", "errors")
_SECOND_FACTOR = re.compile(
    r"(two|second|multi).{0,2}factor|2.?fa(?![a-z])|\bmfa|\bt?otp|authenticator|one.?time.?(code|password)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """`where`: the request ('POST /api/login'). `document`: its JSON, None if it is not JSON.

    `words`: the server's own message, shortened and redacted.
    """

    where: str
    status: int
    document: object
    words: str
    is_page: bool

    def __str__(self) -> str:
        """For a message: `POST /api/login answered 503: overloaded`."""
        return f"{self.where} answered {self.status}: {self.words}"

    @property
    def asks_second_factor(self) -> bool:
        """By its message, or by a key (`twoFactorRequired: true`)."""
        keys = (key for key, value in _pairs(self.document) if value not in (False, None, "", [], {}))
        return bool(_SECOND_FACTOR.search(" ".join([self.words, *keys])))

    @property
    def reports_failure(self) -> bool:
        """Whether its JSON reports a failure, whatever its status: `success: false`, an `error`."""
        said = self.document if isinstance(self.document, dict) else {}
        denied = any(said.get(key) is False for key in ("success", "ok"))
        return denied or any(isinstance(said.get(key), str | list) and said[key] for key in ("error", "errors"))

    def shape(self) -> str:
        """The keys, without values, for a message."""
        if isinstance(self.document, dict):
            return f"an object with {', '.join(map(str, self.document)) or 'nothing'}"[:_WORDS]
        if self.document is not None:
            return f"a {type(self.document).__name__} in JSON"
        return "a web page" if self.is_page else "not JSON"


def answer_from(where: str, status: int, body: bytes) -> Answer:
    """`body`: the part of it that was read."""
    document: object = None
    with contextlib.suppress(ValueError, RecursionError):  # not JSON: the text is shown unchanged
        document = json.loads(body)
    return Answer(where, status, document, _words(body, document), looks_like_html(body))


def read_answer(where: str, response: requests.Response) -> Answer:
    """The body is read up to LIMIT. The caller translates urllib3's and requests' exceptions."""
    return answer_from(where, response.status_code, response.raw.read(LIMIT, decode_content=True))


def _words(body: bytes, document: object) -> str:
    if document is not None:
        said = " · ".join(dict.fromkeys(_said(document)))
    elif looks_like_html(body):
        page = BeautifulSoup(body[:_PAGE], "html.parser")
        said = (page.title.get_text() if page.title else "") or page.get_text(" ")
    else:
        said = body.decode(errors="replace")
    return " ".join(printable(redacted(said)).split())[:_WORDS] or "(no words)"


def _said(document: object, depth: int = _DEEPEST) -> Iterator[str]:
    """The strings under the usual keys for errors; a value under any other key may be a secret."""
    if isinstance(document, dict) and depth:
        for key in _MESSAGE_KEYS:
            value = document.get(key)
            yield from [value] if isinstance(value, str) else _said_in(value, depth - 1)


def _said_in(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from [each] if isinstance(each, str) else _said(each, depth)
    else:
        yield from _said(value, depth)


def _pairs(document: object, depth: int = _DEEPEST) -> Iterator[tuple[str, object]]:
    if isinstance(document, dict) and depth:
        for key, value in document.items():
            yield str(key), value
            yield from _pairs(value, depth - 1)
