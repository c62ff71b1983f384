"""Send requests to a REST back end as one account: log in once, send the token, renew it once if it expires."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from hypervisors import Dial, LoginRefused, Problem, Secret, TlsTrust, dial_straight
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.rest.answer import Answer, read_answer
from vmmigrate.appliance.rest.pointer import as_text, find
from vmmigrate.appliance.rest.profile import RestProfile, RestToken
from vmmigrate.errors import ApplianceError, NotDiscovered
from vmmigrate.limits import REST_TOKEN
from vmmigrate.limits.seconds import ANSWER

LOOK = "check which endpoint the browser calls, and what it answers (developer tools, Network)"
_FAILURES = "five failed log-ins within 300 s block an account from this address"  # [F-REST-2]
_NOT_THERE = (404, 405, 410, 501)
_UNAUTHORISED = 401
_LONGEST_TOKEN = REST_TOKEN.most
_SHORTEST_TOKEN = 20  # characters of one that is taken out of others' words: a shorter one may be a word itself


@dataclass(frozen=True)
class Request:
    """One request. `key`: the profile's key of its path, for a message. `body`: arguments for requests."""

    key: str
    method: str
    path: str
    body: Mapping[str, Any]


def fields(kind: str, values: Mapping[str, object]) -> dict[str, Any]:
    """A body of fields for `Request`: 'json', 'form', or 'query'."""
    return {{"json": "json", "form": "data", "query": "params"}[kind]: values if kind == "json" else as_form(values)}


def as_form(values: Mapping[str, object]) -> dict[str, str]:
    return {name: as_text(value) or "" for name, value in values.items()}


class RestSession:
    """Nothing is connected before the first request. `timeout`: seconds for an answer."""

    def __init__(
        self,
        url: str,
        trust: TlsTrust,
        profile: RestProfile,
        *,
        dial: Dial = dial_straight,
        timeout: float = ANSWER.most,
    ) -> None:
        """`url`: https; a path in it (a proxy's prefix) comes before the profile's base."""
        self.url = url.rstrip("/")
        self._http = HttpsOrigin(url, trust, dial)
        self._profile = profile
        self._timeout = timeout
        self._refused: set[Account] = set()
        self._account: Account | None = None
        self._token: Secret | None = None
        self._proved = False  # the back end accepted this token: a later 401 means that it expired
        self._renewable = False

    def log_in(self, account: Account) -> None:
        """One attempt. Raises LoginRefused, and never tries this account again."""
        if account in self._refused:
            raise LoginRefused(
                f"the back end at {self.url} refused the account {account.user!r}: already refused, not tried again",
                hint=f"check user and password in {account.given}; {_FAILURES}",
            )
        self._token, self._proved = None, False
        login = self._profile.login
        values = login.options | {login.user: account.user, login.password: account.password.reveal()}
        request = Request("rest.login.path", login.method, login.path, fields(login.body, values))
        response = self._send(request, self._timeout, allow_redirects=False)
        self._accept(account, response, self.answer(request, response))

    def begin(self) -> None:
        """Begin an operation: within it, an expired token is renewed once."""
        if self._account is None:
            raise LoginRefused(f"not logged in at {self.url}", hint="log in first")
        self._renewable = True

    def read(self, request: Request, *, timeout: float | None = None) -> requests.Response:
        """Send a request that changes no setting; body unread. A 401 renews an expired token, once per operation."""
        response = self._send(request, timeout or self._timeout)
        if response.status_code == _UNAUTHORISED and self._proved and self._renewable and self._account:
            self._renewable = False
            response.close()
            self.log_in(self._account)
            response = self._send(request, timeout or self._timeout)
        return self._good(request, response)

    def change(self, request: Request, *, timeout: float) -> requests.Response:
        """Send a request that changes the appliance: once, whatever the answer, without following redirects."""
        return self._good(request, self._send(request, timeout, allow_redirects=False))

    def answer(self, request: Request, response: requests.Response) -> Answer:
        """The body of an answer, read up to its limit."""
        with self._http.reading(response):
            return read_answer(self.where(request), response)

    def close(self) -> None:
        self._http.close()

    # ---- the log-in's answer -------------------------------------------------------------------------------

    def _accept(self, account: Account, response: requests.Response, answer: Answer) -> None:
        if answer.status in _NOT_THERE:
            raise self._absent("rest.login.path", answer)
        if answer.status >= 500:
            raise _failed(answer, "")
        self._refused.add(account)  # whatever the answer, the account was judged; removed on success
        asked = self._profile.login.second_factor
        token = self._token_in(response, answer) if response.status_code < 400 else None
        if (find(answer.document, asked) if asked is not None else None) or (not token and answer.asks_second_factor):
            raise _second_factor(self.url, account, answer)
        if response.status_code >= 400:
            raise self._login_refused(account, answer)
        if not token:
            raise self._without_token(response, answer)
        self._refused.discard(account)
        self._account, self._token = account, token

    def _token_in(self, response: requests.Response, answer: Answer) -> Secret | None:
        wanted = self._profile.token
        if wanted.json_ is not None:
            found = as_text(find(answer.document, wanted.json_))
        elif wanted.cookie:
            found = response.cookies.get(wanted.cookie)
        else:
            found = response.headers.get(wanted.header or "", "").removeprefix(
                f"{wanted.scheme} " if wanted.scheme else ""
            )
        sendable = found and len(found) <= _LONGEST_TOKEN and all("!" <= char <= "~" for char in found)
        return Secret(found, ours=len(found) >= _SHORTEST_TOKEN) if found and sendable else None

    def _login_refused(self, account: Account, answer: Answer) -> Problem:
        if answer.status in (400, 415, 422):  # some servers answer this for a wrong password, others for wrong fields
            return NotDiscovered(
                f"the back end at {self.url} does not take the log-in of {account.user!r}: {answer}",
                hint="does it need other fields, or is the password wrong? it is not tried again",
                keys=("rest.login.user", "rest.login.password", "rest.login.body"),
            )
        return LoginRefused(
            f"the back end at {self.url} refused the account {account.user!r}: {answer}",
            hint=f"check user and password in {account.given}; {_FAILURES}",
        )

    def _without_token(self, response: requests.Response, answer: Answer) -> NotDiscovered:
        if answer.is_page:
            return self._absent("rest.login.path", answer)
        if target := response.headers.get("Location"):
            return NotDiscovered(
                f"{answer.where} answered {answer.status}, a redirect to {urlsplit(target).path}, and gave no token",
                hint="is this the log-in's final path?",
                keys=("rest.login.path", "rest.token"),
            )
        key, place = _source(self._profile.token)
        return NotDiscovered(
            f"{answer.where} answered {answer.status}, but no token at {place}: seen {answer.shape()}",
            hint="check where a browser's log-in gets its token (developer tools, Network)",
            keys=(key,),
        )

    # ---- every other request -------------------------------------------------------------------------------

    def _send(self, request: Request, timeout: float, **options: Any) -> requests.Response:
        path = self._profile.base + request.path
        headers, cookies = self._credentials()
        payload = dict(request.body)
        headers |= payload.pop("headers", {})
        return self._http.request(
            request.method,
            self.url + path,
            timeout=timeout,
            headers={"Accept": "application/json, */*;q=0.5"} | headers,
            cookies=cookies,
            **payload,
            **options,
        )

    def _credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and cookies with the token. A token received as a cookie is sent back automatically."""
        if self._token is None:
            return {}, {}
        how, value = self._profile.token, self._token.reveal()
        if how.send_header:
            return {how.send_header: f"{how.scheme} {value}" if how.scheme else value}, {}
        return {}, {how.send_cookie: value} if how.send_cookie else {}

    def _good(self, request: Request, response: requests.Response) -> requests.Response:
        """The response if its status is a success."""
        if 200 <= response.status_code < 300:
            self._proved = True
            return response
        answer = self.answer(request, response)
        if answer.status in _NOT_THERE:
            raise self._absent(request.key, answer)
        if answer.status == _UNAUTHORISED:
            raise self._not_taken(answer)
        if answer.status < 400:
            raise NotDiscovered(
                f"{answer.where} answered {answer.status}, a redirect; nothing is sent a second time",
                hint="is this the endpoint's final path?",
                keys=(request.key,),
            )
        if answer.status == 403:
            raise ApplianceError(
                f"the account may not do this: {answer}", hint="give its role the permission, or use another account"
            )
        raise _failed(answer, request.key)

    def _not_taken(self, answer: Answer) -> ApplianceError:
        if self._proved:
            return ApplianceError(
                f"the back end ended the session: {answer}",
                hint="run it again to log in again; what changes the appliance is not sent twice",
            )
        return NotDiscovered(
            f"the back end gave a token and does not accept it: {answer}",
            hint="check how a browser sends its token (developer tools, Network)",
            keys=("rest.token.send_header", "rest.token.scheme", "rest.token.send_cookie"),
        )

    def _absent(self, key: str, answer: Answer) -> NotDiscovered:
        seen = f"{answer.where} answered {answer.status} with a web page" if answer.is_page else str(answer)
        return NotDiscovered(
            f"the back end at {self.url} has no such endpoint: {seen}",
            hint=LOOK,
            keys=(key, "rest.base"),
        )

    def where(self, request: Request) -> str:
        """A request in a message: method and path, without a query."""
        path = urlsplit(self.url).path + self._profile.base + request.path
        return f"{request.method} {path.partition('?')[0]}"


def _source(token: RestToken) -> tuple[str, str]:
    if token.json_ is not None:
        return "rest.token.json", f"{token.json_!r} of its JSON"
    if token.header:
        return "rest.token.header", f"header {token.header}"
    return "rest.token.cookie", f"cookie {token.cookie}"


def _second_factor(url: str, account: Account, answer: Answer) -> LoginRefused:
    return LoginRefused(
        f"the back end at {url} asks {account.user!r} for a second factor, which vmmigrate cannot give: {answer}",
        hint="use an account without one, whose role permits only this; four failures within 60 s block it",
    )


def _failed(answer: Answer, key: str) -> ApplianceError:
    log = "see the appliance's own log; nothing is repeated automatically"
    encrypted = "an encrypted backup may be unreadable to another release: export it without a password"
    refused = key.startswith("rest.import.") and answer.status < 500
    return ApplianceError(f"the back end failed or refused: {answer}", hint=encrypted if refused else log)
