"""Find the page with the form for a backup or a restore: where the profile says, else by walking the menus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmmigrate.appliance.web import roles
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decisions, full, not_there
from vmmigrate.appliance.web.forms import Form
from vmmigrate.appliance.web.login import Entry, SessionEnded
from vmmigrate.appliance.web.navigation import Signs, Visit, Walk
from vmmigrate.appliance.web.pages import Page, lasting_action, lasting_path
from vmmigrate.appliance.web.roles import Role
from vmmigrate.appliance.web.scoring import Candidate
from vmmigrate.appliance.web.wizard import KEY as WIZARD_SKIP
from vmmigrate.appliance.web.wizard import Wizard
from vmmigrate.errors import ApplianceError, NotDiscovered

_DESCRIBED = 4  # pages described in a message


@dataclass(frozen=True)
class Found:
    """A form, and the page as it was just served: its tokens are fresh."""

    page: Page
    form: Form


class Finder:
    """Searches, and changes nothing. `press`: whether a button may be pressed to leave a wizard."""

    def __init__(self, browser: Browser, decisions: Decisions, entry: Entry, home: Page, *, press: bool) -> None:
        self._browser, self._decisions, self._entry = browser, decisions, entry
        self._wizard = Wizard(browser, decisions, self._inside, press=press)
        self._home = home

    def find(self, role: Role, signs: Signs) -> Found:
        """Raises NotDiscovered, SessionEnded."""
        home = self.home
        page, menu = (self._decisions.pinned(f"{role.section}.{key}") for key in ("page", "menu"))
        if page:
            visit = Visit(self.arrive(self._browser.absolute(page, beside=home)))
        elif menu:
            visit = Visit(self.through(menu, f"{role.section}.menu"), tuple(menu))
        else:
            return self._walked(role, signs, home)
        return self._on(role, visit)

    def _on(self, role: Role, visit: Visit) -> Found:
        candidate = roles.likely(role, visit.page, self._decisions)
        if candidate is None:
            raise self._misfit(role, visit.page)
        return self._settled(role, visit, candidate.thing)

    @property
    def home(self) -> Page:
        """The first page after the log-in, and after a wizard."""
        return self._wizard.leave(self._home) or self._home

    def walk(self, signs: Signs) -> Iterator[Visit]:
        """The pages of the console, those first to which the signs lead."""
        return Walk(self.arrive, signs).visits(self.home)

    def through(self, captions: Sequence[str], key: str) -> Page:
        """The page behind these links, one after the other. Raises NotDiscovered."""
        page = self.home
        for caption in captions:
            links = [link for link in page.linked(caption) if self._browser.may_open(link.url)]
            if not links:
                raise not_there(key, caption, f"as a link that only shows a page; seen: {page.describe()}")
            page = self.arrive(links[0].url)
        return page

    def _walked(self, role: Role, signs: Signs, home: Page) -> Found:
        walk = Walk(self.arrive, signs)
        seen: list[Visit] = []
        best: tuple[Candidate[Form], Visit] | None = None
        for visit in walk.visits(home):
            seen.append(visit)
            candidate = roles.likely(role, visit.page, self._decisions)
            if candidate and (best is None or candidate.points > best[0].points):
                best = candidate, visit
            if best and best[0].points >= role.sure:
                break
        if best is None:
            shunned = (
                f"; not followed, because they may change something: {', '.join(walk.shunned)}" if walk.shunned else ""
            )
            raise self._nothing(role, [visit.page for visit in seen], shunned)
        candidate, visit = best
        if visit.trail and visit is seen[-1]:
            return self._settled(role, visit, candidate.thing)
        # Fetched again: a form's token may be valid only for the page served last.
        return self._on(role, Visit(self.arrive(visit.page.url), visit.trail))

    def _settled(self, role: Role, visit: Visit, form: Form) -> Found:
        """Remembered by its path, or by the links to it if the path alone does not lead there."""
        path = self._decisions.pinned(f"{role.section}.page") or lasting_path(visit.page.url)
        self._decisions.forget(f"{role.section}.page", f"{role.section}.menu")
        self._decisions.note(f"{role.section}.page", path)
        self._decisions.note(f"{role.section}.menu", visit.trail if not path and all(visit.trail) else ())
        self._decisions.note(f"{role.section}.action", lasting_action(form.action))
        return Found(visit.page, form)

    def arrive(self, url: str) -> Page:
        """A page on the way, whatever its status: a dead link in a menu is not a failure."""
        page = self._inside(self._browser.open(url))
        return self._inside(self._browser.open(url)) if self._wizard.leave(page) else page

    def _inside(self, page: Page) -> Page:
        if self._entry.is_shown_on(page, self._decisions):
            raise SessionEnded(
                ApplianceError(f"the console at {self._browser.origin} ended the session", hint="run it again")
            )
        return page

    def _misfit(self, role: Role, page: Page) -> NotDiscovered:
        """The profile's page was found, but without the right form."""
        for key in (f"{role.section}.{name}" for name in ("action", "page", "menu")):
            if pin := self._decisions.pinned(key):
                return not_there(key, pin, f"as a {role.what}'s; seen: {page.describe()}")
        return self._nothing(role, [page], "")

    def _nothing(self, role: Role, seen: list[Page], shunned: str) -> NotDiscovered:
        if roles.action_pin(role, self._decisions):
            return self._misfit(role, seen[0])
        described = "; ".join(page.describe() for page in seen[:_DESCRIBED])
        more = f"; and {len(seen) - _DESCRIBED} pages more" if len(seen) > _DESCRIBED else ""
        wizard = "a set-up wizard is in the way; " if self._wizard.seen else ""
        keys = [f"{role.section}.{key}" for key in ("page", "menu", "action")]
        return NotDiscovered(
            f"{wizard}no {role.what} found at {self._browser.origin}; seen: {described}{more}{shunned}",
            hint=role.hint,
            keys=full(*([WIZARD_SKIP] if wizard else []), *keys),
        )
