"""Follow a console from its answer to the backup form to the archive: directly, by a link, or after waiting."""

import requests

from vmmigrate.appliance.backup.streams import Incoming
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decision, Decisions, full, not_there, same
from vmmigrate.appliance.web.listing import Listing, Way, address, caption, row, ways
from vmmigrate.appliance.web.login import Entry, SessionEnded, message_of
from vmmigrate.appliance.web.pages import Link, Page, Refresh, same_place
from vmmigrate.appliance.web.patience import asks_to_wait, is_busy, wait_through
from vmmigrate.appliance.web.rows import marks
from vmmigrate.appliance.web.scoring import Sign, says
from vmmigrate.errors import NoBackup, NotDiscovered
from vmmigrate.limits import WEB_DOWNLOAD

_HOPS = WEB_DOWNLOAD.most
_BY_HAND = "export the backup in a browser and give --backup-file"


class Download:
    """The way to one archive. `before`: the page with the form; `entry`: the page shown when the session has ended."""

    def __init__(self, browser: Browser, decisions: Decisions, before: Page, entry: Entry) -> None:
        self._browser, self._decisions, self._entry = browser, decisions, entry
        self._before = before
        self._known = [*browser.visited, before]
        self._seen = list(self._known)
        self._tried: set[str] = set()

    def archive(self, answer: requests.Response) -> Incoming:
        """Raises NoBackup, NotDiscovered, SessionEnded."""
        step = self._arrived(answer)
        for _ in range(_HOPS):
            if isinstance(step, Incoming):
                return step
            further = self._further(step)
            self._seen.append(step)
            step = further
        raise NoBackup(
            f"after {_HOPS} pages the console has not sent an archive; seen: {self._seen[-1].describe()}", hint=_BY_HAND
        )

    def _arrived(self, answer: requests.Response) -> Incoming | Page:
        incoming = Incoming(answer)
        if incoming.is_archive:
            return incoming
        page = self._browser.read(answer, incoming.head)
        self._refuse(page)
        return page

    def _refuse(self, page: Page) -> None:
        if self._entry.is_shown_on(page, self._decisions):
            raise SessionEnded(
                NoBackup("the console asks to log in again instead of sending a backup", hint="run it again")
            )
        marked = set(page.errors) & set(page.news(*self._seen))
        failed = marked or any(says(words.FAILED, sentence) for sentence in page.sentences(*self._seen))
        empty = not (page.links or page.forms or page.refresh)
        if failed or empty or page.status != requests.codes.ok:
            said = message_of(page, *self._seen)
            raise NoBackup(
                f"the console answered {page.status} with a page instead of a backup: {said}",
                hint="check in a browser whether the console can make one; --backup-file takes one exported there",
            )

    def _further(self, page: Page) -> Incoming | Page:
        """Wait for a page that is still busy; else follow its way to the archive."""
        if not is_busy(page, self._before) and (way := self._way_on(page)):
            return self._take(way)
        if refresh := asks_to_wait(page):
            return wait_through(self._browser, "the console to make the backup", refresh, self._arrived, self._still)
        raise NotDiscovered(
            f"after the backup was requested, no link leads to the archive; seen: {page.describe()}",
            hint=_BY_HAND,
            keys=full(_RESULT.key),
        )

    def _still(self, step: Incoming | Page) -> Refresh | None:
        if isinstance(step, Incoming) or (not is_busy(step, self._before) and self._way_on(step)):
            return None
        return asks_to_wait(step)

    def _way_on(self, page: Page) -> Way | None:
        """A link, or a button without fields, that leads to the archive just made."""
        offered = [each for each in ways(page) if not self._was_tried(each)]
        where = f"after the backup was requested; seen: {page.describe()}"
        if pin := self._decisions.pinned(_RESULT.key):
            return self._pinned(page, pin, offered, where)
        for likely in Listing(page, self._known).likely(offered):
            if way := self._decisions.perhaps(_RESULT, likely, where):
                if marks(caption(way)):
                    self._decisions.forget(_RESULT.key)  # the name of this archive only
                return way
        return None

    def _pinned(self, page: Page, pin: str, offered: list[Way], where: str) -> Way | None:
        """A single one is used even if it was there before; of several rows, the new archive's."""
        fitting = [way for way in offered if same(caption(way), pin)]
        if not fitting and asks_to_wait(page):
            return None
        if not fitting:
            raise not_there(_RESULT.key, pin, where)
        likely = next(Listing(page, self._known).likely(fitting), []) if len(fitting) > 1 else fitting
        if not likely or len({row(way) for way in likely}) > 1:
            raise NotDiscovered(
                f"it is not clear which {pin!r} leads to the new archive, {where}",
                hint=_BY_HAND,
                keys=full(_RESULT.key),
            )
        return self._decisions.perhaps(_RESULT, likely, where)

    def _was_tried(self, way: Way) -> bool:
        return isinstance(way, Link) and same_place(way.url) in self._tried

    def _take(self, way: Way) -> Incoming | Page:
        if isinstance(way, Link):
            self._tried.add(same_place(way.url))
            return self._arrived(self._browser.get(way.url, slow=True))
        return self._arrived(self._browser.submit(way[0], {}, way[1], slow=True))


_ELSEWHERE = rf"{words.RESTORE}|{words.SETTINGS}|manual|guide|\breturn|\bback to\b"
_RESULT = Decision[Way](
    "backup.result",
    "link to the archive",
    caption,
    (
        Sign(4, "says download", lambda way: says(words.DOWNLOAD, caption(way))),
        Sign(4, "leads to an archive", lambda way: says(words.ARCHIVE_NAME, address(way), caption(way))),
        Sign(3, "says backup", lambda way: says(rf"{words.BACKUP}|archive|\bsave\b|\bhere\b", caption(way))),
        Sign(2, "leads to a download", lambda way: says(r"download|archive|back-?up|export|file", address(way))),
        Sign(-9, "does something else", lambda way: says(_ELSEWHERE, caption(way))),
    ),
    enough=3,
    hint=_BY_HAND,
    allowed=lambda way: not says(words.ACTS, caption(way), address(way)),
)
