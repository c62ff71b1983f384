"""Export and import backups over the REST back end of family 6.x, as a profile describes it."""

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
        timeout: float = 60.0,
        slow_timeout: float = 900.0,
    ) -> None:
        """`url`: https, without the profile's base. `timeout` in seconds for an ordinary answer.

        `slow_timeout` for the first byte of a backup, the answer to an upload, and a job's end. Raises UsageProblem
        where `url` is no https URL.
        """
        self._session = RestSession(url, trust, profile, dial=dial, timeout=timeout)
        self._profile = profile
        self._pace = pace
        self._slow = slow_timeout

    def log_in(self, account: Account) -> None:
        self._session.log_in(account)

    def find_backup(self) -> None:
        """Ask the profile's harmless question, and make no backup. Raises NotDiscovered."""
        self._session.begin()
        if self._profile.check is None:
            raise _unsaid("a harmless question", "rest.check.path")
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
        """An expired token is renewed before, by the harmless question: the archive is sent once."""
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

    def close(self) -> None:
        self._session.close()

    def _check(self, check: RestCheck) -> None:
        request = Request("rest.check.path", check.method, check.path, {})
        answer = self._session.answer(request, self._session.read(request))
        if answer.is_page:
            raise NotDiscovered(
                f"{answer.where} answered {answer.status} with a web page, no JSON",
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
            hint="is it made as a job? then rest.export.job says where it is fetched; else see the appliance's log",
        )

    def _changed(self, request: Request) -> Answer:
        """The answer to what changes the appliance. A web page is none."""
        answer = self._session.answer(request, self._session.change(request, timeout=self._slow))
        if answer.is_page:
            raise NotDiscovered(
                f"{answer.where} answered {answer.status} with a web page, where nothing is restored",
                hint=LOOK,
                keys=(request.key, "rest.base"),
            )
        if answer.tells_failure:
            raise ApplianceError(
                f"{answer.where} answered {answer.status}, but tells of a failure: {answer.words}",
                hint="see the appliance's own log; an encrypted backup may be unreadable to another release",
            )
        return answer

    def _made(self, profile: RestExportJob, asked: Request, begun: Answer) -> tuple[Request, requests.Response]:
        """Wait for the archive to be made, and ask for it."""
        id_ = id_in(begun, profile.id, "rest.export.job.id")
        job = Job(self._session, "rest.export.job", profile, id_)
        job.wait(self._session.where(asked), timeout=self._slow, pace=self._pace)
        request = Request("rest.export.job.download", "GET", fill(profile.download, id_), {})
        return request, self._session.read(request, timeout=self._slow)

    def _restored(self, profile: RestJob, asked: Request, begun: Answer) -> None:
        """A restore may end sessions, change accounts and restart the back end under the asking."""
        id_ = id_in(begun, profile.id, "rest.import.job.id")
        job = Job(self._session, "rest.import.job", profile, id_, patient=True)
        try:
            job.wait(self._session.where(asked), timeout=self._slow, pace=self._pace)
        except (LoginRefused, Unanswered) as error:
            raise ApplianceError(
                f"the restore was begun, but how it ended cannot be asked any more: {error}",
                hint="log in with the restored account in a browser and see; do not import it once more",
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
            hint="give the account's role that permission, or use another account (rest.check.wanted asks)",
        )


def _asking(export: RestExport, password: Secret | None) -> Request:
    if password and not export.password:
        raise NotDiscovered(
            "the profile does not say in which field the backup's password goes",
            hint="go without a backup password: the archive is encrypted on this workstation",
            keys=("rest.export.password",),
        )
    values: dict[str, object] = dict(export.options)
    if password and export.password:
        values[export.password] = password.reveal()
    kind = "query" if export.method == "GET" else export.body
    return Request("rest.export.path", export.method, export.path, fields(kind, values))


def _upload(import_: RestImport, name: str, archive: Outgoing, password: Secret | None) -> Request:
    """Multipart where the profile names the file's field, else the archive as the body."""
    if password and not import_.password:
        raise NotDiscovered(
            "the profile does not say in which field the backup's password goes",
            hint="an import without it would fail half-way; nothing was sent",
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
        f"{answer.where} answered {answer.status}, accepted and not done yet: how the restore ends is not asked",
        hint="look in a browser how it ended; do not import it once more",
        keys=("rest.import.job",),
    )


def _unsaid(what: str, key: str) -> NotDiscovered:
    return NotDiscovered(f"the profile does not name {what}", hint=LOOK, keys=(key,))
