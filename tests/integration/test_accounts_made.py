"""What the client runs to make accounts, run by the real programs, in a mount namespace with an /etc of its own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import BinaryIO

import pytest

from vmmigrate.appliance import accounts, authorized
from vmmigrate.appliance.accounts import Account
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.appliance.ssh import installing
from vmmigrate.errors import ApplianceError, CommandFailed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA" + "A" * 43
HASH = "$6$saltsalt$" + "a" * 86
PARTS = (
    "passwd",
    "group",
    "shadow",
    "gshadow",
    "login.defs",
    "shells",
    "nsswitch.conf",
    "pam.d",
    "security",
    "default",
)


class Namespace:
    """As much of port.Shell as making accounts takes."""

    host = "here"

    def __init__(self, process: int) -> None:
        self._enter = ("nsenter", "-t", str(process), "-m", "--")

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        done = subprocess.run((*self._enter, *argv), capture_output=True, text=True, check=False, timeout=timeout)
        if check and done.returncode != 0:
            raise CommandFailed(f"{argv}: {done.stderr}", hint="")
        return Result(done.returncode, done.stdout, done.stderr)

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = 60.0) -> str:
        given = source.read()
        done = subprocess.run((*self._enter, *argv), input=given, stdout=subprocess.PIPE, check=True, timeout=timeout)
        return done.stdout.decode()

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        line = installing.script(files, folders, "mark")
        given = installing.stream(files, "mark")
        done = subprocess.run((*self._enter, "sh", "-c", line), input=given, capture_output=True, check=False)
        if done.returncode != 0:
            raise CommandFailed(f"install: {done.stderr!r}", hint="")

    def read_file(self, path: str) -> bytes:
        return self.run(("cat", path)).stdout.encode()

    def file_meta(self, path: str) -> FileMeta | None:
        return None


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Namespace]:
    etc, home = tmp_path / "etc", tmp_path / "home"
    etc.mkdir()
    home.mkdir()
    for name in PARTS:
        source = Path("/etc", name)
        if source.is_dir():
            shutil.copytree(source, etc / name, symlinks=True)
        elif source.exists():
            shutil.copy(source, etc / name)
    mounts = f"mount --bind {etc} /etc && mount --bind {home} /home && echo ready && exec sleep 300"
    with subprocess.Popen(["unshare", "-m", "sh", "-c", mounts], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Namespace(process.pid)
        finally:
            process.kill()


def test_the_real_programs_take_it_and_it_may_be_done_again(guest: Namespace) -> None:
    made = (
        Account("carried.first", 0x7FFF, "Alice, A.", "/home/carried.first", "/bin/zsh", ("sudo", "nobody-has-it")),
        Account("carried_second", 0, "", "/etc", "/bin/sh", (), "2031-01-02", HASH, f'from="192.0.2.1" {KEY} her\n'),
    )
    for _ in range(2):
        there = accounts.room(guest)
        accounts.make(guest, there, made)
        accounts.give_keys(guest, accounts.room(guest), made)
    rows = {line.split(":")[0]: line.split(":") for line in guest.run(("cat", "/etc/passwd")).stdout.splitlines()}
    shadow = {line.split(":")[0]: line.split(":") for line in guest.run(("cat", "/etc/shadow")).stdout.splitlines()}
    assert rows["carried.first"][2:3] + rows["carried.first"][4:] == [
        "32767",
        "Alice, A.",
        "/home/carried.first",
        "/bin/bash",
    ]
    assert rows["carried_second"][5:] == ["/home/carried_second", "/bin/sh"]
    assert int(rows["carried_second"][2]) > 0
    assert (shadow["carried_second"][1], shadow["carried_second"][7]) == (HASH, "22281")
    assert shadow["carried.first"][1].startswith("!")
    assert "carried.first" in guest.run(("sh", "-c", "grep ^sudo: /etc/group")).stdout
    keys = "/home/carried_second/.ssh/authorized_keys"
    assert guest.run(("cat", keys)).stdout == f'from="192.0.2.1" {KEY} her\n'
    owners = guest.run(("stat", "-c", "%a %U", "/home/carried_second/.ssh", keys)).stdout.splitlines()
    assert owners == ["700 carried_second", "600 carried_second"]


def test_two_of_them_never_share_a_uid_or_a_home(guest: Namespace) -> None:
    """The old ones may: the second useradd refused the uid, and the keys of one locked out the other."""
    guest.run(("useradd", "-m", "-d", "/home/there", "there"))
    guest.run(("useradd", "-M", "-d", "/home/there", "beside"))
    wanted = {
        "first": (30001, "/home/both"),
        "second": (30001, "/home/both"),
        "third": (30002, "/home/there"),
        "fourth": (30003, "/home/there/below"),
        "fifth": (30004, "/home/first"),
    }
    made = [Account(name, uid, "", home, "/bin/sh", keys=f"{KEY} {name}\n") for name, (uid, home) in wanted.items()]
    given: list[int] = []
    for _ in range(2):
        accounts.make(guest, accounts.room(guest), made)
        given.append(accounts.give_keys(guest, accounts.room(guest), made).number)
    rows = {line.split(":")[0]: line.split(":") for line in guest.run(("cat", "/etc/passwd")).stdout.splitlines()}
    assert [rows[name][2] for name in ("first", "third", "fourth", "fifth")] == ["30001", "30002", "30003", "30004"]
    assert len({rows[name][2] for name in wanted}) == len(wanted)
    assert [rows[name][5] for name in wanted] == ["/home/both", *(f"/home/{name}" for name in list(wanted)[1:])]
    assert given == [len(wanted), 0]
    shared = accounts.give_keys(guest, accounts.room(guest), [Account("beside", 0, "", "/", "/bin/sh", keys=KEY)])
    assert shared.refused == ("beside (its home is also that of there)",)
    assert guest.run(("test", "-e", "/home/there/.ssh"), check=False).status == 1


def test_a_home_that_another_has_is_refused_before_anything_is_made(guest: Namespace) -> None:
    guest.run(("useradd", "-m", "-d", "/home/late", "early"))
    with pytest.raises(ApplianceError, match="another account with the home /home/late"):
        accounts.make(guest, accounts.room(guest), [Account("late", 30001, "", "/home/late", "/bin/sh")])
    assert "late:" not in guest.run(("cat", "/etc/shadow")).stdout


def test_what_an_account_puts_in_its_home_leads_root_nowhere(guest: Namespace) -> None:
    """Its folder a link to another's, its file a link to what it may not read; the others get theirs all the same."""
    made = tuple(
        Account(name, 0, "", "/etc", "/bin/sh", keys=f"{KEY} {name}\n") for name in ("linked", "reads", "ordinary")
    )
    accounts.make(guest, accounts.room(guest), made)
    before = guest.run(("stat", "-c", "%a %U", "/etc")).stdout
    guest.run(("ln", "-s", "/etc", "/home/linked/.ssh"))
    guest.run(("runuser", "-u", "reads", "--", "mkdir", "/home/reads/.ssh"))
    guest.run(("sh", "-c", f"umask 077; echo {KEY[:-1]}B of-root > /etc/of-root"))
    guest.run(("ln", "-s", "/etc/of-root", "/home/reads/.ssh/authorized_keys"))
    given = accounts.give_keys(guest, accounts.room(guest), made)
    assert guest.run(("stat", "-c", "%a %U", "/etc")).stdout == before
    assert guest.run(("test", "-e", "/etc/authorized_keys"), check=False).status == 1
    assert guest.run(("cat", "/home/reads/.ssh/authorized_keys")).stdout == f"{KEY} reads\n"
    assert guest.run(("cat", "/home/ordinary/.ssh/authorized_keys")).stdout == f"{KEY} ordinary\n"
    assert given.number == 2
    assert [words.split(" ")[0] for words in given.refused] == ["linked"]


def test_a_file_that_its_account_has_led_to_a_device_or_pipe_holds_up_nobody(
    guest: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read with the account's own rights: opened by root, some devices begin to work."""
    monkeypatch.setattr(authorized, "_SECONDS", 5)  # a busy machine starts `head` late
    made = tuple(Account(name, 0, "", "/", "/bin/sh", keys=f"{KEY} x\n") for name in ("zeros", "piped", "roots"))
    accounts.make(guest, accounts.room(guest), made)
    guest.run(("sh", "-c", f"umask 077; echo {KEY} of-root > /etc/of-root"))
    for name, lead in (("zeros", "ln -s /dev/zero"), ("piped", "mkfifo"), ("roots", "ln -s /etc/of-root")):
        folder = f"/home/{name}/.ssh"
        guest.run(("runuser", "-u", name, "--", "sh", "-c", f"mkdir -p {folder} && {lead} {folder}/authorized_keys"))
    look = LookingShell(guest)  # type: ignore[arg-type]
    people = accounts.of_people(look.run(authorized.ACCOUNTS).stdout)
    found = {
        each.name: each for each in accounts.read(look, {name: people[name] for name in ("zeros", "piped", "roots")})
    }
    assert {each.keys for each in found.values()} == {""}
    assert found["zeros"].lost[-1] == "authorized_keys has 256 KiB or more"
    assert found["piped"].lost[-1] == "authorized_keys cannot be read in 5 s: is it a file?"
    given = accounts.give_keys(guest, accounts.room(guest), made)  # type: ignore[arg-type]
    assert [words.split(" ")[0] for words in given.refused] == ["zeros", "piped"]


def test_an_account_that_stops_its_own_processes_holds_up_nobody(
    guest: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for them is root's. `runuser` stops itself where its child is stopped."""
    monkeypatch.setattr(authorized, "_SECONDS", 3)
    accounts.make(guest, accounts.room(guest), [Account("stops", 47123, "", "/home/stops", "/bin/sh")])
    pipe = "/home/stops/.ssh/authorized_keys"
    guest.run(("runuser", "-u", "stops", "--", "sh", "-c", f"mkdir -p {Path(pipe).parent} && mkfifo {pipe}"))
    asked, over = authorized.question("stops", "/home/stops"), Event()
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(_stops, 47123, pipe, over)
        try:
            said = guest.run(asked, check=False)
        finally:
            over.set()
    assert stopped.result()
    assert authorized.unread(said) == "authorized_keys cannot be read in 3 s: is it a file?"
    assert list(_of(47123, pipe)) == []


def _stops(uid: int, word: str, over: Event) -> set[int]:
    """All that the account itself can stop, again and again; which those were."""
    found = set()
    while not over.wait(0.05):
        for number in _of(uid, word):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGSTOP)
                found.add(number)
    for number in _of(uid, word):
        os.kill(number, signal.SIGKILL)
    return found


def _of(uid: int, word: str) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if process.stat().st_uid == uid and word.encode() in (process / "cmdline").read_bytes():
                yield int(process.name)
