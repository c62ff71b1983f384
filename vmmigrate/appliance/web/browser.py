"""Open pages of one origin as a browser would: with redirects, frames and automatic refreshes."""

import re
import zlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import requests
from requests_toolbelt import MultipartEncoder

from hypervisors import Pace
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.urls import joined, origin_of, path_of
from vmmigrate.appliance.web.decisions import full
from vmmigrate.appliance.web.forms import UPLOAD, Field, Filled, Form
from vmmigrate.appliance.web.pages import Page, same_place
from vmmigrate.appliance.web.reading import read_page
from vmmigrate.appliance.web.scoring import says
from vmmigrate.appliance.web.vocabulary import ACTS
from vmmigrate.errors import ApplianceError, NotDiscovered
from vmmigrate.limits import WEB_FRAMES, WEB_PAGE, WEB_REFRESHES

_PAGE_LIMIT = WEB_PAGE.most
_HOPS = WEB_REFRESHES.most
_FRAMES = WEB_FRAMES.most
_AT_ONCE = 10.0  # seconds: a later refresh is not a redirect but a session limit or a dashboard
_HEADERS = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "en"}

Files = Iterable[tuple[str, Any]]


class Browser:
    """`timeout` in seconds for an ordinary page, `slow_timeout` for long operations."""

    def __init__(self, http: HttpsOrigin, *, timeout: float, slow_timeout: float, pace: Pace) -> None:
        self._http = http
        self._timeout = timeout
        self.slow_timeout = slow_timeout
        self.pace = pace
        self.visited: list[Page] = []  # what a person would have seen by now

    @property
    def origin(self) -> str:
        return self._http.origin

    def absolute(self, path: str, beside: Page | None = None) -> str:
        """A path's address; with the session id that the address of the page `beside` carries, where one does."""
        session = re.search(r";jsessionid=[^/?]*", urlsplit(beside.url).path, re.IGNORECASE) if beside else None
        return urljoin(self._http.origin, path) + (session[0] if session else "")

    def may_open(self, url: str) -> bool:
        """Whether it belongs to this console, and a GET of it only shows a page."""
        return origin_of(url) == self.origin and not says(ACTS, urlsplit(url).path, urlsplit(url).query)

    def open(self, url: str) -> Page:
        """The page at which a person ends up, whatever its status, with what its frames show."""
        return self.arrive(self.read(self.get(url)))

    def get(self, url: str, *, slow: bool = False) -> requests.Response:
        """The answer, with its body not yet read."""
        return self._request("GET", url, slow=slow)

    def submit(self, form: Form, filled: Filled, button: Field | None, *, slow: bool = False) -> requests.Response:
        """What a browser would send. Raises NotDiscovered if a password would go into a URL."""
        method, action = form.sent_to(button)
        fields = form.submission(filled, button)
        if method == "get":
            if any(field.kind == "password" for field in (*form.fields, *filled)):
                raise _password_in_url(form)
            query = urlencode(fields, encoding=form.encoding, errors="xmlcharrefreplace")
            return self._request("GET", urlunsplit(urlsplit(action)._replace(query=query)), slow=slow)
        if form.sent_as(button) == UPLOAD:
            empty = [(file.name, ("", b"", "application/octet-stream")) for file in form.of_kind("file") if file.name]
            return self._post(form, action, _multipart(form, fields, empty), slow=slow)
        data = urlencode(fields, encoding=form.encoding, errors="xmlcharrefreplace")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._request("POST", action, slow=slow, data=data, headers=headers | _from(form))

    def upload(self, form: Form, filled: Filled, button: Field | None, file: tuple[str, Any]) -> requests.Response:
        """Send it once. After a redirect the next page is fetched, and nothing is sent again."""
        _, action = form.sent_to(button)
        body = _multipart(form, form.submission(filled, button), [file])
        answer = self._post(form, action, body, slow=True, allow_redirects=False)
        if not answer.is_redirect:
            return answer
        target = joined(answer.url, answer.headers["Location"])
        if answer.status_code in (307, 308):
            raise ApplianceError(
                f"the console asks to send the upload again, to {urlsplit(target).path}: nothing is sent twice",
                hint="set console.restore.action in a profile to that path, and start the import again",
            )
        answer.close()
        return self.get(target, slow=True)

    def read(self, answer: requests.Response, head: bytes | None = None) -> Page:
        """The page in the answer; `head` is the part already read, undecoded."""
        with self._http.reading(answer):
            if head is None and _is_a_file(answer):
                body = b""
            elif head is None:
                body = answer.raw.read(_PAGE_LIMIT, decode_content=True)
            else:
                body = _decoded(answer, head + answer.raw.read(_PAGE_LIMIT, decode_content=False))
        kind = answer.headers.get("Content-Type", "")
        charset = requests.utils.get_encoding_from_headers(answer.headers) if "charset" in kind.lower() else None
        refresh = answer.headers.get("Refresh", "")
        return read_page(body, answer.url, status=answer.status_code, charset=charset, refresh=refresh)

    def arrive(self, page: Page) -> Page:
        """The target of a page that has no form and refreshes at once; its text is kept."""
        said = []
        for _ in range(_HOPS):
            page = self._with_frames(page)
            if not self._leads_on(page) or page.refresh is None:
                break
            said.append(page)
            page = self.read(self.get(page.refresh.url))
        parts = [Page(each.url, "", (), (), each.errors, each.text, each.lines) for each in said]
        self.visited.append(page.with_parts(parts) if parts else page)
        return self.visited[-1]

    def _leads_on(self, page: Page) -> bool:
        refresh = page.refresh
        return (
            refresh is not None
            and refresh.seconds <= _AT_ONCE
            and same_place(refresh.url) != same_place(page.url)
            and not any(form.shown for form in page.forms)
            and self.may_open(refresh.url)
        )

    def _with_frames(self, page: Page) -> Page:
        """Two levels of frames: a frame set within a frame set."""
        shown: list[Page] = []
        waiting = [url for url in page.frames if self.may_open(url)]
        while waiting and len(shown) < _FRAMES:
            frame = self.read(self.get(waiting.pop(0)))
            shown.append(frame)
            waiting += [url for url in frame.frames if self.may_open(url) and len(page.frames) < _FRAMES]
        return page.with_parts(shown) if shown else page

    def _post(
        self, form: Form, url: str, body: MultipartEncoder, *, slow: bool, allow_redirects: bool = True
    ) -> requests.Response:
        headers = {"Content-Type": body.content_type} | _from(form)
        return self._request("POST", url, slow=slow, data=body, headers=headers, allow_redirects=allow_redirects)

    def _request(
        self, method: str, url: str, *, slow: bool, headers: dict[str, str] | None = None, **kwargs: Any
    ) -> requests.Response:
        return self._http.request(
            method,
            url,
            timeout=self.slow_timeout if slow else self._timeout,
            headers=_HEADERS | (headers or {}),
            **kwargs,
        )


def _is_a_file(answer: requests.Response) -> bool:
    """An attachment is not a page, however long it is."""
    kind = answer.headers.get("Content-Type", "text/html").lower()
    kept = answer.headers.get("Content-Disposition", "").lower().startswith("attachment")
    return kept or not any(word in kind for word in ("html", "xml", "text", "json"))


def _from(form: Form) -> dict[str, str]:
    """What a browser sends about the form's page: some frameworks refuse a form without it."""
    return {"Referer": form.page, "Origin": _as_browsers_write(form.page)} if form.page else {}


def _as_browsers_write(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.removesuffix(':443')}"


def _multipart(form: Form, fields: list[tuple[str, str]], files: Files) -> MultipartEncoder:
    def encoded(text: str) -> bytes:
        return text.encode(form.encoding, "xmlcharrefreplace")

    plain = [(name, encoded(value)) for name, value in fields]
    named = [(name, (encoded(file).decode(form.encoding), *rest)) for name, (file, *rest) in files]
    return MultipartEncoder([*plain, *named], encoding=form.encoding)


def _decoded(answer: requests.Response, body: bytes) -> bytes:
    """Some servers compress pages although the client did not ask for it."""
    if answer.headers.get("Content-Encoding", "").lower() not in ("gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(wbits=47).decompress(body, _PAGE_LIMIT)
    except zlib.error:
        return body


def _password_in_url(form: Form) -> NotDiscovered:
    return NotDiscovered(
        f"the form at {path_of(form.page)} would put a password into a URL, which logs keep: {form.describe()}",
        hint="is this the gateway's own console? log in with a browser to see",
        keys=full("login.action", "backup.action", "restore.action"),
    )
