"""A gateway in an attacker's hand, as a world: every command ends with an error in words, and nothing else is touched.

Each kind of answer (fixtures/appliance/hostile.py) at every door of a guest: its shell, its console, its SMTP server.
Looked at before and after: the other machines, the workstation's files and processes, and who was connected to.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from fixtures.appliance import config, hostile, state
from fixtures.memory import add_vm
from fixtures.processlab import LAN
from hypervisors import Network, NicSpec
from tests.journey.conftest import Tell
from tests.journey.records import number
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Story, Told

pytestmark = pytest.mark.slow

QUICKLY = {"limits": {"drain": 0.1, "network": 3, "boot": 10, "restart": 3, "answer": 1}}
ENDS = (DONE, WENT_BACK, REFUSED, ATTENTION)  # of the table of exit codes: never 4, a bug
BYSTANDER = "bystander"
kinds = pytest.mark.parametrize("kind", hostile.KINDS)


def half(first: int) -> pytest.MarkDecorator:
    """Every second kind from there; the others in `make long` alone. Two tests have one half each."""
    marks = [() if number % 2 == first else pytest.mark.long for number in range(len(hostile.KINDS))]
    each = zip(hostile.KINDS, marks, strict=True)
    return pytest.mark.parametrize("kind", [pytest.param(kind, marks=mark) for kind, mark in each])


def in_words(told: Told) -> Told:
    """Ended as the table of exit codes says, with a hint where it failed, and nothing that steers the terminal."""
    said = told.out + told.err
    assert told.status in ENDS, said
    assert told.status == DONE or "→" in said, said
    assert "Traceback" not in said
    assert [char for char in said if not (char.isprintable() or char == "\n")] == []
    return told


class Around:
    """What a hostile guest must not touch."""

    def __init__(self, story: Story, home: Path) -> None:
        self._story, self._home = story, home
        nic = NicSpec(Network(LAN, "network"), "52:54:00:0a:00:99", link_up=True)
        self._other = add_vm(story.lab.folder, BYSTANDER, [nic], power="off", notes="another machine").id
        self._before = self._seen()

    def assert_untouched(self) -> None:
        assert self._seen() == self._before
        assert hostile.owned(self._story.folder, self._home, Path.cwd()) == []

    def _seen(self) -> tuple[Any, ...]:
        vms = state.read(self._story.lab.folder)[1]["vms"]
        files = sorted(str(path) for path in self._home.rglob("*"))
        return vms[self._other], files, sorted(map(str, Path.cwd().iterdir())), _processes(self._story)


def _processes(story: Story) -> list[str]:
    """What a command left behind; the guests are processes too, but the lab's."""
    return [each.name() for each in psutil.Process(story.child._process.pid).children(recursive=True)]


@contextmanager
def elsewhere() -> Iterator[list[str]]:
    """The host that hostile answers name. Who connects to it is listed."""
    came: list[str] = []

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, peer = listening.accept()
            except OSError:
                return
            came.append(peer[0])
            connection.close()

    with socket.create_server(("127.0.66.6", 8443), reuse_port=True) as listening:  # two tests at once have one each
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        try:
            yield came
        finally:
            listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def watched(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Around]:
    """Nothing around is touched within, and nobody connects to the attacker's host."""
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    around = Around(story, home)
    with elsewhere() as came:
        yield around
    around.assert_untouched()
    assert came == []
    assert story.conflicts() == []


def live(story: Story) -> list[str]:
    """The gateways that run and are plugged in to the live network, as `Story.live`, without the other machine."""
    story.lab.settle()
    return [
        "old" if identity == story.lab.old_id else "new"
        for identity, vm in gateways(story).items()
        if vm["power"] == "running" and (LAN, True) in [(nic["network"], nic["link_up"]) for nic in vm["nics"]]
    ]


def gateways(story: Story) -> dict[str, Any]:
    vms = state.read(story.lab.folder)[1]["vms"]
    return {identity: vm for identity, vm in vms.items() if vm["name"] != BYSTANDER}


def turn(story: Story, vm_id: str, kind: str) -> None:
    """From now on that guest is the attacker's."""
    config.change(story.lab.root_of(vm_id).at(config.CONSOLE_TOML), {"hostile": kind})


@kinds
def test_what_only_reads(tell: Tell, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """plan, backup and tls show, of an old gateway that is hostile: nothing at all is changed."""
    story = tell(old={"hostile": kind})
    with watched(story, tmp_path, monkeypatch):
        before = story.everything()
        in_words(story.plan(**QUICKLY))
        console = f"https://{story.lab.address}:{story.lab.console_port}/ciphermail"
        story.secrets["VMMIGRATE_CONSOLE_PASSWORD"] = story.lab.admin_old.password
        way = ("-o", str(tmp_path / "backup"), "--fingerprint", story.lab.web_fingerprint)
        in_words(story.command("backup", "export", console, *way))
        in_words(story.command("tls", "show", story.lab.address, **QUICKLY))
        assert story.everything() == before
    assert not (tmp_path / "backup").exists() or (tmp_path / "backup").stat().st_size > 0


@kinds
def test_a_migration_into_a_hostile_image(
    tell: Tell, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old gateway serves, or the new one does; in no case both or another machine."""
    story = tell(new={"hostile": kind})
    with watched(story, tmp_path, monkeypatch):
        told = in_words(story.migrate(**QUICKLY))
        assert live(story) == (["new"] if told.status == DONE else ["old"])


@half(0)
def test_an_old_gateway_that_turns_hostile_under_way(
    tell: Tell, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the export; then resumed, and rolled back."""
    story = tell()
    with watched(story, tmp_path, monkeypatch):
        assert story.migrate(stop=("SIGKILL", "before", number("begin", "export")), **QUICKLY).status == KILLED
        turn(story, story.lab.old_id, kind)
        resumed = in_words(story.command("resume", story.run_id, **QUICKLY))
        if resumed.status != DONE:
            in_words(story.command("rollback", story.run_id, "--yes", **QUICKLY))
        assert len(live(story)) == 1


@half(1)
def test_a_new_gateway_that_turns_hostile_after_the_commit(
    tell: Tell, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way back: to the old gateway, or refused in words, with one of them live."""
    story = tell()
    with watched(story, tmp_path, monkeypatch):
        assert story.migrate(**QUICKLY).status == DONE
        [new] = gateways(story).keys() - {story.lab.old_id}
        turn(story, new, kind)
        in_words(story.command("rollback", story.run_id, "--yes", **QUICKLY))
        assert len(live(story)) == 1
