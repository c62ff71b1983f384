"""Drive the web console of families 4.x and 5.x as a person would: log in, export a backup, import one."""

from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

from hypervisors import REAL_TIME, Dial, LoginRefused, Pace, ProgressListener, Secret, TlsTrust, dial_straight
from vmmigrate.appliance.backup.streams import Incoming
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.port import Account, Exported
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile
from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web import backup_form, login, pam_form, restore_form
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decisions
from vmmigrate.appliance.web.downloads import Download
from vmmigrate.appliance.web.finding import Finder, Found
from vmmigrate.appliance.web.forms import Field
from vmmigrate.appliance.web.locating import find_console
from vmmigrate.appliance.web.login import Entry, SessionEnded
from vmmigrate.appliance.web.navigation import TO_BACKUP, TO_PAM, TO_RESTORE
from vmmigrate.appliance.web.pages import Page
from vmmigrate.appliance.web.queues import Queues
from vmmigrate.appliance.web.restoring import Restore
from vmmigrate.appliance.web.roles import BACKUP, PAM, RESTORE
from vmmigrate.errors import ApplianceError, NotDiscovered
from vmmigrate.limits.seconds import ANSWER, SLOW_ANSWER

__all__ = ["WebConsole", "find_console"]

T = TypeVar("T")


class WebConsole:
    """port.Console over HTTPS. Nothing is connected before the first call."""

    def __init__(
        self,
        url: str,
        trust: TlsTrust,
        *,
        profile: ConsoleProfile = UNPINNED,
        dial: Dial = dial_straight,
        timeout: float = ANSWER.most,
        slow_timeout: float = SLOW_ANSWER.most,
        pace: Pace = REAL_TIME,
    ) -> None:
        """`url`: https, with its context (`https://mail:8443/ciphermail`), as `find_console` returns it.

        `timeout` in seconds for an ordinary page, `slow_timeout` for the first byte of a backup, for a console that
        asks to wait, and for the answer to a restore. Raises UsageProblem if `url` is not an https URL.
        """
        self.url = url
        self._http = HttpsOrigin(url, trust, dial)
        self._browser = Browser(self._http, timeout=timeout, slow_timeout=slow_timeout, pace=pace)
        self._decisions = Decisions(profile)
        self._refused: set[Account] = set()
        self._inside: tuple[Account, Entry, Page] | None = None
        self._queues: dict[str, str] = {}  # where each is listed

    def log_in(self, account: Account) -> None:
        if account in self._refused:
            raise login.refused(self.url, account, "already refused, not tried again")
        entry = login.find_entry(self._browser, self._decisions, self.url)
        try:
            home = login.enter(self._browser, self._decisions, entry, account)
        except LoginRefused:
            self._refused.add(account)
            raise
        self._inside = account, entry, home

    def find_backup(self) -> None:
        """Find the backup form and everything needed to fill it in; make no backup. Raises NotDiscovered."""
        found = self._renewing(self._backup_form)
        backup_form.choices(self._decisions, found.form, None)
        backup_form.button(self._decisions, found.form)

    def find_restore(self) -> None:
        """Find the restore form and everything needed to fill it in; press nothing. Raises NotDiscovered."""
        found = self._renewing(lambda: self._finder(press=False).find(RESTORE, TO_RESTORE))
        restore_form.file_field(self._decisions, found.form)
        restore_form.choices(self._decisions, found.form, None)
        restore_form.button(self._decisions, found.form)

    def export_backup(self, sink: BinaryIO, password: Secret | None, progress: ProgressListener) -> Exported:
        return self._renewing(lambda: self._backup(password)).into(sink, progress)

    def import_backup(
        self, source: BinaryIO, name: str, size: int, password: Secret | None, progress: ProgressListener
    ) -> None:
        found = self._renewing(self._restore_form)
        restore = Restore(self._browser, self._decisions, found.page, self._logged_in[1], password)
        restore.send(found.form, source, name, size, progress)

    def mail_queues(self) -> Mapping[str, int]:
        return self._renewing(
            lambda: Queues(self._browser, self._decisions, self._finder(press=False), self._queues).counts()
        )

    def pam(self) -> bool:
        return pam_form.is_on(self._renewing(self._pam_box)[1])

    def switch_pam(self, *, on: bool) -> None:
        """Only what is otherwise is sent. What counts is the page as it is served afterwards."""
        news = self._renewing(lambda: self._send_pam(on=on))
        if self.pam() is not on:
            word, said = "on" if on else "off", f"; it says: {' '.join(news)[:200]}" if news else ""
            raise ApplianceError(f"the console does not keep log-ins by PAM {word}{said}", hint=pam_form.BY_HAND)

    def findings(self) -> ConsoleProfile:
        """What is known so far, from discovery or the profile: only names, captions and paths."""
        self._decisions.note("ports", (urlsplit(self.url).port or 443,))
        self._decisions.note("contexts", (path_of(self.url),))
        return self._decisions.findings()

    def home_text(self) -> str:
        """The text of the page after a log-in."""
        return self._logged_in[2].text

    def close(self) -> None:
        self._http.close()

    def _backup_form(self) -> Found:
        return self._finder(press=False).find(BACKUP, TO_BACKUP)

    def _pam_box(self) -> tuple[Found, Field]:
        found = self._finder(press=False).find(PAM, TO_PAM)
        return found, pam_form.box(self._decisions, found.form)

    def _send_pam(self, *, on: bool) -> tuple[str, ...]:
        """What the console says then."""
        found, box = self._pam_box()
        if pam_form.is_on(box) is on:
            return ()
        button = pam_form.button(self._decisions, found.form)
        answer = self._browser.submit(found.form, pam_form.filled(box, on=on), button)
        return self._browser.arrive(self._browser.read(answer)).news(found.page)

    def _restore_form(self) -> Found:
        return self._finder(press=True).find(RESTORE, TO_RESTORE)

    def _backup(self, password: Secret | None) -> Incoming:
        """The archive, while it is being sent."""
        found = self._backup_form()
        filled = backup_form.choices(self._decisions, found.form, password)
        button = backup_form.button(self._decisions, found.form)
        answer = self._browser.submit(found.form, filled, button, slow=True)
        return Download(self._browser, self._decisions, found.page, self._logged_in[1]).archive(answer)

    def _finder(self, *, press: bool) -> Finder:
        """On a machine that will be exported, no button is pressed to skip a wizard."""
        _, entry, home = self._logged_in
        return Finder(self._browser, self._decisions, entry, home, press=press)

    def _renewing(self, act: Callable[[], T]) -> T:
        """A read is repeated once after an accepted log-in expired; a second expiry is an error."""
        try:
            self._logged_in  # noqa: B018  read before anything is sent
            return act()
        except SessionEnded as ended:
            self._renew(ended)
        try:
            return act()
        except SessionEnded as again:
            raise again.problem from None

    def _renew(self, ended: SessionEnded) -> None:
        """Only an accepted account is tried again; without a log-in form the session has not ended."""
        try:
            self.log_in(self._logged_in[0])
        except NotDiscovered:
            raise ended.problem from None

    @property
    def _logged_in(self) -> tuple[Account, Entry, Page]:
        if self._inside is None:
            raise LoginRefused(f"not logged in at {self.url}", hint="log in first")
        return self._inside
