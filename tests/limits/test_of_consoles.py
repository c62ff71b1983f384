"""A console of endless pages, frames, refreshes, questions: so many are fetched, and so much of each is read."""

import gzip
import inspect
import io
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from hypervisors import REAL_TIME, Problem, TlsTrust, Unreachable
from hypervisors.wire import Allowance
from tests.limits.dripping import (
    BEAT,
    CHUNKED,
    HEAD,
    HTTP,
    NO_HELLO,
    after_another,
    dripping,
    in_session,
    over_tls,
    serving,
)
from tests.limits.twin import Endless, most, steps, twin
from vmmigrate.appliance.backup import streams
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.line import Line
from vmmigrate.appliance.profile import ConsoleProfile
from vmmigrate.appliance.rest import answer as rest
from vmmigrate.appliance.rest.console import RestConsole
from vmmigrate.appliance.rest.pointer import fill
from vmmigrate.appliance.rest.session import RestSession
from vmmigrate.appliance.urls import origin_of
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.console import WebConsole
from vmmigrate.appliance.web.decisions import Decisions
from vmmigrate.appliance.web.downloads import Download
from vmmigrate.appliance.web.login import Entry, find_entry
from vmmigrate.appliance.web.markup import Markup
from vmmigrate.appliance.web.navigation import TO_BACKUP, Walk
from vmmigrate.appliance.web.patience import asks_to_wait
from vmmigrate.appliance.web.queues import Queues
from vmmigrate.appliance.web.reading import read_page
from vmmigrate.appliance.web.restoring import Restore
from vmmigrate.appliance.web.scoring import says
from vmmigrate.appliance.web.wizard import Wizard
from vmmigrate.errors import ApplianceError, NoBackup, NotDiscovered, Unanswered
from vmmigrate.watch.asking import Service
from vmmigrate.watch.samples import Sample, Tally

HOME = "https://gw.example.org/ciphermail/"
LOGIN = "<form><input name=user><input name=password type=password><button>Log in</button></form>"
Page = Callable[[str], str]


class Raw(io.BytesIO):
    def read(self, size: int | None = -1, /, **_: object) -> bytes:
        return super().read(size)


class Console:
    """In place of an HTTPS origin: `page` makes the body for each address. `asked`: every address."""

    origin = origin_of(HOME)

    def __init__(self, page: Page, raw: Any = None, headers: Mapping[str, str] | None = None) -> None:
        self._page, self._raw, self._headers = page, raw, headers or {}
        self.asked: list[str] = []

    def request(self, method: str, url: str, **_: object) -> requests.Response:
        self.asked.append(url)
        answer = requests.Response()
        answer.status_code, answer.url = 200, url
        answer.headers = CaseInsensitiveDict({"Content-Type": "text/html", **self._headers})
        answer.raw = self._raw or Raw(self._page(url).encode())
        return answer

    @contextmanager
    def reading(self, answer: requests.Response) -> Iterator[None]:
        yield


def _browser(console: Console) -> Browser:
    return Browser(console, timeout=1, slow_timeout=1, pace=REAL_TIME)  # type: ignore[arg-type]


def _decisions() -> Decisions:
    return Decisions(ConsoleProfile())


def _numbered(body: str) -> Page:
    """A page that leads to the next one: N is its number."""

    def page(url: str) -> str:
        number = int("".join(filter(str.isdecimal, url.rpartition("/")[2]))[:6] or 0)
        return f"<html><body>{body.replace('N', str(number + 1))}</body></html>"

    return page


# ---- bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@twin("WEB_PAGE")
def test_of_a_page_without_end_so_much_is_read() -> None:
    raw = Endless(b"<p>x", b"<html>")
    browser = _browser(Console(lambda url: "", raw))
    with pytest.raises(ApplianceError, match="elements"):
        browser.open(HOME)
    assert raw.taken <= most("WEB_PAGE")


@pytest.mark.slow
@twin("WEB_PAGE")
def test_a_small_page_that_unpacks_without_end() -> None:
    packed = gzip.compress(b"x" * (64 << 20))
    console = Console(lambda url: "", Raw(packed), {"Content-Encoding": "gzip"})
    browser = _browser(console)
    page = browser.read(browser.get(HOME), b"")
    assert len(page.text) <= most("WEB_PAGE")


@twin("REST_ANSWER")
def test_of_a_rest_answer_without_end_so_much_is_read() -> None:
    raw = Endless(b'"x",', b"[")
    assert rest.read_answer("GET /x", SimpleNamespace(status_code=200, raw=raw)).document is None  # type: ignore[arg-type]
    assert raw.taken == most("REST_ANSWER")


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"<html>" + b"<i>" * 340_000, b"<html>" + b"x" * 1_000_000, b"<html><!--" * 100_000])
@twin("REST_PAGE")
def test_a_web_page_in_place_of_an_answer_is_looked_at_only_at_its_beginning(body: bytes) -> None:
    assert steps(lambda: rest.answer_from("GET /x", 502, body)) < 40 * most("REST_PAGE")


@pytest.mark.parametrize("key", ["error", "errors"])
@twin("REST_NESTING")
def test_an_answer_of_errors_within_errors(key: str) -> None:
    depth = 450
    opening, closing = ('{"error":', "}") if key == "error" else ('{"errors":[', "]}")
    seen = rest.answer_from("GET /x", 400, (opening * depth + '"x"' + closing * depth).encode())
    assert seen.words == "(no words)"
    assert not seen.asks_second_factor


@twin("FILE_NAME")
def test_a_header_of_names_without_end_is_read_in_part() -> None:
    answer = requests.Response()
    for value in ('attachment; filename="' + 'x;"' * 20_000, "a=b;" * 20_000, "filename*=utf-8''" + "%41" * 20_000):
        answer.headers["Content-Disposition"] = value
        assert steps(streams._file_name, answer, "zip") < 40 * most("FILE_NAME")


@twin("REST_ID")
def test_an_id_that_is_none_goes_into_no_path() -> None:
    with pytest.raises(ApplianceError, match="cannot be used in the path"):
        fill("/jobs/{id}", "x" * (most("REST_ID") + 1))


@twin("REST_TOKEN")
def test_a_token_of_any_length_is_not_sent() -> None:
    profile = SimpleNamespace(token=SimpleNamespace(json_="/token", cookie=None, header=None, scheme=None))
    session = RestSession("https://gw.example.org", TlsTrust(), profile)  # type: ignore[arg-type]
    for length, taken in ((most("REST_TOKEN"), True), (most("REST_TOKEN") + 1, False)):
        seen = rest.answer_from("POST /login", 200, f'{{"token": "{"x" * length}"}}'.encode())
        assert bool(session._token_in(requests.Response(), seen)) is taken


# ---- seconds -------------------------------------------------------------------------------------------------


@twin("DIALLING")
def test_a_connection_has_so_many_seconds() -> None:
    seconds: list[float] = []

    def dial(host: str, port: int, timeout: float) -> Any:
        seconds.append(timeout)
        raise OSError("refused")

    http = HttpsOrigin("https://gw.example.org", TlsTrust(fingerprint="a" * 64), dial)
    with pytest.raises(Problem):
        http.request("GET", "https://gw.example.org/", timeout=most("SLOW_ANSWER"))
    assert seconds[0] == most("DIALLING")


def test_a_handshake_that_drips(tmp_path: Path) -> None:
    with serving(dripping(*NO_HELLO)) as port, pytest.raises(Unreachable, match="nothing answered in time"):
        HttpsOrigin(f"https://127.0.0.1:{port}", TlsTrust("a" * 64)).request(
            "GET", f"https://127.0.0.1:{port}/", timeout=0.15
        )


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("method", ["GET", "POST"])
@twin("ANSWER", "SLOW_ANSWER")
def test_an_answer_that_never_ends(tmp_path: Path, kind: str, method: str) -> None:
    """What it sends comes at 100 to 600 bytes a second: no read is late, and all of them are."""
    talk, trust = over_tls(tmp_path, after_another(dripping(*HTTP[kind], patience=60)))
    with (
        serving(talk) as port,
        in_session(port, trust) as http,
        pytest.raises(Problem, match=f"(did not answer|the end of its answer to) {method} /x in time") as told,
    ):
        _body(http, f"https://127.0.0.1:{port}/x", method, 0.2)
    assert isinstance(told.value, Unreachable if method == "GET" else Unanswered)


def _body(http: HttpsOrigin, url: str, method: str, timeout: float) -> bytes:
    answer = http.request(method, url, timeout=timeout)
    with http.reading(answer):
        return bytes(answer.raw.read(1 << 20, decode_content=True))


def test_consoles_have_these_seconds() -> None:
    for console in (WebConsole, RestConsole):
        defaults = inspect.signature(console).parameters
        assert defaults["timeout"].default == most("ANSWER")
        assert defaults["slow_timeout"].default == most("SLOW_ANSWER")


@pytest.mark.parametrize("kind", ["a body with a length", "a body without a length", "chunks without end"])
def test_a_backup_that_drips_is_given_up(tmp_path: Path, kind: str) -> None:
    begin, piece = HTTP[kind]
    talk, trust = over_tls(tmp_path, dripping(begin + (b"" if kind.startswith("chunks") else b"PK\x03\x04"), piece))
    with serving(talk) as port, closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http:
        answer = http.request("GET", f"https://127.0.0.1:{port}/x", timeout=60)
        http._line._allowed = Allowance(0.2)  # what is left of it
        with answer, pytest.raises(NoBackup, match="nothing more came in time"):
            streams.Incoming(answer).into(io.BytesIO(), lambda progress: None)


def test_an_upload_that_is_taken_byte_by_byte(tmp_path: Path) -> None:
    """Each send goes on, none is late; all together they are."""

    def sip(connection: socket.socket) -> None:
        while connection.recv(1 << 10):
            Event().wait(BEAT)

    talk, trust = over_tls(tmp_path, after_another(sip))
    with (
        serving(talk) as port,
        in_session(port, trust) as http,
        pytest.raises(Unanswered, match="did not answer POST /x in time"),
    ):
        http.request("POST", f"https://127.0.0.1:{port}/x", timeout=0.2, data=io.BytesIO(bytes(1 << 24)))


@twin("TRANSFER")
def test_a_backup_that_keeps_coming_is_given_up_at_last() -> None:
    line = Line()
    with line.exchange(most("ANSWER")):
        line.moved(1 << 50)
        assert most("ANSWER") / 2 < line._allowed.left <= most("ANSWER")
        assert line._allowed._end - monotonic() <= most("TRANSFER")


@twin("REDIRECTS", "REDIRECT_PAGE")
def test_redirects_without_end_and_pages_with_them(tmp_path: Path) -> None:
    asked: list[bytes] = []
    began, page = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 999999999\r\n\r\n", b"x" * (1 << 14)

    def redirect(connection: socket.socket) -> None:
        asked.append(connection.recv(1 << 16))
        connection.sendall(began)
        while True:
            connection.sendall(page)

    talk, trust = over_tls(tmp_path, redirect)
    with (
        serving(talk) as port,
        closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http,
        pytest.raises(ApplianceError, match="redirects in a circle"),
    ):
        http.request("GET", f"https://127.0.0.1:{port}/x", timeout=20)
    assert len(asked) == 1 + most("REDIRECTS")


def _headers(*lines: bytes) -> bytes:
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "match"),
    [
        (_headers(*[b"X: " + b"a" * 60_000] * 2), "a head of more than 64 KiB"),
        (CHUNKED + b"-1\r\n" + b"x" * (4 << 20), "in the middle of its answer"),
    ],
)
@twin("HTTP_HEAD")
def test_headers_of_any_size_and_a_chunk_without_one(tmp_path: Path, sent: bytes, match: str) -> None:
    talk, trust = over_tls(tmp_path, _saying(sent))
    with (
        serving(talk) as port,
        closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http,
        pytest.raises(Unreachable, match=match),
    ):
        _body(http, f"https://127.0.0.1:{port}/x", "GET", 5)


def _saying(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(answer)

    return talk


def _ask_ten_times(http: HttpsOrigin, url: str) -> None:
    for _ in range(10):
        _body(http, url, "GET", 5)


@twin("COOKIES")
def test_a_console_that_sets_cookies_without_end(tmp_path: Path) -> None:
    """Each request would carry all of them."""
    sizes: list[int] = []

    def talk(connection: socket.socket) -> None:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += connection.recv(1 << 20)
        sizes.append(len(asked))
        new = (b"Set-Cookie: c%d-%d=%s" % (len(sizes), at, b"x" * 3000) for at in range(10))
        connection.sendall(_headers(b"Connection: close", *new))

    shown, trust = over_tls(tmp_path, talk)
    with (
        serving(shown) as port,
        closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http,
        pytest.raises(ApplianceError, match="more than 64 KiB of cookies"),
    ):
        _ask_ten_times(http, f"https://127.0.0.1:{port}/x")
    assert max(sizes) < 2 * most("COOKIES")


# ---- elements ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("body", ["<i>" * 25_000, "<input>" * 3_000])
@twin("WEB_ELEMENTS", "WEB_CONTROLS")
def test_a_page_of_more_than_any_console_has(body: str) -> None:
    with pytest.raises(ApplianceError, match="it is not read"):
        read_page(body.encode(), HOME)
    assert steps(read_page, body.encode(), HOME) < 60 * most("WEB_ELEMENTS")


@pytest.mark.slow
@twin("WEB_NESTING")
def test_elements_within_each_other() -> None:
    deepest = max(len(list(tag.parents)) for tag in Markup("<div>" * 5000).find_all(True))
    assert deepest == most("WEB_NESTING")


@twin("WEB_SENTENCE")
def test_of_a_sentence_so_much_is_looked_through() -> None:
    assert not says("end", "x" * most("WEB_SENTENCE") + "end")


@twin("WEB_REFRESH")
def test_a_page_that_comes_back_much_later_does_not_ask_to_wait() -> None:
    for seconds, waits in ((most("WEB_REFRESH"), True), (most("WEB_REFRESH") + 1, False), (10**400, False)):
        page = read_page(f"<meta http-equiv=refresh content='{seconds}; url=x'>".encode(), HOME)
        assert (asks_to_wait(page) is not None) is waits


# ---- pages ---------------------------------------------------------------------------------------------------


@twin("WEB_REFRESHES")
def test_refreshes_without_end() -> None:
    console = Console(_numbered("<meta http-equiv=refresh content='0; url=N'>"))
    _browser(console).open(HOME)
    assert len(console.asked) == 1 + most("WEB_REFRESHES")


@twin("WEB_FRAMES")
def test_frames_within_frames() -> None:
    console = Console(lambda url: "".join(f"<iframe src={url}{n}></iframe>" for n in range(50)))
    _browser(console).open(HOME)
    assert len(console.asked) == 1 + most("WEB_FRAMES")


@pytest.mark.slow
@twin("WEB_DEPTH", "WEB_PAGES")
def test_a_console_of_endless_menus() -> None:
    console = Console(_numbered("".join(f"<a href=N{n}>System settings</a>" for n in range(10))))
    browser = _browser(console)
    visits = list(Walk(browser.open, TO_BACKUP).visits(browser.open(HOME)))
    assert len(visits) == most("WEB_PAGES")
    line = Console(_numbered("<a href=N>System settings</a>"))
    browser = _browser(line)
    assert max(len(each.trail) for each in Walk(browser.open, TO_BACKUP).visits(browser.open(HOME))) == most(
        "WEB_DEPTH"
    )


@twin("WEB_QUEUE_PAGES")
def test_a_queue_whose_list_always_goes_on() -> None:
    """Those of a filled error queue count so far; it is not empty anyway."""
    rows = "<table><tr><th>Id</th><th>From</th></tr><tr><td>M</td><td>a@example.net</td></tr></table>"
    console = Console(_numbered(f"<h1>MPA error</h1>{rows}<a href=N>following</a>"))
    finder = SimpleNamespace(arrive=_browser(console).open)
    with pytest.raises(NotDiscovered):  # of the other three
        Queues(_browser(console), _decisions(), finder, {"error": HOME}).counts()  # type: ignore[arg-type]  # no more is asked
    assert len(console.asked) == 1 + most("WEB_QUEUE_PAGES")


@twin("WEB_LOGIN")
def test_a_log_in_that_is_always_one_page_further() -> None:
    console = Console(_numbered("<a href=N>Log in</a><a href=Nx>Sign in</a>".replace("Nx", "N0")))
    with pytest.raises(NotDiscovered):
        find_entry(_browser(console), _decisions(), HOME)
    assert len(console.asked) <= most("WEB_LOGIN")


@twin("WEB_WIZARD")
def test_a_wizard_without_end() -> None:
    console = Console(_numbered("<h1>Setup wizard</h1><a href=N>Skip</a>"))
    browser = _browser(console)
    page = browser.open(HOME)
    Wizard(browser, _decisions(), lambda page: page, press=False).leave(page)
    assert len(console.asked) == 1 + most("WEB_WIZARD")


def _entry(browser: Browser) -> Entry:
    page = read_page(LOGIN.encode(), f"{HOME}login")
    return Entry(page, page.forms[0])


@twin("WEB_DOWNLOAD")
def test_an_archive_that_is_always_one_page_further() -> None:
    console = Console(_numbered("<a href=N>Download the backup N.zip</a>"))
    browser = _browser(console)
    before = read_page(b"<form><button>Back up</button></form>", f"{HOME}backup")
    with pytest.raises(NoBackup, match=f"after {most('WEB_DOWNLOAD')} pages"):
        Download(browser, _decisions(), before, _entry(browser)).archive(browser.get(HOME))
    assert len(console.asked) == 1 + most("WEB_DOWNLOAD")


@twin("WEB_QUESTIONS")
def test_questions_without_end() -> None:
    asks = "<p>Are you sure, for the N. time?</p><form action=N method=post><input name=aN><button>Yes</button></form>"
    console = Console(_numbered(asks))
    browser = _browser(console)
    upload = "<form method=post enctype=multipart/form-data><input type=file name=f><button>Restore</button></form>"
    before = read_page(upload.encode(), f"{HOME}restore")
    restore = Restore(browser, _decisions(), before, _entry(browser), None)
    with pytest.raises(NotDiscovered, match="one question after another"):
        restore.send(before.forms[0], io.BytesIO(b"x"), "b.zip", 1, lambda progress: None)
    assert len(console.asked) == 1 + most("WEB_QUESTIONS")


@twin("WATCHED")
def test_a_service_that_fails_each_second_for_a_day() -> None:
    smtp, most_listed = Service("smtp", 25), most("WATCHED")
    tally = Tally(smtp)
    for second in range(0, 86_400, 4):
        for after, sign in ((0, f"a{second}"), (1, "")):
            tally.add(Sample(smtp, second + after, second + after + 0.01, sign, ""))
    found = tally.seen()
    assert len(found.gaps) <= most_listed + 2 < len(found.gaps) + found.more_gaps
    assert len(found.changes) == most_listed < found.more_changes
    assert len(tally._kept) < 1000
