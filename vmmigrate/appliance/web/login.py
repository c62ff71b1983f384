"""Log in to a web console: find the form, send it once, and decide whether the log-in succeeded."""

from collections.abc import Iterator
from dataclasses import dataclass

import requests

from hypervisors import LoginRefused, redacted
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web import credentials, roles
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decisions, full, not_there
from vmmigrate.appliance.web.forms import Form
from vmmigrate.appliance.web.navigation import TO_LOGIN, Walk
from vmmigrate.appliance.web.pages import Page, lasting_action, lasting_path, same_place
from vmmigrate.appliance.web.roles import LOGIN, PASSWORD_PAGE, USER_FIRST
from vmmigrate.appliance.web.scoring import says
from vmmigrate.errors import ApplianceError, NotDiscovered
from vmmigrate.limits import WEB_LOGIN

_JUDGED = (400, 401, 403, 422, 423, 429)  # the account was judged: a second try would be a second failure
_LOOKED_AT = WEB_LOGIN.most
_BLOCK = (
    "five failed log-ins within 300 s block an account for this address [F-REST-2]: wait five minutes, then check it"
)


class SessionEnded(Exception):
    """The console asks to log in again. `problem` is the error to raise if that was done already."""

    def __init__(self, problem: ApplianceError) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class Entry:
    """The page with the first form; `user_first`: the password has its own page."""

    page: Page
    form: Form
    user_first: bool = False

    def is_shown_on(self, page: Page, decisions: Decisions) -> bool:
        """Whether a page asks to log in: by this form again, or by another that certainly does."""
        if offers_to_leave(page):
            return False
        if page.status == requests.codes.unauthorized or any(_same_form(form, self.form) for form in page.forms):
            return True
        if says(words.EXPIRED, *page.lines) and says(words.LOGIN, *(link.text for link in page.links)):
            return True
        other = roles.best(LOGIN, page, decisions)
        return other is not None and says(words.LOGIN, page.title, *page.headings, *_captions(other.thing))


def find_entry(browser: Browser, decisions: Decisions, url: str) -> Entry:
    """The log-in form at `url`, or behind a link to it. Raises NotDiscovered."""
    pin = decisions.pinned("login.page")
    seen: list[Page] = []
    for page in _pages(browser, browser.absolute(pin) if pin else url, follow=pin is None):
        seen.append(page)
        if entry := _entry_on(page, decisions):
            decisions.note("login.page", pin or lasting_path(page.url))
            decisions.note("login.action", lasting_action(entry.form.action))
            return entry
    if pin:
        raise not_there("login.page", pin, f"as a page with a log-in form; seen: {seen[0].describe()}")
    raise _no_form(decisions, url, seen)


def enter(browser: Browser, decisions: Decisions, entry: Entry, account: Account) -> Page:
    """The page after a log-in, home. One attempt. Raises LoginRefused."""
    if entry.user_first:
        last = _after_the_name(browser, decisions, entry, account)
        filled = credentials.password(decisions, last.form, account.password)
    else:
        last, filled = entry, credentials.both(decisions, entry.form, account.user, account.password)
    answer = browser.submit(last.form, filled, credentials.button(decisions, last.form))
    page = browser.arrive(browser.read(answer))
    _refuse(browser, page, account, decisions, entry, last)
    return page


def refused(url: str, account: Account, said: str) -> LoginRefused:
    """The console's message; and how long a block lasts, if it mentions one."""
    blocked = says(words.BLOCKED, said)
    usual = f"check user and password in {account.given}; five failed log-ins within 300 s block an account"
    return LoginRefused(
        f"the console at {url} refused the account {account.user!r}: {said}", hint=_BLOCK if blocked else usual
    )


def message_of(page: Page, *before: Page) -> str:
    """The console's own message: its marked errors, else new text that sounds like one, else the start of the page."""
    news = page.news(*before)
    marked = [line for line in news if line in page.errors] or [line for line in news if says(words.FAILED, line)]
    said = redacted(" · ".join(marked))[:400] or redacted(" · ".join(news) or page.text)[:200]
    return said or "(an empty page)"


def offers_to_leave(page: Page) -> bool:
    """Whoever can log out is logged in."""
    captions = [caption for form in page.forms for caption in _captions(form)]
    links = [f"{link.text} {link.title}" for link in page.links]
    paths = [path_of(link.url) for link in page.links]
    return says(words.LOGOUT, *captions, *links) or says(r"(log|sign)-?(out|off)", *paths)


def _entry_on(page: Page, decisions: Decisions) -> Entry | None:
    """A form with a password is preferred to one with only the user's name."""
    if found := roles.likely(LOGIN, page, decisions):
        return Entry(page, found.thing)
    if found := roles.likely(USER_FIRST, page, decisions):
        return Entry(page, found.thing, user_first=True)
    return None


def _same_form(form: Form, other: Form) -> bool:
    names = {field.name for field in form.shown}
    same_names = bool(names) and names == {field.name for field in other.shown}
    return same_names and path_of(form.action) == path_of(other.action)


def _captions(form: Form) -> list[str]:
    return [button.caption for button in form.buttons]


def _pages(browser: Browser, url: str, *, follow: bool) -> Iterator[Page]:
    first = browser.open(url)
    if not follow:
        yield first
        return
    for at, visit in enumerate(Walk(browser.open, TO_LOGIN).visits(first), start=1):
        yield visit.page
        if at == _LOOKED_AT:
            return


def _after_the_name(browser: Browser, decisions: Decisions, entry: Entry, account: Account) -> Entry:
    """The page that asks for the password."""
    filled = credentials.user_name(decisions, entry.form, account.user)
    answer = browser.submit(entry.form, filled, credentials.next_button(decisions, entry.form))
    page = browser.arrive(browser.read(answer))
    if found := roles.likely(PASSWORD_PAGE, page, decisions):
        return Entry(page, found.thing)
    if entry.is_shown_on(page, decisions):
        raise refused(browser.origin, account, message_of(page, entry.page))
    raise NotDiscovered(
        f"after the user name no form asks for a password; seen: {page.describe()}",
        hint="log in with a browser to see what the console asks for",
        keys=full("login.password", "login.action"),
    )


def _refuse(browser: Browser, page: Page, account: Account, decisions: Decisions, *entries: Entry) -> None:
    before = [entry.page for entry in entries]
    said = message_of(page, *before)
    if page.status in _JUDGED:
        raise refused(browser.origin, account, said)
    if page.status >= requests.codes.bad_request:
        raise ApplianceError(
            f"the console answered {page.status} at {path_of(page.url)}: {said}",
            hint="see the appliance's own log; nothing is repeated automatically",
        )
    shut = any(says(words.FAILED, line) for line in page.news(*before)) and _leads_back(page, before)
    if shut or any(entry.is_shown_on(page, decisions) for entry in entries):
        raise refused(browser.origin, account, said)


def _leads_back(page: Page, before: list[Page]) -> bool:
    """Whether the page offers only the way back to the log-in."""
    entrances = {same_place(each.url) for each in before}
    back = (link for link in page.links if says(words.LOGIN, link.text) or same_place(link.url) in entrances)
    return not page.links or (not offers_to_leave(page) and any(back))


def _no_form(decisions: Decisions, url: str, seen: list[Page]) -> NotDiscovered:
    for key in ("login.action", "login.password"):
        if pin := decisions.pinned(key):
            return not_there(key, pin, f"as a log-in form's at {url}; seen: {seen[0].describe()}")
    described = "; ".join(page.describe() for page in seen)
    return NotDiscovered(
        f"no log-in form (a form with one password field) at {url}; seen: {described}",
        hint="give the console's full URL, context included (https://HOST:8443/ciphermail)",
        keys=full("login.page", "login.action", "login.user", "login.password"),
    )
