"""The REST client: one log-in, one upload, a token renewed once, whole archives alone; its messages word by word."""

import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from odd_back_end import ADMIN, OddBackEnd, page, said, sent
from rest_stand_in import FRESH, OLD, Six, six

from fixtures.rest.switches import Switches
from hypervisors import LoginRefused, Problem, Progress, Secret, TimedOut, TlsTrust, TrustRefused, no_progress
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.rest.console import RestConsole
from vmmigrate.errors import ApplianceError, NoBackup, NotDiscovered, Unanswered

ARCHIVE = gzip.compress(os.urandom(500))
JOB = {"id": "/id", "poll": "/jobs/{id}", "state": "/state", "done": ["DONE"], "failed": ["FAILED"]}
SETTLES = "; in a profile {} settles it (see docs/six.md)"
LOOK = "check which endpoint the browser calls, and what it answers (developer tools, Network)"
BLOCKS = "check user and password in the browser; five failed log-ins within 300 s block an account from this address"
SECOND_FACTOR = "use an account without one, whose role permits only this; four failures within 60 s block it"
ARCHIVED = sent(200, ARCHIVE, {"Content-Type": "application/gzip"})


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Six]:
    with six(tmp_path / "old") as running:
        yield running


def export(console: RestConsole, password: Secret | None = None) -> bytes:
    sink = io.BytesIO()
    console.export_backup(sink, password, no_progress)
    return sink.getvalue()


def import_(console: RestConsole, data: bytes = ARCHIVE, password: Secret | None = None) -> None:
    console.import_backup(io.BytesIO(data), "backup.tar.gz", len(data), password, no_progress)


def look(console: RestConsole) -> None:
    console.log_in(OLD)
    console.find_backup()


def told(error: pytest.ExceptionInfo[Any], url: str = "https://nowhere") -> tuple[str, str]:
    assert isinstance(error.value, Problem)
    return str(error.value).replace(url, "URL"), error.value.hint


# ---- log-in ----------------------------------------------------------------------------------------------------


def test_a_refused_account_is_tried_once(old: Six) -> None:
    wrong = Account("admin", Secret("not-her-password"))
    with old.console(None) as console:
        with pytest.raises(LoginRefused) as refused:
            console.log_in(wrong)
        assert told(refused, old.url) == (
            (
                "the back end at URL refused the account 'admin':"
                " POST /api/v1/auth/login answered 401: Invalid user name or password"
            ),
            BLOCKS,
        )
        with pytest.raises(LoginRefused, match="already refused, not tried again"):
            console.log_in(wrong)
    assert old.back_end.log_ins == 1


def test_a_blocked_account_is_told_so(old: Six) -> None:
    for number in range(5):
        with old.console(None) as console, pytest.raises(LoginRefused):
            console.log_in(Account("admin", Secret(f"guess number {number}")))
    with old.console(None) as console, pytest.raises(LoginRefused) as refused:
        console.log_in(OLD)
    assert told(refused, old.url) == (
        (
            "the back end at URL refused the account 'admin':"
            " POST /api/v1/auth/login answered 429: Too many failed logins, try again later"
        ),
        BLOCKS,
    )


@pytest.mark.parametrize("pointer", [None, "/secondFactorRequired"])
def test_a_second_factor_is_refused_clearly_and_once(tmp_path: Path, pointer: str | None) -> None:
    with six(tmp_path / "root", switches=Switches(second_factor=True)) as running:
        login = {"path": "/auth/login", "user": "username", "password": "password", "second_factor": pointer}
        with running.console(None, login=login) as console:
            with pytest.raises(LoginRefused) as refused:
                console.log_in(OLD)
            assert told(refused, running.url) == (
                (
                    "the back end at URL asks 'admin' for a second factor, which vmmigrate cannot give:"
                    " POST /api/v1/auth/login answered 401: Enter the code of your authenticator app"
                ),
                SECOND_FACTOR,
            )
            with pytest.raises(LoginRefused, match="not tried again"):
                console.log_in(OLD)
        assert running.back_end.log_ins == 1


def test_a_token_for_the_second_factor_alone_is_no_log_in() -> None:
    back_end = OddBackEnd({"POST /api/in": said(200, {"token": "half", "next": "code"})})
    login = {"path": "/in", "user": "u", "password": "p", "second_factor": "/next"}
    with back_end.running(logged_in=False, login=login) as console, pytest.raises(LoginRefused, match="second factor"):
        console.log_in(ADMIN)


def test_nothing_is_asked_before_a_log_in(old: Six) -> None:
    with old.console(None) as console, pytest.raises(LoginRefused) as refused:
        console.find_backup()
    assert told(refused, old.url) == ("not logged in at URL", "log in first")


def test_without_trust_nothing_is_sent(old: Six) -> None:
    elsewhere = Six(old.back_end, old.url, TlsTrust("00" * 32))
    with elsewhere.console(None) as console, pytest.raises(TrustRefused):
        console.log_in(OLD)
    assert old.back_end.log_ins == 0


LOGIN = {"path": "/auth/login", "user": "username", "password": "password"}
TOKEN = {"json": "/token", "send_header": "Authorization", "scheme": "Bearer"}


@pytest.mark.parametrize(
    ("changes", "message", "hint", "keys"),
    [
        (
            {"login": LOGIN | {"path": "/sign/in"}},
            ("the back end at URL has no such endpoint:"
            " POST /api/v1/sign/in answered 404: There is no such resource"),
            LOOK,
            ("rest.login.path", "rest.base"),
        ),
        (
            {"base": "/rest"},
            "the back end at URL has no such endpoint: POST /rest/auth/login answered 405: (no words)",
            LOOK,
            ("rest.login.path", "rest.base"),
        ),
        (
            {"login": LOGIN | {"user": "name"}},
            ("the back end at URL does not take the log-in of 'admin':"
            " POST /api/v1/auth/login answered 400: username is missing"),
            "does it need other fields, or is the password wrong? it is not tried again",
            ("rest.login.user", "rest.login.password", "rest.login.body"),
        ),
        (
            {"login": LOGIN | {"body": "form"}},
            ("the back end at URL does not take the log-in of 'admin':"
            " POST /api/v1/auth/login answered 415: The body is not application/json"),
            "does it need other fields, or is the password wrong? it is not tried again",
            ("rest.login.user", "rest.login.password", "rest.login.body"),
        ),
        (
            {"token": TOKEN | {"json": "/access_token"}},
            ("POST /api/v1/auth/login answered 200, but no token at '/access_token' of its JSON:"
            " seen an object with token, expiresIn"),
            "check where a browser's log-in gets its token (developer tools, Network)",
            ("rest.token.json",),
        ),
        (
            {"token": {"header": "X-Token", "send_header": "X-Token"}},
            ("POST /api/v1/auth/login answered 200, but no token at header X-Token:"
            " seen an object with token, expiresIn"),
            "check where a browser's log-in gets its token (developer tools, Network)",
            ("rest.token.header",),
        ),
        (
            {"token": {"cookie": "SID"}},
            "POST /api/v1/auth/login answered 200, but no token at cookie SID: seen an object with token, expiresIn",
            "check where a browser's log-in gets its token (developer tools, Network)",
            ("rest.token.cookie",),
        ),
        (
            {"token": TOKEN | {"scheme": "Token"}},
            ("the back end gave a token and does not accept it:"
            " GET /api/v1/auth/me answered 401: The token is missing, unknown or expired"),
            "check how a browser sends its token (developer tools, Network)",
            ("rest.token.send_header", "rest.token.scheme", "rest.token.send_cookie"),
        ),
        (
            {"check": {"path": "/who"}},
            "the back end at URL has no such endpoint: GET /api/v1/who answered 404: There is no such resource",
            LOOK,
            ("rest.check.path", "rest.base"),
        ),
        (
            {"check": {"path": "/auth/me", "at": "/rights", "wanted": ["backup:export"]}},
            ("GET /api/v1/auth/me answered 200, but nothing at '/rights':"
            " seen an object with user, role, permissions"),
            LOOK,
            ("rest.check.at",),
        ),
        ({"check": None}, "the profile does not name a harmless check request", LOOK, ("rest.check.path",)),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, tuple) else None,
)  # fmt: skip
def test_what_a_wrong_profile_lacks_is_named(
    old: Six, changes: dict[str, Any], message: str, hint: str, keys: tuple[str, ...]
) -> None:
    with old.console(None, **changes) as console, pytest.raises(NotDiscovered) as lacking:
        look(console)
    assert lacking.value.keys == keys
    assert told(lacking, old.url) == (message, hint + SETTLES.format(" or ".join(keys)))
    assert old.back_end.log_ins <= 1
    with old.console(OLD) as console:  # and the right keys settle it
        console.find_backup()


def test_an_interface_instead_of_a_back_end_is_told(old: Six) -> None:
    back_end = OddBackEnd({"POST /api/in": page("<title>Gateway</title>")})
    with back_end.running(logged_in=False) as console, pytest.raises(NotDiscovered) as lacking:
        console.log_in(ADMIN)
    assert told(lacking, back_end.url) == (
        "the back end at URL has no such endpoint: POST /api/in answered 200 with a web page",
        LOOK + SETTLES.format("rest.login.path or rest.base"),
    )


def test_a_log_in_that_redirects_is_not_followed() -> None:
    back_end = OddBackEnd({"POST /api/in": said(302, {}, {"Location": "/elsewhere?secret=1"})})
    with back_end.running(logged_in=False) as console, pytest.raises(NotDiscovered) as lacking:
        console.log_in(ADMIN)
    assert str(lacking.value) == "POST /api/in answered 302, a redirect to /elsewhere, and gave no token"
    assert lacking.value.keys == ("rest.login.path", "rest.token")
    assert back_end.seen == ["POST /api/in"]


def test_a_token_that_no_header_can_carry_is_none() -> None:
    back_end = OddBackEnd({"POST /api/in": said(200, {"token": "a\r\nX-Other: b"})})
    with back_end.running(logged_in=False) as console, pytest.raises(NotDiscovered, match="no token at '/token'"):
        console.log_in(ADMIN)


def test_what_the_server_echoes_of_secrets_is_not_shown() -> None:
    words = f"no: {ADMIN.password.reveal()} \x1b[31m" + " at length" * 50
    back_end = OddBackEnd({"POST /api/in": said(401, {"message": words, "token": "t"})})
    with back_end.running(logged_in=False) as console, pytest.raises(LoginRefused) as refused:
        console.log_in(ADMIN)
    message = str(refused.value)
    assert message.partition("answered 401: ")[2].startswith("no: … [31m at length at")
    assert len(message) < 350


# ---- a token's end ---------------------------------------------------------------------------------------------


def test_an_expired_token_is_renewed_once_an_operation(tmp_path: Path) -> None:
    with six(tmp_path / "root", switches=Switches(token_uses=1)) as running, running.console(OLD) as console:
        console.find_backup()
        assert running.back_end.log_ins == 1
        export(console)
        console.find_backup()
        assert running.back_end.log_ins == 3


def test_it_is_not_renewed_twice() -> None:
    no = said(401, {"message": "expired"})
    back_end = OddBackEnd({"GET /api/me": [said(200, {}), no, no]})
    with back_end.running() as console:
        console.find_backup()
        with pytest.raises(NotDiscovered, match="gave a token and does not accept it"):
            console.find_backup()
    assert back_end.seen.count("POST /api/in") == 2


def test_in_one_operation_it_is_renewed_once() -> None:
    no, running = said(401, {"message": "expired"}), said(200, {"state": "RUNNING"})
    back_end = OddBackEnd({"POST /api/export": said(202, {"id": 7}), "GET /api/jobs/7": [running, no, running, no]})
    export_ = {"path": "/export", "job": JOB | {"download": "/jobs/{id}/file"}}
    with back_end.running(export=export_) as console, pytest.raises(ApplianceError) as ended:
        export(console)
    assert str(ended.value) == "the back end ended the session: GET /api/jobs/7 answered 401: expired"
    assert back_end.seen.count("POST /api/in") == 2


def test_a_renewal_that_is_refused_is_the_last() -> None:
    no = said(401, {"message": "expired"})
    refused = said(401, {"message": "password changed"})
    back_end = OddBackEnd({"POST /api/in": [said(200, {"token": "t"}), refused], "GET /api/me": [said(200, {}), no]})
    with back_end.running() as console:
        console.find_backup()
        with pytest.raises(LoginRefused, match="answered 401: password changed"):
            console.find_backup()
        with pytest.raises(LoginRefused, match="already refused, not tried again"):
            console.log_in(ADMIN)


def test_an_upload_is_never_sent_twice() -> None:
    back_end = OddBackEnd({"POST /api/import": said(401, {"message": "expired"})})
    with back_end.running() as console, pytest.raises(ApplianceError) as ended:
        import_(console)
    assert told(ended) == (
        "the back end ended the session: POST /api/import answered 401: expired",
        "run it again to log in again; what changes the appliance is not sent twice",
    )
    assert back_end.seen == ["POST /api/in", "GET /api/me", "POST /api/import"]


def test_before_an_upload_an_expired_token_is_renewed(tmp_path: Path) -> None:
    with six(tmp_path / "root", seeded=False, switches=Switches(token_uses=2)) as running:
        with six(tmp_path / "old") as old, old.console(OLD) as console:
            data = export(console)
        with running.console(FRESH) as console:
            console.find_backup()
            console.find_backup()
            import_(console, data)  # its check finds the token at its end, renews it, and the upload is good
        assert (running.back_end.log_ins, running.back_end.uploads) == (2, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_upload_is_redirected_nowhere(status: int) -> None:
    back_end = OddBackEnd({"POST /api/import": said(status, {}, {"Location": "/api/other"})})
    with back_end.running() as console, pytest.raises(NotDiscovered) as lacking:
        import_(console)
    assert str(lacking.value) == (f"POST /api/import answered {status}, a redirect; nothing is sent a second time")
    assert lacking.value.keys == ("rest.import.path",)
    assert "POST /api/other" not in back_end.seen


# ---- export ----------------------------------------------------------------------------------------------------


def test_an_export_is_named_and_told(old: Six) -> None:
    sink, seen = io.BytesIO(), list[Progress]()
    with old.console(OLD) as console:
        exported = console.export_backup(sink, None, seen.append)
    assert exported.name.startswith("ciphermail-backup-mailgw-")
    assert (exported.container, exported.size) == ("gzip", len(sink.getvalue()))
    assert seen[-1] == Progress(exported.size, exported.size)


def test_a_role_without_the_permission_is_told(tmp_path: Path) -> None:
    with six(tmp_path / "root", switches=Switches(role="portal")) as running, running.console(OLD) as console:
        with pytest.raises(ApplianceError) as missing:
            console.find_backup()
        assert told(missing) == (
            "GET /api/v1/auth/me does not hold backup:export at '/permissions'",
            "give the account's role that permission, or use another account (rest.check.wanted requires it)",
        )
        with pytest.raises(ApplianceError) as refused:
            export(console)
        assert told(refused) == (
            (
                "the account may not do this:"
                " POST /api/v1/backup/export answered 403: The permission backup:export is missing"
            ),
            "give its role the permission, or use another account",
        )


AS_JOB = "is it made as a job? then set rest.export.job; else see the appliance's log"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            page("<h1>Please log in</h1>"),
            "POST /api/export answered 200 with a web page instead of a backup: Please log in",
        ),
        (
            said(200, {"id": "7", "state": "RUNNING"}),
            "POST /api/export answered 200 with an object with id, state instead of a backup: (no words)",
        ),
        (
            sent(200, b'{"error": "disk full"}', {"Content-Type": "application/octet-stream"}),
            "POST /api/export answered 200 with an object with error instead of a backup: disk full",
        ),
        (
            said(202, {"message": "it is being made"}),
            "POST /api/export answered 202 with an object with message instead of a backup: it is being made",
        ),
    ],
    ids=["page", "json", "json labelled as an archive", "202"],
)
def test_what_is_no_archive_is_no_backup(answer: Any, message: str) -> None:
    with OddBackEnd({"POST /api/export": answer}).running() as console, pytest.raises(NoBackup) as none:
        export(console)
    assert told(none) == (message, AS_JOB)


def test_an_archive_cut_short_is_no_backup() -> None:
    answer = sent(200, ARCHIVE[:200], {"Content-Length": str(len(ARCHIVE))})
    with OddBackEnd({"POST /api/export": answer}).running() as console, pytest.raises(NoBackup) as none:
        export(console)
    assert str(none.value) == f"the backup was cut short after 200 of {len(ARCHIVE)} bytes: the connection broke"


def test_a_failing_back_end_is_told_in_its_words() -> None:
    answer = said(503, {"title": "Service Unavailable", "detail": "the database is away"})
    with OddBackEnd({"POST /api/export": answer}).running() as console, pytest.raises(ApplianceError) as failed:
        export(console)
    assert told(failed) == (
        "the back end failed or refused: POST /api/export answered 503: the database is away · Service Unavailable",
        "see the appliance's own log; nothing is repeated automatically",
    )


def test_options_of_a_get_are_its_query() -> None:
    back_end = OddBackEnd({"GET /api/export?what=all&db=true": ARCHIVED})
    with back_end.running(
        export={"method": "GET", "path": "/export", "options": {"what": "all", "db": True}}
    ) as console:
        assert export(console) == ARCHIVE


def test_a_password_without_a_field_is_not_left_out_in_silence() -> None:
    back_end = OddBackEnd()
    with back_end.running() as console:
        with pytest.raises(NotDiscovered) as exporting:
            export(console, Secret("of the backup"))
        with pytest.raises(NotDiscovered) as importing:
            import_(console, password=Secret("of the backup"))
    assert (exporting.value.keys, importing.value.keys) == (("rest.export.password",), ("rest.import.password",))
    assert back_end.seen == ["POST /api/in"]


def test_what_the_profile_does_not_name_is_not_guessed() -> None:
    back_end = OddBackEnd()
    with back_end.running(**{"export": None, "import": None}) as console:
        with pytest.raises(NotDiscovered) as exporting:
            export(console)
        with pytest.raises(NotDiscovered) as importing:
            import_(console)
    assert (exporting.value.keys, importing.value.keys) == (("rest.export.path",), ("rest.import.path",))
    assert back_end.seen == ["POST /api/in"]


# ---- jobs ------------------------------------------------------------------------------------------------------

EXPORT_JOB = {"path": "/export", "job": JOB | {"download": "/jobs/{id}/file"}}
BEGUN = said(202, {"id": "a/../b"})
RUNNING, DONE = said(200, {"state": "RUNNING"}), said(200, {"state": "DONE"})


def test_a_job_is_asked_for_and_its_id_stays_one_segment() -> None:
    back_end = OddBackEnd(
        {
            "POST /api/export": BEGUN,
            "GET /api/jobs/a%2F..%2Fb": [RUNNING, RUNNING, DONE],
            "GET /api/jobs/a%2F..%2Fb/file": ARCHIVED,
        }
    )
    with back_end.running(export=EXPORT_JOB) as console:
        assert export(console) == ARCHIVE
    assert back_end.seen.count("GET /api/jobs/a%2F..%2Fb") == 3


def test_a_job_that_fails_is_told_in_its_words() -> None:
    failed = said(200, {"state": "FAILED", "why": "no room left"})
    back_end = OddBackEnd({"POST /api/export": said(202, {"id": 7}), "GET /api/jobs/7": failed})
    job = JOB | {"download": "/jobs/{id}/file", "message": "/why"}
    with back_end.running(export={"path": "/export", "job": job}) as console, pytest.raises(ApplianceError) as error:
        export(console)
    assert told(error) == (
        "the back end's job ended as 'FAILED' (GET /api/jobs/7): no room left",
        "see the appliance's own log; an encrypted backup may be unreadable to another release",
    )


def test_a_job_that_does_not_end_is_given_up() -> None:
    back_end = OddBackEnd({"POST /api/export": said(202, {"id": 7}), "GET /api/jobs/7": said(200, {"state": "QUEUED"})})
    with back_end.running(export=EXPORT_JOB) as console, pytest.raises(TimedOut) as late:
        export(console)
    assert str(late.value) == "waited 8 s for the job that POST /api/export began (last seen: QUEUED)"
    assert late.value.hint == (
        "see the appliance's own log; rest.export.job.done and rest.export.job.failed name the states that end it"
    )


@pytest.mark.parametrize(
    ("routes", "message", "keys"),
    [
        (
            {"POST /api/export": said(202, {"job": 7})},
            "POST /api/export answered 202, but no id at '/id': seen an object with job",
            ("rest.export.job.id",),
        ),
        (
            {"POST /api/export": said(202, {"id": 7}), "GET /api/jobs/7": said(200, {"status": "DONE"})},
            "GET /api/jobs/7 answered 200, but no state at '/state': seen an object with status",
            ("rest.export.job.state",),
        ),
        (
            {"POST /api/export": said(202, {"id": 7})},
            "the back end at URL has no such endpoint: GET /api/jobs/7 answered 404: nothing here",
            ("rest.export.job.poll", "rest.base"),
        ),
        (
            {"POST /api/export": said(202, {"id": 7}), "GET /api/jobs/7": DONE},
            "the back end at URL has no such endpoint: GET /api/jobs/7/file answered 404: nothing here",
            ("rest.export.job.download", "rest.base"),
        ),
    ],
    ids=["id", "state", "poll", "download"],
)
def test_what_a_job_lacks_is_named(routes: dict[str, Any], message: str, keys: tuple[str, ...]) -> None:
    back_end = OddBackEnd(routes)
    with back_end.running(export=EXPORT_JOB) as console, pytest.raises(NotDiscovered) as lacking:
        export(console)
    assert told(lacking, back_end.url)[0] == message
    assert lacking.value.keys == keys


@pytest.mark.parametrize("id_", ["", ".", "..", "x" * 300])
def test_an_id_that_is_no_segment_is_refused(id_: str) -> None:
    back_end = OddBackEnd({"POST /api/export": said(202, {"id": id_})})
    with back_end.running(export=EXPORT_JOB) as console, pytest.raises(ApplianceError) as refused:
        export(console)
    assert str(refused.value) == f"the back end's id {id_[:40]!r} cannot be used in the path /jobs/{{id}}"


# ---- import ----------------------------------------------------------------------------------------------------


def test_what_another_release_encrypted_is_refused_in_its_words(tmp_path: Path, old: Six) -> None:
    with old.console(OLD) as console:
        data = export(console, Secret("one password"))
    with six(tmp_path / "new", seeded=False) as new, new.console(FRESH) as console:
        with pytest.raises(ApplianceError) as refused:
            import_(console, data, Secret("another password"))
        assert told(refused) == (
            (
                "the back end failed or refused: POST /api/v1/backup/import answered 422:"
                " The backup file cannot be decrypted: wrong password or damaged file"
            ),
            "an encrypted backup may be unreadable to another release: export it without a password",
        )
        assert new.back_end.pending.accounts() is None


class Endless(io.RawIOBase):
    """So many zeros, made as they are read. `most`: the longest piece that was asked for."""

    def __init__(self) -> None:
        self.most = 0

    def read(self, amount: int = -1) -> bytes:
        self.most = max(self.most, amount)
        assert amount >= 0
        return bytes(amount)


@pytest.mark.parametrize("file", ["f", None], ids=["multipart", "raw"])
def test_an_upload_is_read_as_it_is_sent(file: str | None) -> None:
    size, zeros, seen = 8 << 20, Endless(), list[Progress]()
    back_end = OddBackEnd({"POST /api/import": said(200, {})})
    with back_end.running(**{"import": {"path": "/import", "file": file}}) as console:
        console.import_backup(zeros, "b", size, None, seen.append)  # type: ignore[arg-type]  # read is all it needs
    assert seen[-1] == Progress(size, size)
    assert zeros.most <= 1 << 18


def test_a_web_page_for_an_upload_is_no_restore() -> None:
    back_end = OddBackEnd({"POST /api/import": page("<title>Gateway</title>")})
    with back_end.running() as console, pytest.raises(NotDiscovered) as lacking:
        import_(console)
    assert str(lacking.value) == "POST /api/import answered 200 with a web page, and nothing was restored"
    assert lacking.value.keys == ("rest.import.path", "rest.base")


def test_what_goes_on_after_the_answer_is_no_restore_yet() -> None:
    for confirm in ({}, {"confirm": {"path": "/go"}}):
        back_end = OddBackEnd({"POST /api/import": said(202, {"id": 7}), "POST /api/go": said(202, {})})
        with (
            back_end.running(**{"import": {"path": "/import"} | confirm}) as console,
            pytest.raises(NotDiscovered, match=r"answered 202 \(accepted, not finished\), and") as lacking,
        ):
            import_(console)
        assert lacking.value.keys == ("rest.import.job",)


@pytest.mark.parametrize("document", [{"success": False}, {"error": "no room"}, {"errors": ["no room"]}])
def test_a_good_status_with_a_failure_in_it_is_no_restore(document: object) -> None:
    back_end = OddBackEnd({"POST /api/import": said(200, document)})
    with back_end.running() as console, pytest.raises(ApplianceError, match="answered 200, but reports a failure"):
        import_(console)


@pytest.mark.parametrize("document", [{"success": True}, {"error": None, "errors": []}, {"message": "restored"}, []])
def test_a_good_status_without_one_is(document: object) -> None:
    back_end = OddBackEnd({"POST /api/import": said(200, document)})
    with back_end.running() as console:
        import_(console)


IMPORT_JOB = {"path": "/import", "file": "f", "job": JOB}


def away(handler: Any) -> None:
    handler.close_connection = True  # no answer at all


def test_a_back_end_that_restarts_under_a_restore_is_waited_for() -> None:
    back_end = OddBackEnd({"POST /api/import": said(202, {"id": 7}), "GET /api/jobs/7": [RUNNING, away, DONE]})
    with back_end.running(**{"import": IMPORT_JOB}) as console:
        import_(console)
    assert back_end.seen.count("GET /api/jobs/7") == 3


def test_a_restore_that_changes_the_accounts_is_told() -> None:
    back_end = OddBackEnd(
        {
            "POST /api/in": [said(200, {"token": "t"}), said(401, {"message": "unknown"})],
            "POST /api/import": said(202, {"id": 7}),
            "GET /api/jobs/7": said(401, {"message": "no"}),
        }
    )
    with back_end.running(**{"import": IMPORT_JOB}) as console, pytest.raises(ApplianceError) as ended:
        import_(console)
    assert told(ended, back_end.url) == (
        (
            "the restore was started, but its result can no longer be asked for:"
            " the back end at URL refused the account 'ada': POST /api/in answered 401: unknown"
        ),
        "log in with the restored account in a browser and check; do not import it again",
    )


def test_a_log_in_that_is_not_answered_under_a_restore_is_not_sent_again() -> None:
    back_end = OddBackEnd(
        {
            "POST /api/in": [said(200, {"token": "t"}), away],
            "POST /api/import": said(202, {"id": 7}),
            "GET /api/jobs/7": said(401, {"message": "no"}),
        }
    )
    with back_end.running(**{"import": IMPORT_JOB}) as console, pytest.raises(ApplianceError) as ended:
        import_(console)
    assert told(ended, back_end.url) == (
        (
            "the restore was started, but its result can no longer be asked for:"
            " URL closed the connection without an answer to POST /api/in"
        ),
        "log in with the restored account in a browser and check; do not import it again",
    )
    assert back_end.seen.count("POST /api/in") == 2


@pytest.mark.parametrize("path", ["/api/in", "/api/import"])
def test_what_changes_something_is_sent_once_whatever_becomes_of_the_answer(path: str) -> None:
    back_end = OddBackEnd({f"POST {path}": away})

    def both(console: RestConsole) -> None:
        console.log_in(ADMIN)
        import_(console)

    with (
        back_end.running(logged_in=False) as console,
        pytest.raises(Unanswered, match=f"without an answer to POST {path}$"),
    ):
        both(console)
    assert back_end.seen.count(f"POST {path}") == 1


def test_what_is_confirmed_is_named_by_its_id() -> None:
    back_end = OddBackEnd({"POST /api/import": said(201, {}), "POST /api/go/7": said(200, {})})
    confirm = {"path": "/go/{id}", "id": "/id"}
    with back_end.running(**{"import": {"path": "/import", "confirm": confirm}}) as console:
        with pytest.raises(NotDiscovered) as lacking:
            import_(console)
        assert lacking.value.keys == ("rest.import.confirm.id",)
        back_end.routes["POST /api/import"] = said(201, {"id": 7})
        import_(console)
    assert back_end.seen[-1] == "POST /api/go/7"


def test_a_proxys_prefix_stands_before_the_base() -> None:
    back_end = OddBackEnd({"POST /mail/api/in": said(200, {"token": "t"}), "GET /mail/api/me": said(200, {})})
    with back_end.running(prefix="/mail/") as console:
        console.find_backup()
    assert back_end.seen == ["POST /mail/api/in", "GET /mail/api/me"]
