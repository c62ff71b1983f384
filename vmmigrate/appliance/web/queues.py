"""Find the pages that list the mail agent's queues, and count what they list. Nothing that may act is followed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web import counting
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decisions, full
from vmmigrate.appliance.web.finding import Finder
from vmmigrate.appliance.web.navigation import TO_QUEUES, may_act
from vmmigrate.appliance.web.pages import Link, Page, lasting_path, same_place
from vmmigrate.appliance.web.scoring import says
from vmmigrate.errors import NotDiscovered
from vmmigrate.limits import WEB_QUEUE_PAGES

MTA = "mta"
AGENT = ("outgoing", "error", "spool", "respool")
_NEEDED = frozenset(AGENT)


@dataclass(frozen=True)
class Listed:
    """Where a queue is listed, and how many messages it has."""

    url: str
    count: int


class Queues:
    """The lists of queues of one log-in. `known`: where each was found before, so that nothing is searched for."""

    def __init__(self, browser: Browser, decisions: Decisions, finder: Finder, known: dict[str, str]) -> None:
        self._browser, self._decisions, self._finder, self._known = browser, decisions, finder, known
        self._found: dict[str, Listed] = {}
        self._seen: list[Page] = []
        self._visited: set[str] = set()

    def counts(self) -> Mapping[str, int]:
        """By queue; Postfix's own ('mta') only where its list was come by. Raises NotDiscovered, SessionEnded."""
        for url, queues in _by_address(self._known or self._pinned()).items():
            self._read(self._finder.arrive(url), queues[0] if len(queues) == 1 else "")
        if self._missing and not self._known:
            self._search()
        if self._missing:
            raise self._not_found()
        self._known |= {queue: listed.url for queue, listed in self._found.items()}
        self._remember()
        return {queue: listed.count for queue, listed in self._found.items()}

    @property
    def _missing(self) -> list[str]:
        return sorted(_NEEDED - self._found.keys())

    def _pinned(self) -> dict[str, str]:
        pins = {queue: self._decisions.pinned(f"queues.{queue}") for queue in (MTA, *AGENT)}
        return {queue: self._browser.absolute(path) for queue, path in pins.items() if path}

    def _search(self) -> None:
        menu = self._decisions.pinned("queues.menu")
        if menu:
            self._read(self._finder.through(menu, "queues.menu"))
            return
        for visit in self._finder.walk(TO_QUEUES):
            self._read(visit.page)
            if not self._missing:
                return

    # ---- one page ----------------------------------------------------------------------------------------

    def _read(self, page: Page, whole: str = "") -> None:
        """What it lists, then the pages of queues to which it leads."""
        self._visited.add(same_place(page.url))
        self._seen.append(page)
        if page.status >= 400 or counting.is_filtered(page):
            return
        numbers = counting.overview(page)
        for queue, listed in numbers.items():
            self._keep(queue, page, listed)
        for section in counting.sections(page, "" if numbers else whole):
            number = section.count
            if number is not None:
                self._keep(section.queue, page, self._with_following(page, section) if section.goes_on else number)
        for queue, link in _leading_on(page):
            if queue not in self._found and same_place(link.url) not in self._visited:
                self._read(self._finder.arrive(link.url), queue)

    def _keep(self, queue: str, page: Page, number: int) -> None:
        known = self._found.get(queue)
        self._found[queue] = Listed(known.url if known else page.url, max(number, known.count if known else 0))

    def _with_following(self, page: Page, section: counting.Section) -> int:
        """The entries of the pages after it too, as far as links lead there."""
        queue, number, visited = section.queue, section.entries, {same_place(page.url)}
        for _ in range(WEB_QUEUE_PAGES.most):
            link = next((each for each in page.links if _leads_to_next(each, visited)), None)
            if link is None:
                break
            visited.add(same_place(link.url))
            page = self._finder.arrive(link.url)
            here = counting.sections(page, queue)
            number += sum(each.entries for each in here if each.queue == queue)
        return number

    # ---- what becomes of it ------------------------------------------------------------------------------

    def _remember(self) -> None:
        for queue, listed in self._found.items():
            self._decisions.note(f"queues.{queue}", lasting_address(listed.url))

    def _not_found(self) -> NotDiscovered:
        about = [page for page in self._seen if counting.is_about_queues(page)]
        seen = "; ".join(page.describe() for page in about[:2]) or "no page about queues"
        listed = ", ".join(f"MPA {queue}" for queue in self._missing)
        return NotDiscovered(
            f"no list of {listed} that can be counted was found at {self._browser.origin}; seen: {seen}",
            hint="look at the console's page MPA queue in a browser",
            keys=full(*(f"queues.{queue}" for queue in self._missing), "queues.menu"),
        )


def _by_address(known: Mapping[str, str]) -> dict[str, list[str]]:
    """Each page once, with the queues that it lists."""
    found: dict[str, list[str]] = {}
    for queue, url in known.items():
        found.setdefault(url, []).append(queue)
    return found


def _leading_on(page: Page) -> Iterator[tuple[str, Link]]:
    """Links that name a queue, once each. A bare word needs others beside it: alone it may be an order."""
    if not counting.is_about_queues(page):
        return
    bare = {queue for link in page.links if (queue := counting.queue_in(link.text, among=True))}
    named: dict[str, set[str]] = {}
    links: dict[str, Link] = {}
    for link in page.links:
        queue = counting.queue_in(link.text, among=len(bare) > 2)
        if queue and not may_act(link) and _stands_alone(link, queue):
            named.setdefault(queue, set()).add(same_place(link.url))
            links[queue] = link
    yield from ((queue, links[queue]) for queue, places in named.items() if len(places) == 1)


def _stands_alone(link: Link, queue: str) -> bool:
    """Not in a list's entry that is about something else, as a message is."""
    return not link.row or counting.queue_in(link.row, among=True) == queue or link.row == link.text


def _leads_to_next(link: Link, visited: set[str]) -> bool:
    said = says(words.NEXT_PAGE, link.text) and says(words.ONWARD, link.text, link.title)
    return said and not may_act(link) and same_place(link.url) not in visited


def lasting_address(url: str) -> str:
    """As `lasting_path`; a query that names a queue is part of it."""
    parts = urlsplit(url)
    path = lasting_path(urlunsplit(parts._replace(query="")))
    short = len(parts.query) <= 40 and says(r"queue|mpa|error|spool|outgoing", parts.query)
    return f"{path_of(url)}?{parts.query}" if path and short else "" if parts.query else path
