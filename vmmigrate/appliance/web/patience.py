"""Bear with a console that asks to wait: ask again as often as its page says, for a bounded time."""

from collections.abc import Callable
from typing import TypeVar

import requests

from hypervisors import NotYet, wait_for
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.pages import Page, Refresh
from vmmigrate.appliance.web.scoring import says
from vmmigrate.appliance.web.vocabulary import WAITING

T = TypeVar("T")
_LONGEST = 60.0  # seconds: a page that reloads itself later than this does not wait for anything
_SHORTEST = 0.2


def asks_to_wait(page: Page) -> Refresh | None:
    """Where, and in how many seconds, the page wants to be asked for again."""
    return page.refresh if page.refresh and page.refresh.seconds <= _LONGEST else None


def is_busy(page: Page, *before: Page) -> bool:
    """Whether it says so, and not only leads on."""
    return asks_to_wait(page) is not None and says(WAITING, *page.news(*before))


def wait_through(
    browser: Browser,
    what: str,
    refresh: Refresh,
    look: Callable[[requests.Response], T],
    still: Callable[[T], Refresh | None],
) -> T:
    """What `look` makes of the first answer that asks for no more patience. Raises TimedOut, and what `look` raises."""
    asked = False

    def probe() -> T:
        nonlocal asked, refresh
        if not asked and refresh.seconds:
            asked = True
            raise NotYet
        seen = look(browser.get(refresh.url, slow=True))
        if further := still(seen):
            refresh = further
            raise NotYet
        return seen

    pause = max(refresh.seconds, _SHORTEST)
    return wait_for(
        what,
        probe,
        timeout=browser.slow_timeout,
        clears="see in a browser how far the console is with it",
        pace=browser.pace,
        pause=pause,
        max_pause=pause,
    )
