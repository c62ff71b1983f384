"""Send an archive to a console once, answer its questions, and decide from its text whether it was restored."""

from typing import BinaryIO

import requests

from hypervisors import ProgressListener, Secret, redacted
from vmmigrate.appliance.backup.streams import Outgoing
from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web import restore_form
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decisions, full, not_there, same
from vmmigrate.appliance.web.forms import Field, Form
from vmmigrate.appliance.web.listing import Listing, Way, row, ways
from vmmigrate.appliance.web.login import Entry, message_of
from vmmigrate.appliance.web.pages import Link, Page, Refresh
from vmmigrate.appliance.web.patience import asks_to_wait, is_busy, wait_through
from vmmigrate.appliance.web.rows import marks
from vmmigrate.appliance.web.scoring import says
from vmmigrate.errors import ApplianceError, NotDiscovered
from vmmigrate.limits import WEB_QUESTIONS

_QUESTIONS = WEB_QUESTIONS.most
_DEPLOY_AGAIN = "deploy the machine again and repeat the import: it is not known what was restored on this one"


class Restore:
    """One restore by one form. `before`: the form's page; `entry`: the page shown when the session has ended."""

    def __init__(
        self, browser: Browser, decisions: Decisions, before: Page, entry: Entry, password: Secret | None
    ) -> None:
        self._browser, self._decisions, self._entry = browser, decisions, entry
        self._password = password
        self._asked = False  # for the password
        self._name = ""  # the console's name for the archive
        self._listed = False  # whether it was chosen in a list
        self._before = [*browser.visited, before]
        self._seen = list(self._before)
        self._standing = before.forms  # forms that ask nothing about the archive

    def send(self, form: Form, source: BinaryIO, name: str, size: int, progress: ProgressListener) -> None:
        """Upload and wait until it is restored. Raises ApplianceError with the console's message, NotDiscovered."""
        self._name = name
        field = restore_form.file_field(self._decisions, form)
        filled = restore_form.choices(self._decisions, form, self._password)
        button = restore_form.button(self._decisions, form)
        self._asked = bool(form.of_kind("password"))
        file = (field.name, (name, Outgoing(source, size, progress), "application/octet-stream"))
        page = self._look(self._browser.upload(form, filled, button, file))
        for _ in range(_QUESTIONS):
            page = self._rested(page)
            if (way := self._in_a_list(page)) is not None:
                page = self._choose(page, way)
                continue
            question = self._question(page)
            if question is None:
                return self._judge(page)
            page = self._answer(page, *question)
        raise NotDiscovered(
            f"after the upload the console asks one question after another; seen: {page.describe()}",
            hint=_DEPLOY_AGAIN,
            keys=full("restore.yes", "restore.success"),
        )

    # ---- pages on the way ---------------------------------------------------------------------------------

    def _look(self, answer: requests.Response) -> Page:
        page = self._browser.read(answer)
        if not self._done(page) and self._entry.is_shown_on(page, self._decisions):
            raise ApplianceError(
                "the console ended the session while the backup was sent; it is not sent twice", hint=_DEPLOY_AGAIN
            )
        failed = [line for line in page.errors if line in page.news(*self._seen) and not self._harmless(line)]
        failed = failed or [each for each in page.sentences(*self._seen) if self._failed(each)]
        if failed or page.status >= requests.codes.bad_request:
            raise self._refused(page, redacted(" · ".join(failed))[:400] or message_of(page, *self._seen))
        return page

    def _rested(self, page: Page) -> Page:
        """The page, when the console has finished the restore."""
        refresh = self._still(page)
        if refresh is None:
            return self._browser.arrive(page) if not self._done(page) else page
        return wait_through(self._browser, "the console to restore the backup", refresh, self._look, self._still)

    def _still(self, page: Page) -> Refresh | None:
        if self._surely_done(page) or (
            not is_busy(page, *self._seen[len(self._before) - 1 :]) and (self._in_a_list(page) or self._question(page))
        ):
            return None
        return asks_to_wait(page)

    def _refused(self, page: Page, said: str) -> ApplianceError:
        status = f" (status {page.status})" if page.status >= requests.codes.bad_request else ""
        if self._password and not self._asked:
            return NotDiscovered(
                f"the console refused the backup: {said}{status}; no field for its password was found",
                hint=_DEPLOY_AGAIN,
                keys=full("restore.password"),
            )
        return ApplianceError(
            f"the console refused the backup: {said}{status}",
            hint="an encrypted backup may be unreadable to another release: export it without a password",
        )

    # ---- what the console says ----------------------------------------------------------------------------

    def _done(self, page: Page) -> bool:
        return any(map(self._succeeded, page.sentences(*self._seen)))

    def _surely_done(self, page: Page, too_little: str = words.EVER) -> bool:
        """Whether it says so with more than the sentence shown for every restore."""
        pinned = self._decisions.pinned("restore.success")
        said = filter(self._succeeded, page.sentences(*self._seen))
        return any(pinned or not says(too_little, each) for each in said)

    def _succeeded(self, sentence: str) -> bool:
        if pattern := self._decisions.pinned("restore.success"):
            return says(pattern, sentence)
        return says(words.DONE, sentence) and not says(f"{words.ASKS}|{words.FAILED}|{words.NOT_SO}", sentence)

    def _failed(self, sentence: str) -> bool:
        if pattern := self._decisions.pinned("restore.failure"):
            return says(pattern, sentence)
        return says(words.FAILED, sentence) and not self._harmless(sentence)

    def _harmless(self, line: str) -> bool:
        """A warning with a question is not a failure, even in red; nor is a text that the profile calls a success."""
        pattern = self._decisions.pinned("restore.failure")
        return not says(pattern, line) if pattern else self._succeeded(line) or says(words.ASKS, line)

    def _judge(self, page: Page) -> None:
        for key in ("restore.success", "restore.failure"):
            self._decisions.note(key, self._decisions.pinned(key))
        if not self._done(page):
            raise NotDiscovered(
                "after the upload the console does not say whether it restored the backup; at"
                f" {path_of(page.url)} it says: {message_of(page, *self._seen)}",
                hint="check in a browser whether the settings are there",
                keys=full("restore.success", "restore.failure"),
            )

    # ---- what it lists ------------------------------------------------------------------------------------

    def _in_a_list(self, page: Page) -> Way | None:
        """What restores the archive just sent, if the page lists archives; None if it lists nothing new."""
        if self._listed or self._surely_done(page, f"{words.EVER}|{words.NOTHING_ELSE}"):
            return None
        listing = Listing(page, self._before)
        self._name = listing.announced(self._name)
        offered = [way for way in ways(page) if marks(row(way)) and restore_form.restores(self._decisions, way)]
        pinned = restore_form.pinned_way(self._decisions, offered)
        for likely in (pinned, *listing.likely(offered), listing.called(self._name, offered)):
            if len({row(way) for way in likely}) == 1:
                return restore_form.one_way(self._decisions, likely, page)
        if any(map(listing.is_new, offered)):
            raise NotDiscovered(
                f"it is not clear which of the archives is the one just sent; seen: {page.describe()}",
                hint=_DEPLOY_AGAIN,
                keys=full("restore.yes"),
            )
        return None

    def _choose(self, page: Page, way: Way) -> Page:
        self._listed = True
        self._standing += page.forms
        if not isinstance(way, Link):
            return self._answer(page, *way)
        answer = self._browser.get(way.url, slow=True)
        self._seen.append(page)
        return self._look(answer)

    # ---- what it asks -------------------------------------------------------------------------------------

    def _question(self, page: Page) -> tuple[Form, Field] | None:
        """The form and the button that answer yes to the console's question; None if it asks nothing."""
        done = self._done(page)
        asks = any(self._asks(sentence, done=done) for sentence in page.sentences(*self._seen))
        if self._surely_done(page) and not asks:
            return None
        forms = [form for form in page.forms if form.buttons and not form.of_kind("file") and self._is_new(form)]
        pin = self._decisions.pinned("restore.yes")
        for form in forms:
            if pin and not any(same(button.caption, pin) for button in form.buttons):
                continue
            if button := restore_form.yes_button(self._decisions, form):
                return form, button
        if asks and forms:
            raise self._unanswered(page, pin)
        return None

    def _asks(self, sentence: str, *, done: bool) -> bool:
        """After the restore, a question about a restart is ignored."""
        return says(words.ASKS, sentence) and not (done and says(words.ACTS, sentence))

    def _is_new(self, form: Form) -> bool:
        """Not a form beside the restore form, unless it lists the archive just sent."""
        if restore_form.uploaded(form, self._name):
            return True
        return all((form.action, form.describe()) != (other.action, other.describe()) for other in self._standing)

    def _unanswered(self, page: Page, pin: str | None) -> NotDiscovered:
        if pin:
            return not_there("restore.yes", pin, f"after the upload; seen: {page.describe()}")
        return NotDiscovered(
            f"after the upload the console asks something, and no button answers yes; seen: {page.describe()}",
            hint=_DEPLOY_AGAIN,
            keys=full("restore.yes"),
        )

    def _answer(self, page: Page, form: Form, button: Field) -> Page:
        filled = {
            **restore_form.consent(self._decisions, form),
            **restore_form.password_again(form, self._password),
            **restore_form.uploaded(form, self._name),
        }
        self._asked |= bool(form.of_kind("password"))
        answer = self._browser.submit(form, filled, button, slow=True)
        self._seen.append(page)
        return self._look(answer)
