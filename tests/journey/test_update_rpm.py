"""Hosts of .rpm packages are updated: by the real rpm and PostgreSQL; only the distribution's name is stood in for."""

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fixtures.packagehost.host import NEW, REDHAT, SUSE, Kind, new_stubs, why_not
from fixtures.packages import build_rpm
from tests.journey.story import DONE, KILLED, WENT_BACK
from tests.journey.updating import Tale, failing, forth_and_back_with_another, is_new, needing_another

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not() or not shutil.which("rpmbuild")), reason=why_not() or "needs rpmbuild"),
]


@pytest.fixture
def tale(tell_host: Callable[[Kind], Tale]) -> Tale:
    return tell_host(REDHAT)


@pytest.mark.parametrize("kind", [REDHAT, SUSE], ids=lambda kind: kind.name)
def test_an_edited_host_is_updated_and_goes_back_when_it_is_asked_for(
    tell_host: Callable[[Kind], Tale], kind: Kind
) -> None:
    tale = tell_host(kind)
    (tale.host.root / "etc/djigzo/djigzo.properties").write_text("by hand\n")
    before = tale.world()
    told = tale.update()
    assert told.status == DONE, told.err
    assert is_new(tale)
    world = tale.world()
    assert "cm_logs" in world["rows"]
    assert world["conffile"] == "by hand\n"
    assert "what the new release has for them: /etc/djigzo/djigzo.properties.rpmnew" in told.out
    assert not (tale.host.root / kind.caches.removeprefix("/") / "web").exists()
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.world() == before


@pytest.mark.parametrize(
    ("package", "script", "text", "said"),
    [
        ("djigzo", "preinst", "exit 1", "djigzo"),
        pytest.param("djigzo", "postinst", "exit 1", "djigzo", marks=pytest.mark.long),
        pytest.param("djigzo-web", "preinst", "exit 1", "djigzo-web", marks=pytest.mark.long),
        ("djigzo-web", "postinst", "exit 1", "djigzo-web"),
        ("djigzo-web", "postinst", "kill -9 $PPID", "`transaction` was killed there (SIGKILL)"),
    ],
)
def test_a_script_that_fails_goes_back_by_itself(
    tale: Tale, tmp_path: Path, package: str, script: str, text: str, said: str
) -> None:
    """rpm itself ends well although a script failed that runs after the files are there."""
    before = tale.world()
    new = failing(tmp_path / "new", {package: {script: f"#!/bin/sh\n{text}\n"}}, REDHAT)
    told = tale.update(packages=new)
    assert told.status == WENT_BACK, told.err
    assert said in told.err
    assert tale.world() == before


def test_a_transaction_whose_end_nobody_saw_is_done_again(tale: Tale, tmp_path: Path) -> None:
    """The script failed, and the run died with the answer: the packages look whole."""
    new = failing(tmp_path / "new", {"djigzo": {"postinst": "#!/bin/sh\ntest -e /ready\n"}}, REDHAT)
    assert tale.update(packages=new, stop=("SIGKILL", "after", ("begin", "install"))).status == KILLED
    (tale.host.root / "ready").touch()
    folder = f"/var/lib/vmmigrate/{tale.run_id}/new"
    (tale.host.root / "var/lib/vmmigrate/rpm-transaction").write_text("djigzo\ndjigzo-web\n")
    (tale.host.root / "ready").unlink()
    tale.host.run(("sh", "-c", f"rpm -U {folder}/*.rpm"), check=True)
    (tale.host.root / "ready").touch()
    assert tale("resume", tale.run_id).status == DONE
    assert is_new(tale)
    assert not (tale.host.root / "var/lib/vmmigrate/rpm-transaction").exists()


@pytest.mark.parametrize(
    "step", ["install", *(pytest.param(step, marks=pytest.mark.long) for step in ("copy", "open"))]
)
def test_killed_in_a_step_it_is_resumed_and_rolled_back(tale: Tale, step: str) -> None:
    before = tale.world()
    assert tale.update(stop=("SIGKILL", "before", ("done", step))).status == KILLED
    assert tale("resume", tale.run_id, stop=("SIGKILL", "before", ("done", step))).status == KILLED
    assert tale("resume", tale.run_id).status == DONE
    assert is_new(tale)
    assert tale("rollback", tale.run_id, "--yes", stop=("SIGKILL", "after", ("undo", step))).status == KILLED
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.world() == before


def test_packages_that_somebody_else_works_on_are_left_alone(tale: Tale) -> None:
    before = tale.world()
    with (tale.host.root / "var/lib/rpm/.rpm.lock").open("r+") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        told = tale.update()
    assert told.status == WENT_BACK
    assert "another program works on the packages" in told.err
    assert tale.world() == before
    shutil.rmtree(tale.host.folder / "runs")
    (tale.host.root / "run/zypp.pid").write_text(f"{os.getpid()}\n")
    told = tale.update()
    assert "package-lock" in told.err
    assert tale.world() == before


def test_a_disk_that_is_full_goes_back(tale: Tale, tmp_path: Path) -> None:
    before = tale.world()
    new = failing(tmp_path / "new", {}, REDHAT)
    next(new.glob("djigzo-web-*")).unlink()
    shutil.rmtree(new / f".djigzo-web-{NEW}-rpm")
    web = next(stub for stub in new_stubs() if stub.name == "djigzo-web")
    build_rpm(replace(web, files={"/usr/share/djigzo-web/web": "x" * 300_000}), new)
    tale.host.mount("/usr/share/djigzo-web", "64k")
    told = tale.update(packages=new)
    assert told.status == WENT_BACK
    assert "more space" in told.err
    assert tale.world() == before


@pytest.mark.skipif(not (shutil.which("dnf") and shutil.which("createrepo_c")), reason="needs a repository's tools")
def test_dependencies_come_from_the_repositories_of_the_host(tale: Tale, tmp_path: Path) -> None:
    """They are fetched before anything stops: nobody serves them any more when they are installed."""
    new = needing_another(tmp_path / "new", tale.host)
    server = _serving(tale.host.root)
    with server:
        forth_and_back_with_another(tale, new, server.shutdown)


def _serving(root: Path) -> ThreadingHTTPServer:
    """The host's repository, over HTTP: dnf keeps no copy of files that are on the host itself."""
    handler = partial(Silent, directory=str(root / "repository"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    text = f"[own]\nname=own\nbaseurl=http://127.0.0.1:{server.server_port}\ngpgcheck=0\n"
    (root / "etc/yum.repos.d/own.repo").write_text(text)
    return server


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Nothing."""
