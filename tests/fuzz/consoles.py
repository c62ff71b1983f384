"""Pages, forms and addresses of a web console; answers of a REST back end; greetings of SMTP."""

import contextlib
import io
import json
from collections.abc import Iterator

from tests.fuzz.parser import SECTION, Parser, sections, text
from vmmigrate.appliance import smtp
from vmmigrate.appliance.profile import ConsoleProfile
from vmmigrate.appliance.rest import answer, pointer
from vmmigrate.appliance.rest.find import is_application
from vmmigrate.appliance.urls import host_of, joined, origin_of, path_of
from vmmigrate.appliance.web import counting, pam_form, roles
from vmmigrate.appliance.web.decisions import Decisions
from vmmigrate.appliance.web.listing import Listing, ways
from vmmigrate.appliance.web.login import message_of
from vmmigrate.appliance.web.navigation import TO_BACKUP, TO_LOGIN, TO_PAM, Walk, may_act
from vmmigrate.appliance.web.pages import Page, lasting_action, lasting_path
from vmmigrate.appliance.web.patience import asks_to_wait, is_busy
from vmmigrate.appliance.web.reading import read_page
from vmmigrate.appliance.web.wizard import stands_in_the_way
from vmmigrate.errors import NotDiscovered

_HERE = "https://gw.example.org/ciphermail/"
_PAGE = """<!DOCTYPE html><html><head><meta charset=utf-8><title>Backup</title><base href="/ciphermail/">
<meta http-equiv=refresh content="5; url=next"></head><body><h1>System backup</h1><div class=error>No.</div>
<form action=login method=post enctype=multipart/form-data accept-charset=iso-8859-1><fieldset><legend>Log in</legend>
<label for=u>User</label><input id=u name=username><input type=password name=password><input type=file name=f>
<select name=s><option value=1 selected>one<option>two</select><textarea name=t>x</textarea>
<label>PAM<input type=checkbox name=c checked></label><input type=radio name=r value=a>
<select name=pam><option value=1 selected>on<option value=0>off</select>
<button formaction=other>Log in</button></fieldset></form>
<table><thead><tr><th>Name<th>Size</thead><tr><td>
<a href="backup-2026-01-01.zip">backup-2026-01-01.zip</a><td>1 MB</table>
<ul><li><a href="?page=2" onclick="location='x'">Backup</a><li><a href=javascript:void(0)>Log out</a></ul>
<iframe src=frame.html></iframe></body></html>"""


def _page(data: bytes) -> Page:
    html, header = sections(data, 2)
    page = read_page(html, _HERE, charset="utf-8" if len(html) % 3 else None, refresh=text(header))
    before = read_page(_PAGE.encode(), _HERE)
    decisions = Decisions(ConsoleProfile())
    for role in (roles.LOGIN, roles.USER_FIRST, roles.BACKUP, roles.RESTORE, roles.PAM):
        roles.best(role, page, decisions)
    list(Listing(page, [before]).likely(ways(page)))
    Listing(page, [before]).announced("backup.tar.gz")
    for form in page.forms:
        form.describe()
        for button in (*form.buttons, None):
            form.sent_to(button), form.sent_as(button)
            [name.encode(form.encoding, "xmlcharrefreplace") for name, _ in form.submission({}, button)]
        lasting_action(form.action)
        for box in pam_form.candidates(form):
            form.submission(pam_form.filled(box, on=True), None)
            with contextlib.suppress(NotDiscovered):  # neither on nor off
                pam_form.is_on(box)
    for signs in (TO_BACKUP, TO_LOGIN, TO_PAM):
        list(Walk(lambda url: before, signs).visits(page))
    [may_act(link) for link in page.links]
    [section.count for section in counting.sections(page, "error")]
    counting.overview(page), counting.is_filtered(page)
    stands_in_the_way(page), asks_to_wait(page), is_busy(page, before), message_of(page, before), page.describe()
    return page


def _address(data: bytes) -> object:
    first, second = (text(each) for each in sections(data, 2))
    whole = joined(_HERE, first)
    if whole:
        origin_of(whole), path_of(whole), host_of(whole), lasting_path(whole), joined(whole, second)
    return whole


def _rest(data: bytes) -> object:
    body, where = sections(data, 2)
    seen = answer.answer_from("GET /x", 400, body)
    str(seen), seen.shape(), seen.asks_second_factor, seen.reports_failure, is_application(body)
    found = pointer.as_text(pointer.find(seen.document, text(where) or "/data/0/id"))
    return pointer.fill("/jobs/{id}", found) if found else None


def _answers() -> Iterator[bytes]:
    said = {"error": {"message": "no room"}, "errors": [{"detail": "x"}], "data": [{"id": 7, "token": "x" * 30}]}
    yield json.dumps(said).encode()
    yield SECTION.join((json.dumps(said).encode(), b"/data/0/token"))
    yield b"<!DOCTYPE html><html><title>502 nginx</title><body>x</body></html>"


class _Plain:
    """A socket that has these bytes, and then nothing."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self._data)

    def settimeout(self, _seconds: float) -> None: ...

    def sendall(self, _data: bytes) -> None: ...

    def close(self) -> None: ...


def _greeting(data: bytes) -> object:
    with smtp.Smtp("gw.example.org", 25, _Plain(data), 5) as made:  # type: ignore[arg-type]
        made.ehlo()
        return made.greeting, made.esmtp_features


PARSERS = (
    Parser("page", _page, lambda: (_PAGE.encode(), SECTION.join((_PAGE.encode(), b"3; url=/x")))),
    Parser("address", _address, lambda: (b"//gw.example.org:8443/a;jsessionid=1?b=c#d", b"../x%20y\n=====\n/z")),
    Parser("rest", _rest, _answers),
    Parser(
        "greeting", _greeting, lambda: (b"220-a\r\n220 b ESMTP\r\n250-gw\r\n250 STARTTLS\r\n221 x\r\n",), (OSError,)
    ),
)
