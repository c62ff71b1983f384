"""Drive the web console of families 4.x and 5.x as a person would: log in, export a backup, import one."""

import re
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
import urllib3
from requests_toolbelt import MultipartEncoder

from hypervisors import Dial, Progress, ProgressListener, Secret, TlsTrust, TrustRefused, dial_straight
from vmmigrate.appliance.archive import Inspector, looks_like_html
from vmmigrate.appliance.choices import CONSENT, backup_choices, button_for, caption, credentials, restore_choices
from vmmigrate.appliance.forms import Field, Form, Page, read_page
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.navigation import backup_pages
from vmmigrate.appliance.port import Account, Exported
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile
from vmmigrate.errors import (
    ApplianceError,
    ApplianceUnreachable,
    LoginRefused,
    NoBackup,
    NotDiscovered,
    UsageProblem,
)

_CHUNK = 1 << 18
_PAGE_LIMIT = 4 << 20  # bytes: a console's page is some hundred kilobytes at most
_YES = r"yes\b.*|ok|confirm.*|continue|proceed|restore.*"
_EXTENSIONS = {"gzip": ".tar.gz", "zip": ".zip", "openssl": ".enc", "pgp": ".pgp"}


class WebConsole:
    """port.Console over HTTPS. Nothing is connected before the first call."""

    def __init__(
        self,
        url: str,
        trust: TlsTrust,
        *,
        profile: ConsoleProfile = UNPINNED,
        dial: Dial = dial_straight,
        timeout: float = 60.0,
        slow_timeout: float = 900.0,
    ) -> None:
        """`url`: https, with its context (`https://mail:8443/ciphermail`), as `find_console` returns it.

        `timeout` in seconds for an ordinary page, `slow_timeout` for the first byte of a backup and for the
        answer to a restore. Raises UsageProblem where `url` is no https URL.
        """
        self.url = url
        self._http = HttpsOrigin(url, trust, dial)
        self._profile = profile
        self._timeout = timeout
        self._slow_timeout = slow_timeout
        self._refused: set[Account] = set()
        self._home: Page | None = None

    def log_in(self, account: Account) -> None:
        if account in self._refused:
            raise self._login_refused(account, "refused before, not tried again")
        entry = self._page("GET", self.url)
        form = entry.login_form()
        if form is None:
            raise NotDiscovered(
                f"no log-in form (a form with one password field) at {self.url}; seen: {entry.describe()}",
                hint="give the console's full URL, context included (https://HOST:8443/ciphermail)",
            )
        answer = self._post(form, credentials(form, account), button_for(form, r"log ?in|sign ?in"))
        if answer.status_code in (401, 403):
            self._refused.add(account)
            raise self._login_refused(account, _words(self._read(answer)))
        page = self._good_page(answer)
        if page.login_form():
            self._refused.add(account)
            raise self._login_refused(account, _words(page))
        self._home = page

    def find_backup(self) -> None:
        """Look for the backup form, and make no backup. Raises NotDiscovered."""
        self._find_form(Page.backup_form, "backup form (Backup location, Password)")

    def export_backup(self, sink: BinaryIO, password: Secret | None, progress: ProgressListener) -> Exported:
        form = self._find_form(Page.backup_form, "backup form (Backup location, Password)")
        filled = backup_choices(form, password)
        button = button_for(form, "backup|download|export")
        with self._post(form, filled, button, read_timeout=self._slow_timeout) as answer:
            return self._download(answer, sink, progress)

    def import_backup(
        self, source: BinaryIO, name: str, size: int, password: Secret | None, progress: ProgressListener
    ) -> None:
        form = self._find_form(Page.restore_form, "restore form (a file field)")
        fields = form.submission(restore_choices(form, password), button_for(form, "restore|import|upload"))
        upload = (
            form.of_kind("file")[0].name,
            (name, _Sized(source, size, progress), "application/octet-stream"),
        )
        body = MultipartEncoder([*fields, upload])
        answer = self._http.request(
            "POST",
            form.action,
            timeout=self._timeout,
            read_timeout=self._slow_timeout,
            data=body,
            headers={"Content-Type": body.content_type},
        )
        self._check_restored(self._confirmed(self._good_page(answer)))

    def close(self) -> None:
        self._http.close()

    def _download(self, answer: requests.Response, sink: BinaryIO, progress: ProgressListener) -> Exported:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else 0
        pieces = self._pieces(answer, total)
        first = next(pieces, b"")
        kind = answer.headers.get("Content-Type", "").lower()
        if answer.status_code != requests.codes.ok or looks_like_html(first) or "html" in kind or "json" in kind:
            raise self._no_archive(answer, first)
        inspector = Inspector(sink)
        for piece in chain((first,), pieces):
            inspector.feed(piece)
            progress(Progress(inspector.size, total))
        inspector.finish()
        return Exported(_file_name(answer, inspector.container), inspector.container, inspector.size, inspector.sha256)

    def _pieces(self, answer: requests.Response, total: int) -> Iterator[bytes]:
        """The body as it came, undecoded: an archive that a server labels `Content-Encoding: gzip` stays one."""
        done = 0
        try:
            while piece := answer.raw.read(_CHUNK, decode_content=False):
                done += len(piece)
                yield piece
        except (urllib3.exceptions.HTTPError, OSError) as error:
            late = isinstance(error, urllib3.exceptions.TimeoutError)
            raise _cut_short(done, total, "nothing more came" if late else "the connection broke") from error
        if done < total:
            raise _cut_short(done, total, "the connection closed")

    def _no_archive(self, answer: requests.Response, first: bytes) -> ApplianceError:
        page = read_page(first, answer.url)
        if page.login_form():
            return NoBackup("the console asks to log in again instead of sending a backup", hint="run it again")
        return NoBackup(
            f"the console answered {answer.status_code} with a page instead of a backup: {_words(page)}",
            hint="see in the browser whether the console can make one; --backup-file takes one exported there",
        )

    def _find_form(self, pick: Callable[[Page], Form | None], what: str) -> Form:
        """The form that `pick` finds on a page behind the link Backup."""
        home = self._require_home()
        tried: list[Page] = []
        for page in backup_pages(home, self._look):
            if form := pick(page):
                return form
            tried.append(page)
        raise NotDiscovered(
            f"no {what} found at {self.url}; seen: {'; '.join(page.describe() for page in tried or [home])}",
            hint="is the backup feature on (JVM option ciphermail.backup.enabled), is a set-up wizard in the way,"
            " may this account use Admin ‣ Backup?",
        )

    def _look(self, url: str) -> Page:
        """A page on the way, whatever its status: a dead link in a menu is no failure."""
        page = self._read(self._http.request("GET", url, timeout=self._timeout, read_timeout=self._timeout))
        if page.login_form():
            raise ApplianceError(f"the console at {self.url} ended the session", hint="log in again: run it once more")
        return page

    def _confirmed(self, page: Page) -> Page:
        """Answer the one question `are you sure` that may follow an upload."""
        asks = re.search(CONSENT, page.text, re.IGNORECASE) and not page.errors
        for form in page.forms if asks and not page.restore_form() else ():
            buttons = [b for b in form.of_kind("submit") if re.fullmatch(_YES, caption(b), re.IGNORECASE)]
            if buttons and not form.of_kind("password"):
                return self._good_page(self._post(form, {}, buttons[0], read_timeout=self._slow_timeout))
        return page

    def _check_restored(self, page: Page) -> None:
        if page.errors:
            raise ApplianceError(
                f"the console refused the backup: {_words(page)}",
                hint="an encrypted backup may be unreadable to another release: export it without a password",
            )
        if page.login_form() and re.search(r"expired|log ?in again", page.text, re.IGNORECASE):
            raise ApplianceError(
                "the console ended the session while the backup was sent",
                hint="deploy again and import again",
            )

    def _require_home(self) -> Page:
        if self._home is None:
            raise LoginRefused(f"not logged in at {self.url}", hint="log in first")
        return self._home

    def _post(
        self,
        form: Form,
        filled: Mapping[str, str],
        button: Field | None,
        *,
        read_timeout: float | None = None,
    ) -> requests.Response:
        fields = form.submission(filled, button)
        if form.method == "get" and form.of_kind("password"):
            raise NotDiscovered(
                f"the form at {form.action} would put a password into a URL, where logs keep it: {form.describe()}",
                hint="is this the gateway's own console? log in with a browser to see",
            )
        payload = {"params": fields} if form.method == "get" else {"data": fields}
        return self._http.request(
            form.method.upper(),
            form.action,
            timeout=self._timeout,
            read_timeout=read_timeout or self._timeout,
            **payload,
        )

    def _page(self, method: str, url: str) -> Page:
        return self._good_page(self._http.request(method, url, timeout=self._timeout, read_timeout=self._timeout))

    def _good_page(self, answer: requests.Response) -> Page:
        """The page, where the status is a success."""
        page = self._read(answer)
        if answer.ok:
            return page
        raise ApplianceError(
            f"the console answered {answer.status_code} at {urlsplit(answer.url).path}: {_words(page)}",
            hint="see the appliance's own log; nothing is repeated by itself",
        )

    def _read(self, answer: requests.Response) -> Page:
        with answer, self._http.translated("reading a page"):
            return read_page(answer.raw.read(_PAGE_LIMIT, decode_content=True), answer.url)

    def _login_refused(self, account: Account, words: str) -> LoginRefused:
        return LoginRefused(
            f"the console at {self.url} refused the account {account.user!r}: {words}",
            hint="check user and password in the browser; five failed log-ins block an account for some minutes",
        )


class _Sized:
    """A stream of known length for the multipart encoder, which asks for `len`; tells how far it got."""

    def __init__(self, source: BinaryIO, size: int, progress: ProgressListener) -> None:
        self._source = source
        self._size = size
        self._progress = progress
        self.len = size

    def read(self, amount: int = -1) -> bytes:
        try:
            piece = self._source.read(self.len if amount < 0 else min(amount, self.len))
        except OSError as error:  # which urllib3 would take for the network's
            raise ApplianceError(f"the archive cannot be read: {error}", hint="check the workstation's disk") from error
        if not piece and self.len:
            raise ApplianceError(
                f"the archive ended {self.len} bytes early, {self._size} were expected",
                hint="the file changed while it was sent; the import must be begun anew",
            )
        self.len -= len(piece)
        self._progress(Progress(self._size - self.len, self._size))
        return piece


def find_console(
    host: str,
    trust: TlsTrust,
    *,
    profile: ConsoleProfile = UNPINNED,
    dial: Dial = dial_straight,
    timeout: float = 10.0,
) -> str:
    """The console's URL on a bare host (`mail`, `mail:8443`, `[2001:db8::1]`); a URL is returned as it is.

    Raises ApplianceUnreachable (nothing listens), TrustRefused, NotDiscovered (no page with a log-in form).
    """
    if "://" in host:
        return host
    parts = urlsplit(f"https://{host}")
    if not parts.hostname:
        raise UsageProblem(f"{host!r} is no host", hint="give a name, an address, or a URL")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    seen: list[ApplianceError | TrustRefused] = []
    for port in (parts.port,) if parts.port else profile.ports:
        for context in profile.contexts:
            url = f"https://{name}:{port}{context}"
            try:
                _probe(url, trust, profile, dial, timeout)
            except (ApplianceError, TrustRefused) as error:
                seen.append(error)
            else:
                return url
    raise _most_telling(host, seen)


def _probe(url: str, trust: TlsTrust, profile: ConsoleProfile, dial: Dial, timeout: float) -> None:
    console = WebConsole(url, trust, profile=profile, dial=dial, timeout=timeout)
    try:
        page = console._page("GET", url)
        if page.login_form() is None:
            raise NotDiscovered(f"no log-in form at {url}; seen: {page.describe()}", hint="give the console's URL")
    finally:
        console.close()


def _most_telling(host: str, seen: list[ApplianceError | TrustRefused]) -> ApplianceError | TrustRefused:
    """A certificate not trusted says more than a page that is none, and that more than a closed port."""
    for kind in (TrustRefused, NotDiscovered):
        for error in seen:
            if isinstance(error, kind):
                return error
    others = [error for error in seen if not isinstance(error, ApplianceUnreachable)]
    if others:
        return others[0]
    return ApplianceUnreachable(
        f"no console found on {host}: " + "; ".join(map(str, seen)),
        hint="give the console's URL (https://HOST:8443/ciphermail); does its service run?",
    )


def _words(page: Page) -> str:
    """What the console itself says: its marked errors, else the beginning of its text."""
    return " · ".join(page.errors) or page.text[:200] or "(an empty page)"


def _cut_short(done: int, total: int, why: str) -> NoBackup:
    expected = f" of {total}" if total else ""
    return NoBackup(
        f"the backup was cut short after {done}{expected} bytes: {why}",
        hint="export the backup again; nothing was changed",
    )


def _file_name(answer: requests.Response, container: str) -> str:
    """What the console calls the archive, without any path; a plain name where it does not say."""
    header = Message()
    header["Content-Disposition"] = answer.headers.get("Content-Disposition", "")
    said = PurePosixPath((header.get_filename() or "").replace("\\", "/")).name
    return re.sub(r"[^\w.+-]", "_", said) or "backup" + _EXTENSIONS.get(container, ".bin")
