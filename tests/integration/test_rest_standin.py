"""The 6.x stand-in keeps what its OpenAPI document says, whatever it is asked, and what the facts say of log-ins."""

import io
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from rest_stand_in import OLD, Six, six

from fixtures.appliance import seed
from fixtures.rest import openapi
from fixtures.rest.switches import Switches
from hypervisors import fetch_leaf, fingerprint_of

CREDENTIALS = {"username": OLD.user, "password": OLD.password.reveal()}
MANNERS = {
    "direct": Switches(),
    "jobs": Switches(base="/rest", token_from="header", token_sent="header", jobs=True, upload="raw", confirm=True),
    "forms": Switches(base="", login_body="form", confirm=True),
    "cookies": Switches(token_from="cookie", token_sent="cookie", jobs=True),
}
# A valid cookie of the session stands in for the one that "negative" leaves out: that manner is asked good things only.
FUZZED = [
    (mode, name) for mode in ("positive", "negative") for name in MANNERS if (mode, name) != ("negative", "cookies")
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    file.write_bytes(seed.ca_pem())
    return str(file)


def session(running: Six, authority: str) -> requests.Session:
    """Logged in, as the OpenAPI document says; it carries the token of whatever form."""
    switches = running.back_end.switches
    asking = requests.Session()
    asking.verify = authority
    asking.trust_env = False
    kind = {"json" if switches.login_body == "json" else "data": CREDENTIALS}
    answer = asking.post(f"{running.url}{switches.base}/auth/login", timeout=10, **kind)
    assert answer.ok
    if switches.token_sent == "bearer":
        asking.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    elif switches.token_sent == "header":
        asking.headers["X-Auth-Token"] = answer.headers["X-Auth-Token"]
    return asking


def fuzz(running: Six, authority: str, mode: str, examples: int, place: Path) -> set[tuple[str, int]]:
    """Ask every operation of its document so many things; operations with statuses. A check that fails raises."""
    import schemathesis  # here, because it takes seconds to load and one slow test alone needs it
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.configuration import set_hypothesis_home_dir
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    set_hypothesis_home_dir(place)  # else it leaves a folder in the repository
    asking, seen = session(running, authority), set[tuple[str, int]]()
    url = f"{running.url}{running.back_end.switches.base}/openapi.json"
    schema = schemathesis.openapi.from_url(url, config=schemathesis.Config.from_dict({}), verify=authority)
    bounded = settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def ask(case: Any) -> None:
        # A schema cannot say which bytes are a backup, nor may a form's field, always text on its way, be no string.
        bytes_decide = case.operation.path.endswith("/import")
        excluded = [positive_data_acceptance, negative_data_rejection] if bytes_decide else []
        sending = {"session": asking, "cookies": asking.cookies.get_dict(), "timeout": 10, "verify": authority}
        answer = case.call_and_validate(excluded_checks=excluded, **sending)
        seen.add((case.operation.label, answer.status_code))

    for found in schema.get_all_operations():
        strategy = found.ok().as_strategy(schemathesis.GenerationMode(mode))
        bounded(given(case=strategy)(ask))()
    return seen


def operations(switches: Switches) -> set[str]:
    paths = openapi.document(switches)["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "name"), FUZZED)
def test_whatever_it_is_asked_it_answers_as_its_document_says(
    tmp_path: Path, authority: str, mode: str, name: str
) -> None:
    """No 5xx, no status, type or schema that is not documented, no refusal of what is valid and the reverse."""
    with six(tmp_path / "root", switches=MANNERS[name]) as running:
        seen = fuzz(running, authority, mode, examples=20, place=tmp_path)
        assert {label for label, _ in seen} == operations(running.back_end.switches)
        exported = {status for label, status in seen if label == "POST /backup/export"}
        assert {"positive": 202 if running.back_end.switches.jobs else 200, "negative": 400}[mode] in exported
        assert running.back_end.pending.accounts() is None  # nothing that was made up was restored


# ---- what the facts say of log-ins -----------------------------------------------------------------------------


def test_five_failures_block_an_account_and_no_other(tmp_path: Path, authority: str) -> None:
    """[F-REST-2]"""
    with six(tmp_path / "root") as running:
        where = f"{running.url}/api/v1/auth/login"

        def log_in(user: str, password: str) -> int:
            body = {"username": user, "password": password}
            return requests.post(where, json=body, verify=authority, timeout=10).status_code

        assert [log_in(OLD.user, "wrong") for _ in range(5)] == [401] * 5
        assert log_in(OLD.user, OLD.password.reveal()) == 429
        assert log_in("somebody else", "wrong") == 401
        running.back_end.attempts.now = lambda: time.monotonic() + 301
        assert log_in(OLD.user, OLD.password.reveal()) == 200


def test_a_restore_is_effective_after_a_restart(tmp_path: Path, authority: str) -> None:
    """[F-BACKUP-4]"""
    with six(tmp_path / "root") as running:
        asking = session(running, authority)
        archive = asking.post(f"{running.url}/api/v1/backup/export", json={}, timeout=10).content
    with six(tmp_path / "new", seeded=False) as running:
        end = running.back_end
        end.restore(io.BytesIO(archive), "")
        assert (end.knows(*CREDENTIALS.values()), end.knows("admin", "admin")) == (False, True)
        end.restart()
        assert (end.knows(*CREDENTIALS.values()), end.knows("admin", "admin")) == (True, False)


def test_a_browser_gets_one_page_for_every_path(tmp_path: Path, authority: str) -> None:
    """[F-FAMILY-3]"""
    with six(tmp_path / "root") as running:
        pages = {requests.get(running.url + path, verify=authority, timeout=10).text for path in ("/", "/ciphermail")}
        (page,) = pages
        assert '<div id="root">' in page
        assert "<form" not in page


def test_it_runs_by_hand(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fixtures.rest", "--port", "0", "--jobs", "true", "--base", "/rest"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        port = re.fullmatch(r"back end at https://127\.0\.0\.1:(\d+)/rest/openapi\.json\n", lines[0])
        assert port
        assert fingerprint_of(fetch_leaf("127.0.0.1", int(port[1]))) == lines[2].split()[-1]
        process.terminate()
        assert process.wait(10) == 0
