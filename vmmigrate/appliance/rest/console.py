"""Export and import backups over the REST back end of family 6.x, as a profile describes it."""

from collections.abc import Mapping
from typing import BinaryIO

import requests
from requests_toolbelt import MultipartEncoder

from hypervisors import REAL_TIME, Dial, LoginRefused, Pace, ProgressListener, Secret, TlsTrust, dial_straight
from vmmigrate.appliance.backup.streams import Incoming, Outgoing
from vmmigrate.appliance.port import Account, Exported
from vmmigrate.appliance.rest.answer import Answer, answer_from
from vmmigrate.appliance.rest.job import Job, id_in
from vmmigrate.appliance.rest.pointer import as_text, fill, find
from vmmigrate.appliance.rest.profile import RestCheck, RestExport, RestExportJob, RestImport, RestJob, RestProfile
from vmmigrate.appliance.rest.session import LOOK, Request, RestSession, as_form, fields
from vmmigrate.errors import ApplianceError, NoBackup, NotDiscovered, Unanswered
from vmmigrate.limits.seconds import ANSWER, SLOW_ANSWER


class RestConsole:
    """port.Console over REST. Nothing is connected before the first call."""

    def __init__(
        self,
        url: str,
        trust: TlsTrust,
        profile: RestProfile,
        *,
        dial: Dial = dial_straight,
        pace: Pace = REAL_TIME,
        timeout: float = ANSWER.most,
        slow_timeout: float = SLOW_ANSWER.most,
    ) -> None:
        """`url`: https, without the profile's base. `timeout` in seconds for an ordinary answer.

        `slow_timeout` for the first byte of a backup, the answer to an upload, and a job's end. Raises UsageProblem
        if `url` is not an https URL.
        """
        self._session = RestSession(url, trust, profile, dial=dial, timeout=timeout)
        self._profile = profile
        self._pace = pace
        self._slow = slow_timeout

    def log_in(self, account: Account) -> None:
        self._session.log_in(account)

    def find_backup(self) -> None:
        """Send the profile's harmless check request, and make no backup. Raises NotDiscovered."""
        self._session.begin()
        if self._profile.check is None:
            raise _unsaid("a harmless check request", "rest.check.path")
        self._check(self._profile.check)

    def export_backup(self, sink: BinaryIO, password: Secret | None, progress: ProgressListener) -> Exported:
        self._session.begin()
        export = self._profile.export
        if export is None:
            raise _unsaid("the endpoint that makes a backup", "rest.export.path")
        request = _asking(export, password)
        response = self._session.read(request, timeout=self._slow)
        if export.job:
            request, response = self._made(export.job, request, self._session.answer(request, response))
        with response:
            return self._received(request, response, sink, progress)

    def import_backup(
        self, source: BinaryIO, name: str, size: int, password: Secret | None, progress: ProgressListener
    ) -> None:
        """The check request renews an expired token before the upload, because the archive is sent only once."""
        self._session.begin()
        import_ = self._profile.import_
        if import_ is None:
            raise _unsaid("the endpoint that takes a backup", "rest.import.path")
        request = _upload(import_, name, Outgoing(source, size, progress), password)
        if self._profile.check:
            self._check(self._profile.check)
        answer = self._changed(request)
        if import_.confirm:
            place = fill(import_.confirm.path, id_in(answer, import_.confirm.id, "rest.import.confirm.id"))
            body = fields("json", import_.confirm.options)
            answer = self._changed(Request("rest.import.confirm.path", import_.confirm.method, place, body))
        if import_.job:
            self._restored(import_.job, request, answer)
        elif answer.status == requests.codes.accepted:
            raise _goes_on(answer)

    def mail_queues(self) -> Mapping[str, int]:
        raise NotDiscovered(
            "the mail agent's queues are not read over a REST back end", hint="look at them in the administration's UI"
        )

    def close(self) -> None:
        self._session.close()

    def _check(self, check: RestCheck) -> None:
        request = Request("rest.check.path", check.method, check.path, {})
        answer = self._session.answer(request, self._session.read(request))
        if answer.is_page:
            raise NotDiscovered(
                f"{answer.where} answered {answer.status} with a web page, not JSON",
                hint=LOOK,
                keys=("rest.check.path", "rest.base"),
            )
        if check.at is not None:
            _hold(answer, check.at, check.wanted)

    def _received(
        self, request: Request, response: requests.Response, sink: BinaryIO, progress: ProgressListener
    ) -> Exported:
        incoming = Incoming(response)
        if incoming.is_archive:
            return incoming.into(sink, progress)
        answer = answer_from(self._session.where(request), response.status_code, incoming.head)
        raise NoBackup(
            f"{answer.where} answered {answer.status} with {answer.shape()} instead of a backup: {answer.words}",
            hint="is it made as a job? then set rest.export.job; else see the appliance's log",
        )

    def _changed(self, request: Request) -> Answer:
        """The answer to a request that changes the appliance. A web page is not accepted."""
        answer = self._session.answer(request, self._session.change(request, timeout=self._slow))
        if answer.is_page:
            raise NotDiscovered(
                f"{answer.where} answered {answer.status} with a web page, and nothing was restored",
                hint=LOOK,
                keys=(request.key, "rest.base"),
            )
        if answer.reports_failure:
            raise ApplianceError(
                f"{answer.where} answered {answer.status}, but reports a failure: {answer.words}",
                hint="see the appliance's own log; an encrypted backup may be unreadable to another release",
            )
        return answer

    def _made(self, profile: RestExportJob, asked: Request, begun: Answer) -> tuple[Request, requests.Response]:
        """Wait until the archive is made, and fetch it."""
        id_ = id_in(begun, profile.id, "rest.export.job.id")
        job = Job(self._session, "rest.export.job", profile, id_)
        job.wait(self._session.where(asked), timeout=self._slow, pace=self._pace)
        request = Request("rest.export.job.download", "GET", fill(profile.download, id_), {})
        return request, self._session.read(request, timeout=self._slow)

    def _restored(self, profile: RestJob, asked: Request, begun: Answer) -> None:
        """A restore may end sessions, change accounts and restart the back end while its state is polled."""
        id_ = id_in(begun, profile.id, "rest.import.job.id")
        job = Job(self._session, "rest.import.job", profile, id_, patient=True)
        try:
            job.wait(self._session.where(asked), timeout=self._slow, pace=self._pace)
        except (LoginRefused, Unanswered) as error:
            raise ApplianceError(
                f"the restore was started, but its result can no longer be asked for: {error}",
                hint="log in with the restored account in a browser and check; do not import it again",
            ) from error


def _hold(answer: Answer, at: str, wanted: tuple[str, ...]) -> None:
    found = find(answer.document, at)
    held = [as_text(each) for each in found] if isinstance(found, list) else [as_text(found)]
    if found is None:
        raise NotDiscovered(
            f"{answer.where} answered {answer.status}, but nothing at {at!r}: seen {answer.shape()}",
            hint=LOOK,
            keys=("rest.check.at",),
        )
    if missing := [each for each in wanted if each not in held]:
        raise ApplianceError(
            f"{answer.where} does not hold {', '.join(missing)} at {at!r}",
            hint="give the account's role that permission, or use another account (rest.check.wanted requires it)",
        )


def _asking(export: RestExport, password: Secret | None) -> Request:
    if password and not export.password:
        raise NotDiscovered(
            "the profile does not name the field for the backup's password",
            hint="leave the backup password out: the archive is encrypted on this workstation",
            keys=("rest.export.password",),
        )
    values: dict[str, object] = dict(export.options)
    if password and export.password:
        values[export.password] = password.reveal()
    kind = "query" if export.method == "GET" else export.body
    return Request("rest.export.path", export.method, export.path, fields(kind, values))


def _upload(import_: RestImport, name: str, archive: Outgoing, password: Secret | None) -> Request:
    """Multipart if the profile names the file's field, else the archive as the body."""
    if password and not import_.password:
        raise NotDiscovered(
            "the profile does not name the field for the backup's password",
            hint="an import without it would fail halfway; nothing was sent",
            keys=("rest.import.password",),
        )
    more = as_form(import_.options)
    if not import_.file:
        body = {"params": more, "data": archive, "headers": {"Content-Type": "application/octet-stream"}}
        return Request("rest.import.path", import_.method, import_.path, body)
    if password and import_.password:
        more[import_.password] = password.reveal()
    name = name.encode(errors="replace").decode()  # a file's name need not be text
    encoder = MultipartEncoder([*more.items(), (import_.file, (name, archive, "application/octet-stream"))])
    body = {"data": encoder, "headers": {"Content-Type": encoder.content_type}}
    return Request("rest.import.path", import_.method, import_.path, body)


def _goes_on(answer: Answer) -> NotDiscovered:
    return NotDiscovered(
        f"{answer.where} answered {answer.status} (accepted, not finished), and the profile has no import.job",
        hint="check in a browser how it ended; do not import it again",
        keys=("rest.import.job",),
    )


def _unsaid(what: str, key: str) -> NotDiscovered:
    return NotDiscovered(f"the profile does not name {what}", hint=LOOK, keys=(key,))
