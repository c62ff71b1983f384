"""Wait for a console that asks to wait: fetch again when its page says, for a limited time."""

from collections.abc import Callable
from typing import TypeVar

import requests

from hypervisors import NotYet, wait_for
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.pages import Page, Refresh
from vmmigrate.appliance.web.scoring import says
from vmmigrate.appliance.web.vocabulary import WAITING
from vmmigrate.limits import WEB_REFRESH

T = TypeVar("T")
_LONGEST = WEB_REFRESH.most
_SHORTEST = 0.2


def asks_to_wait(page: Page) -> Refresh | None:
    """Where, and in how many seconds, the page asks to be fetched again."""
    return page.refresh if page.refresh and page.refresh.seconds <= _LONGEST else None


def is_busy(page: Page, *before: Page) -> bool:
    """Whether it asks to wait, and does not only redirect."""
    return asks_to_wait(page) is not None and says(WAITING, *page.news(*before))


def wait_through(
    browser: Browser,
    what: str,
    refresh: Refresh,
    look: Callable[[requests.Response], T],
    still: Callable[[T], Refresh | None],
) -> T:
    """What `look` makes of the first answer that does not ask to wait. Raises TimedOut, and what `look` raises."""
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
        clears="check in a browser how far the console is",
        pace=browser.pace,
        pause=pause,
        max_pause=pause,
    )
