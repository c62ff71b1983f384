"""Leave a first-run wizard without ever filling it in."""

from collections.abc import Callable

from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decision, Decisions, not_there
from vmmigrate.appliance.web.forms import Field, Form
from vmmigrate.appliance.web.pages import Link, Page
from vmmigrate.appliance.web.scoring import Sign, says
from vmmigrate.limits import WEB_WIZARD

KEY = "wizard_skip"
_STEPS = WEB_WIZARD.most


class Wizard:
    """`press`: whether a button may be pressed too. On a machine that will be exported only links are followed.

    `check` sees each page on the way: it raises if the session ended.
    """

    def __init__(self, browser: Browser, decisions: Decisions, check: Callable[[Page], Page], *, press: bool) -> None:
        self._browser, self._decisions, self._check, self._press = browser, decisions, check, press
        self.seen: Page | None = None

    def leave(self, page: Page) -> Page | None:
        """The page behind the wizard; None if `page` is not a wizard, or has no way out (then it is `seen`)."""
        if not self._stands_in_the_way(page):
            return None
        self.seen = page
        left = None
        for _ in range(_STEPS):
            further = self._by_link(page) or self._by_button(page)
            if further is None:
                break
            page = left = self._check(further)
            if not self._stands_in_the_way(page):
                break
        return left

    def _stands_in_the_way(self, page: Page) -> bool:
        pin = self._decisions.pinned(KEY)
        captions = [
            *(link.text for link in page.links),
            *(button.caption for form in page.forms for button in form.buttons),
        ]
        return stands_in_the_way(page) or (pin is not None and pin in captions)

    def _by_link(self, page: Page) -> Page | None:
        links = [link for link in page.links if not link.by_form and self._browser.may_open(link.url)]
        if self._decisions.pinned(KEY) and not page.linked(self._decisions.pinned(KEY)):
            return None  # it may be a button's
        found = self._decisions.perhaps(_LINK, links, f"seen: {page.describe()}")
        return self._browser.open(found.url) if found else None

    def _by_button(self, page: Page) -> Page | None:
        ways = [(form, button) for form in page.forms for button in form.buttons]
        pin = self._decisions.pinned(KEY)
        if pin and not any(_BUTTON.name(way) == pin for way in ways):
            raise not_there(KEY, pin, f"seen: {page.describe()}")
        if pin and not self._press:
            raise not_there(KEY, pin, "as a link: a button is never pressed on a machine that will be exported")
        found = self._decisions.perhaps(_BUTTON, ways if self._press else [], f"seen: {page.describe()}")
        if found is None:
            return None
        return self._browser.arrive(self._browser.read(self._browser.submit(found[0], {}, found[1])))


def stands_in_the_way(page: Page) -> bool:
    """By its title, headings or address; or because it asks for something and offers to postpone it."""
    if says(words.WIZARD, page.title, *page.headings, path_of(page.url).replace("/", " ").replace("-", " ")):
        return True
    offers = any(says(r"\b(skip|later|not now)\b", link.text) for link in page.links)
    return offers and any(form.of_kind("password", "text") for form in page.forms)


_LINK = Decision[Link](
    KEY,
    "way out of the wizard",
    lambda link: link.text,
    (
        Sign(4, "postpones it", lambda link: says(words.LATER, link.text)),
        Sign(2, "leaves it", lambda link: says(words.LEAVE, link.text)),
    ),
    enough=2,
    allowed=lambda link: not says(words.ACTS, link.text, link.title, link.url),
)
_BUTTON = Decision[tuple[Form, Field]](
    KEY,
    "way out of the wizard",
    lambda way: way[1].caption,
    (Sign(4, "postpones it", lambda way: says(words.LATER, way[1].caption)),),
    enough=4,
    allowed=lambda way: not says(words.ACTS, way[1].caption),
)
