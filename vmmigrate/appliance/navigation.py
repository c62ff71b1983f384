"""Find the console's backup pages from its home page, by links' texts, through menus alone."""

from collections.abc import Callable, Iterator

from vmmigrate.appliance.forms import Page

_BACKUP = r"backup(\s*(and|&|/)\s*restore)?"
_RESTORE = r"(restore|import)(\s+backup)?"
_MENUS = r"admin(istration|istrator)?|system|settings|maintenance|tools"
_DEPTH = 3
_MOST = 12  # pages asked for in all

Fetch = Callable[[str], Page]


def backup_pages(home: Page, fetch: Fetch) -> Iterator[Page]:
    """Pages behind a link Backup, and behind a link Restore on those, nearest to `home` first.

    In breadth, `_DEPTH` levels of menus; a link that might *do* something (restart, log out) is never followed.
    """
    walk = _Walk(fetch, {home.url})
    level = [home]
    for _ in range(_DEPTH):
        for page in level:
            for found in walk.follow(page, _BACKUP):
                yield found
                yield from walk.follow(found, _RESTORE)
        level = [below for page in level for below in walk.follow(page, _MENUS)]


class _Walk:
    """No page twice, and no more than `_MOST`."""

    def __init__(self, fetch: Fetch, visited: set[str]) -> None:
        self._fetch, self._visited = fetch, visited

    def follow(self, page: Page, pattern: str) -> Iterator[Page]:
        for link in page.linked(pattern):
            if link.url not in self._visited and len(self._visited) <= _MOST:
                self._visited.add(link.url)
                yield self._fetch(link.url)
