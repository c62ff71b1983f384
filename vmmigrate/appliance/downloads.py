"""Follow a console from its answer to a backup form to the archive: at once, by a link, after it asked to wait."""

import requests

from vmmigrate.appliance import vocabulary as words
from vmmigrate.appliance.browser import Browser
from vmmigrate.appliance.decisions import Decision, Decisions, full, not_there, same
from vmmigrate.appliance.forms import Field, Form
from vmmigrate.appliance.login import Entry, SessionEnded, telling
from vmmigrate.appliance.pages import Link, Page, Refresh, path_of, same_place
from vmmigrate.appliance.patience import asks_to_wait, is_busy, wait_through
from vmmigrate.appliance.scoring import Sign, says
from vmmigrate.appliance.streams import Incoming
from vmmigrate.errors import NoBackup, NotDiscovered

_HOPS = 8  # pages between the form and the archive
_BY_HAND = "export the backup in a browser and give --backup-file"

Way = Link | tuple[Form, Field]


class Download:
    """The way to one archive. `before`: the page on which the form stood; `entry`: what an ended session shows."""

    def __init__(self, browser: Browser, decisions: Decisions, before: Page, entry: Entry) -> None:
        self._browser, self._decisions, self._entry = browser, decisions, entry
        self._before = before
        self._seen = [before]
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
            said = telling(page, *self._seen)
            raise NoBackup(
                f"the console answered {page.status} with a page instead of a backup: {said}",
                hint="see in the browser whether the console can make one; --backup-file takes one exported there",
            )

    def _further(self, page: Page) -> Incoming | Page:
        """A page that is still busy is waited for; else its way to the archive is taken."""
        if not is_busy(page, self._before) and (way := self._way_on(page)):
            return self._take(way)
        if refresh := asks_to_wait(page):
            return wait_through(self._browser, "the console to make the backup", refresh, self._arrived, self._still)
        raise NotDiscovered(
            f"after the backup was asked for, nothing leads to the archive; seen: {page.describe()}",
            hint=_BY_HAND,
            keys=full(_RESULT.key),
        )

    def _still(self, step: Incoming | Page) -> Refresh | None:
        if isinstance(step, Incoming) or (not is_busy(step, self._before) and self._way_on(step)):
            return None
        return asks_to_wait(step)

    def _way_on(self, page: Page) -> Way | None:
        """A link or a button that asks for nothing, not there before, that leads to the archive."""
        pin = self._decisions.pinned(_RESULT.key)
        ways = self._ways(page, old_too=pin is not None)
        where = f"after the backup was asked for; seen: {page.describe()}"
        if pin and not any(same(_caption(way), pin) for way in ways):
            if asks_to_wait(page):
                return None
            raise not_there(_RESULT.key, pin, where)
        return self._decisions.perhaps(_RESULT, ways, where)

    def _ways(self, page: Page, *, old_too: bool) -> list[Way]:
        """One that is offered twice is one."""
        known = self._tried | ({same_place(link.url) for link in self._before.links} if not old_too else set())
        links = {link.url: link for link in page.links if same_place(link.url) not in known}
        forms = [form for form in page.forms if not form.shown and form.method == "post"]
        return [*links.values(), *((form, button) for form in forms for button in form.buttons)]

    def _take(self, way: Way) -> Incoming | Page:
        if isinstance(way, Link):
            self._tried.add(same_place(way.url))
            return self._arrived(self._browser.get(way.url, slow=True))
        return self._arrived(self._browser.submit(way[0], {}, way[1], slow=True))


def _caption(way: Way) -> str:
    return way.text if isinstance(way, Link) else way[1].caption


def _address(way: Way) -> str:
    return path_of(way.url if isinstance(way, Link) else way[0].action)


_ELSEWHERE = rf"{words.RESTORE}|{words.SETTINGS}|manual|guide|\breturn|\bback to\b"
_RESULT = Decision[Way](
    "backup.result",
    "link to the archive",
    _caption,
    (
        Sign(4, "says download", lambda way: says(words.DOWNLOAD, _caption(way))),
        Sign(4, "leads to an archive", lambda way: says(words.ARCHIVE_NAME, _address(way), _caption(way))),
        Sign(3, "says backup", lambda way: says(rf"{words.BACKUP}|archive|\bsave\b|\bhere\b", _caption(way))),
        Sign(2, "leads to a download", lambda way: says(r"download|archive|back-?up|export|file", _address(way))),
        Sign(-9, "does something else", lambda way: says(_ELSEWHERE, _caption(way))),
    ),
    enough=3,
    hint=_BY_HAND,
    allowed=lambda way: not says(words.ACTS, _caption(way), _address(way)),
)
