"""Walk from a console's home page to the page sought: best link first, never a link that may change something."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from vmmigrate.appliance.urls import origin_of, path_of
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.pages import Link, Page, same_place
from vmmigrate.appliance.web.scoring import Sign, says, weigh
from vmmigrate.limits import WEB_DEPTH, WEB_PAGES

_DEPTH = WEB_DEPTH.most
_MOST = WEB_PAGES.most

Fetch = Callable[[str], Page]
Signs = tuple[Sign[Link], ...]


@dataclass(frozen=True)
class Visit:
    """A page, and the captions of the links to it from the start of the walk."""

    page: Page
    trail: tuple[str, ...] = ()


def _bare(text: str) -> str:
    """A caption without arrows, numbers and icons."""
    return " ".join("".join(char if char.isalpha() or char in "-'" else " " for char in text).split())


def _wholly(pattern: str, link: Link) -> bool:
    return says(rf"^({pattern})$", _bare(link.text))


def _few_words(link: Link) -> bool:
    return 0 < len(_bare(link.text).split()) <= 4


_MENUS: Signs = (
    Sign(3, "is a menu", lambda link: _wholly(words.PURE_MENU, link)),
    Sign(1, "may be a menu", lambda link: _few_words(link) and says(rf"\b({words.MENU})\b", link.text)),
)
TO_BACKUP: Signs = (
    Sign(10, "says backup", lambda link: says(words.BACKUP, link.text, link.title)),
    Sign(4, "has no other words", lambda link: says(words.BACKUP, link.text) and _wholly(words.PURE_BACKUP, link)),
    Sign(6, "leads to backup", lambda link: says(r"/back-?ups?(\.\w+)?$", path_of(link.url))),
    Sign(5, "leads to backup", lambda link: not _bare(link.text) and says(r"back-?up", path_of(link.url))),
    Sign(2, "says export", lambda link: says(r"\bexport\b", link.text)),
    Sign(-13, "mentions settings", lambda link: says(words.BACKUP, link.text) and says(words.SETTINGS, link.text)),
    *_MENUS,
)
TO_RESTORE: Signs = (
    Sign(12, "says restore", lambda link: says(words.RESTORE, link.text, link.title)),
    Sign(6, "leads to restore", lambda link: not _bare(link.text) and says("restor|import|recover", path_of(link.url))),
    *TO_BACKUP,
)
TO_QUEUES: Signs = (
    Sign(12, "says MPA", lambda link: says(words.MPA, link.text, link.title)),
    Sign(10, "says queue", lambda link: says(words.QUEUE, link.text, link.title)),
    Sign(6, "leads to queues", lambda link: says(r"queues?(\.\w+)?$|/mpa", path_of(link.url))),
    Sign(-13, "mentions settings", lambda link: says(words.QUEUE, link.text) and says(words.SETTINGS, link.text)),
    *_MENUS,
)
TO_PAM: Signs = (
    Sign(12, "says PAM", lambda link: says(words.PAM, link.text, link.title)),
    Sign(6, "leads to PAM", lambda link: says(words.PAM_NAME, path_of(link.url))),
    Sign(5, "says how to log in", lambda link: says(words.ACCOUNTS, link.text, link.title)),
    Sign(2, "mentions settings", lambda link: says(words.SETTINGS, link.text)),
    *_MENUS,
)
TO_LOGIN: Signs = (
    Sign(8, "says log in", lambda link: says(words.LOGIN, link.text, link.title)),
    Sign(6, "leads to the console", lambda link: says(r"/(ciphermail|djigzo)(/|$)", path_of(link.url))),
    Sign(3, "leads to a log-in", lambda link: says(r"log-?in|sign-?in", path_of(link.url))),
    Sign(2, "says console", lambda link: says(r"\badmin\w*|\bconsole\b|ciphermail|djigzo|gateway", link.text)),
    Sign(-20, "turns aside", lambda link: says(rf"{words.RECOVERY}|\bhelp\b|portal", link.text, link.title)),
    Sign(-5, "leads to the portal", lambda link: says(r"/web(/|$)", path_of(link.url))),  # [F-CONSOLE-1]
)


def may_act(link: Link) -> bool:
    """Whether following it could do more than show a page."""
    parts = urlsplit(link.url)
    if says(words.ACTS, link.text, parts.path, parts.query):
        return True
    if _wholly(words.PURE_BACKUP, link):
        return False  # whatever its title says about the target
    return says(words.ACTS, link.title) or says(words.ORDERS, link.text)


class Walk:
    """No page twice, and at most `_MOST`; avoided links are kept for a message."""

    def __init__(self, fetch: Fetch, signs: Signs) -> None:
        self._fetch, self._signs = fetch, signs
        self._order = count()
        self.shunned: dict[str, None] = {}

    def visits(self, home: Page) -> Iterator[Visit]:
        """`home`, then pages behind links, the most promising and nearest first."""
        known = {same_place(home.url)}
        ahead: list[tuple[int, int, int, Link, tuple[str, ...]]] = []
        visit = Visit(home)
        for _ in range(_MOST):
            yield visit
            if len(visit.trail) < _DEPTH:
                self._look_ahead(visit, known, ahead)
            if not ahead:
                return
            *_, link, trail = heapq.heappop(ahead)
            page = self._fetch(link.url)
            known.add(same_place(page.url))
            visit = Visit(page, (*trail, link.text))

    def _look_ahead(
        self, visit: Visit, known: set[str], ahead: list[tuple[int, int, int, Link, tuple[str, ...]]]
    ) -> None:
        for link in visit.page.links:
            points = weigh(link, self._signs).points
            if points <= 0 or same_place(link.url) in known or origin_of(link.url) != origin_of(visit.page.url):
                continue
            if may_act(link):
                self.shunned[link.text] = None
                continue
            known.add(same_place(link.url))
            heapq.heappush(ahead, (-points, len(visit.trail), next(self._order), link, visit.trail))
