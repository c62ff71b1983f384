"""An ordinary account under a real polkit with exactly the documented rule: all that a run asks for, nothing beside."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab import folders, namespace, polkit
from fixtures.lab.lab import _lay_out
from fixtures.lab.places import Folders
from fixtures.lab.problems import LabFailed
from hypervisors import NotYet, wait_for
from hypervisors.kvm.privileges import rule

pytestmark = pytest.mark.lab
CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "privileges.md").read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folders]:
    if os.geteuid() != 0 or not shutil.which("libvirtd") or not polkit.DAEMON.exists():
        pytest.skip("needs root, libvirtd and polkitd")
    made = Folders(tmp_path_factory.mktemp("lab"), folders().cache)
    made.cache.mkdir(parents=True, exist_ok=True)
    _lay_out(made)
    polkit.lay(made, rule(polkit.ACCOUNT))
    polkit.ask(made)
    namespace.start(made)
    try:
        wait_for("libvirtd", lambda: _prepared(made), timeout=180, clears=f"see {made.log}", pause=1.0)
        yield made
    finally:
        namespace.stop(made)


def _prepared(place: Folders) -> None:
    try:
        done = _run(namespace.inside(place, *_calls("prepare", str(place.pool))))
    except LabFailed as early:
        raise NotYet(str(early)) from early
    if done.returncode:
        raise NotYet(done.stderr[-300:])


def _calls(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.lab.polkit_calls", *words]


def _run(argv: list[str]) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT), "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=environ, cwd=CHECKOUT)


def asked(place: Folders, what: str) -> dict[str, Any]:
    done = _run(polkit.as_the_account(place, _calls(what)))
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_all_that_a_run_asks_for_is_permitted_and_nothing_beside(place: Folders) -> None:
    assert rule("vmmigrate") in PAGE
    beside = asked(place, "beside")
    assert {name: "denied" in said for name, said in beside.items()} == dict.fromkeys(beside, True), beside
    calls = asked(place, "calls")
    assert calls == dict.fromkeys(calls, "")


def test_without_the_rule_the_account_may_not_even_connect(place: Folders) -> None:
    rules = place.lab / "polkit" / "50-vmmigrate.rules"
    before = rules.read_text()
    rules.write_text("")
    try:
        wait_for("polkit to read it", lambda: _is_refused(place), timeout=180, clears="", pause=0.5)
    finally:
        rules.write_text(before)


def _is_refused(place: Folders) -> None:
    done = _run(polkit.as_the_account(place, _calls("beside")))
    if "authentication" not in done.stderr:
        raise NotYet(done.stderr[-300:])
