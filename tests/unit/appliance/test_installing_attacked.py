"""Files put in place where somebody else may write: root is led nowhere else, whatever lies in the way."""

import getpass
import grp
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import pytest

from vmmigrate.appliance.port import FileMeta, NewFile, Result, Shell
from vmmigrate.appliance.ssh.installing import script, stream
from vmmigrate.appliance.tls import placing
from vmmigrate.errors import ApplianceError, CommandFailed

MARK = "vmmigrate-0123456789abcdef"
ME = (getpass.getuser(), grp.getgrgid(os.getgid()).gr_name)
KEY = b"-----BEGIN PRIVATE KEY-----\n"
META = FileMeta("0640", *ME)


def install(*paths: Path, meta: FileMeta = META) -> "subprocess.CompletedProcess[bytes]":
    files = [NewFile(str(path), KEY, meta) for path in paths]
    environ = {**os.environ, "TMPDIR": "/nowhere", "CDPATH": str(paths[0].parents[1] / "loot")}
    line, given = script(files, [], MARK), stream(files, MARK)
    return subprocess.run(["sh", "-c", line], input=given, capture_output=True, check=False, env=environ)


@pytest.fixture
def loot(tmp_path: Path) -> Path:
    """Where the attacker wants something to be written: cron's folder, say."""
    (tmp_path / "keys").mkdir()
    loot = tmp_path / "loot"
    loot.mkdir()
    (loot / "shadow").write_text("root:*:")
    (loot / "shadow").chmod(0o600)
    return loot


def untouched(loot: Path) -> bool:
    names = sorted(path.name for path in loot.iterdir())
    return (
        names == ["shadow"]
        and (loot / "shadow").read_text() == "root:*:"
        and (loot / "shadow").stat().st_mode & 0o777 == 0o600
    )


def link_to_file(at: Path, loot: Path) -> None:
    at.symlink_to(loot / "shadow")


def link_to_nothing_yet(at: Path, loot: Path) -> None:
    at.symlink_to(loot / "new")


def hard_link(at: Path, loot: Path) -> None:
    at.hardlink_to(loot / "shadow")


def fifo(at: Path, loot: Path) -> None:
    os.mkfifo(at)


def link_to_folder(at: Path, loot: Path) -> None:
    at.symlink_to(loot)


IN_THE_WAY = [link_to_file, link_to_nothing_yet, hard_link, fifo, link_to_folder]


@pytest.mark.parametrize("lay", IN_THE_WAY, ids=lambda lay: lay.__name__)
def test_what_lies_in_the_way_is_replaced_and_not_followed(
    tmp_path: Path, loot: Path, lay: Callable[..., None]
) -> None:
    at = tmp_path / "keys" / "tls.pem"
    for path in (at, at.with_name("tls.pem.vmmigrate-new")):
        lay(path, loot)
    done = install(at)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (at.is_symlink(), at.read_bytes(), at.stat().st_mode & 0o777) == (False, KEY, 0o640)
    assert untouched(loot)


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, loot: Path) -> None:
    (tmp_path / "link").symlink_to(loot)
    (loot / "below").mkdir()
    for folder in (tmp_path / "link", tmp_path / "link" / "below"):
        done = install(tmp_path / "keys" / "first", folder / "tls.pem")
        assert done.returncode != 0
        assert (
            done.stderr.decode().splitlines()[-1] == f"{folder} is a link, or below one, or everybody may write in it"
        )
    (loot / "below").rmdir()
    assert untouched(loot)
    assert list((tmp_path / "keys").iterdir()) == []


def test_a_folder_in_which_everybody_may_write_is_refused(tmp_path: Path, loot: Path) -> None:
    (tmp_path / "keys").chmod(0o1777)
    done = install(tmp_path / "keys" / "tls.pem")
    assert b"everybody may write in it" in done.stderr
    assert list((tmp_path / "keys").iterdir()) == []


def test_a_mode_that_makes_another_user_is_not_kept(tmp_path: Path, loot: Path) -> None:
    """A hard link to a program of root's would have given the new file its mode."""
    assert install(tmp_path / "keys" / "tls.pem", meta=FileMeta("4755", *ME)).returncode == 0
    assert (tmp_path / "keys" / "tls.pem").stat().st_mode & 0o7777 == 0o755


def test_what_a_guest_that_went_down_left_is_removed(tmp_path: Path, loot: Path) -> None:
    left = tmp_path / "keys" / ".vmmigrate-new.0011223344556677"
    left.mkdir(mode=0o700)
    (left / "0").write_bytes(KEY)
    (tmp_path / "keys" / ".vmmigrate-new.link").symlink_to(loot)
    assert install(tmp_path / "keys" / "tls.pem").returncode == 0
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["tls.pem"]
    assert untouched(loot)


# ---- the copies beside -------------------------------------------------------------------------------------------


class Local:
    """port.Shell over this machine's own programs, as far as files are put in place."""

    host, patience = "here", 120.0

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        piped = subprocess.PIPE
        with subprocess.Popen(argv, stdout=piped, stderr=piped, text=True, start_new_session=True) as done:
            try:
                out, error = done.communicate(timeout=self.patience)
            except subprocess.TimeoutExpired:  # what it started reads a FIFO
                os.killpg(done.pid, signal.SIGKILL)
                raise CommandFailed("it did not end in time", hint="see there") from None
        if check and done.returncode:
            raise CommandFailed(error, hint="see there")
        return Result(done.returncode, out, error)

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        line, given = script(files, folders, MARK), stream(files, MARK)
        subprocess.run(["sh", "-c", line], input=given, capture_output=True, check=True)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(placing, "RECORD", str(tmp_path / "record.json"))
    monkeypatch.setattr(Local, "patience", Local.patience)
    monkeypatch.setattr(placing, "_RECORD_META", FileMeta("0600", *ME))
    return cast(Shell, Local())


@pytest.mark.parametrize("lay", IN_THE_WAY, ids=lambda lay: lay.__name__)
def test_a_copy_beside_and_the_way_back_follow_no_link(
    tmp_path: Path, loot: Path, shell: Shell, lay: Callable[..., None]
) -> None:
    at = tmp_path / "keys" / "tls.pem"
    at.write_bytes(b"former")
    lay(at.with_name("tls.pem.before-vmmigrate"), loot)
    placing.place(shell, placing.Change((NewFile(str(at), KEY, META),)))
    assert (at.read_bytes(), untouched(loot)) == (KEY, True)
    at.unlink()
    lay(at, loot)
    Local.patience = 0.5
    with suppress(ApplianceError, CommandFailed):  # what was put in its place is somebody else's
        placing.put_back(shell)
    assert untouched(loot)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["swap_the_folder", "swap_what_is_made", "swap_the_copy"])
def test_a_race_for_the_copy_beside_leads_nowhere_else(tmp_path: Path, loot: Path, shell: Shell, name: str) -> None:
    at = tmp_path / "keys" / "tls.pem"
    for _ in range(3):
        at.write_bytes(b"former")
        with racing(globals()[name], tmp_path / "keys", loot), suppress(ApplianceError, subprocess.SubprocessError):
            placing.place(shell, placing.Change((NewFile(str(at), KEY, META),)))
            placing.put_back(shell)
        assert untouched(loot)
        shutil.rmtree(at.parent)
        at.parent.mkdir()
        Path(placing.RECORD).unlink(missing_ok=True)


# ---- somebody is faster ------------------------------------------------------------------------------------------


def swap_the_folder(folder: Path, loot: Path) -> None:
    """The attacker may write above it."""
    away = folder.with_name("away")
    folder.rename(away)
    folder.symlink_to(loot)
    folder.unlink()
    away.rename(folder)


def swap_what_is_made(folder: Path, loot: Path) -> None:
    """The attacker owns the folder: what is made in it can be renamed."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            path.rename(folder / "mine")
            path.symlink_to(loot)


def swap_the_file(folder: Path, loot: Path) -> None:
    for name in ("tls.pem", "0", "tls.pem.vmmigrate-new"):
        (folder / "link").symlink_to(loot / "new")
        (folder / "link").rename(folder / name)


def swap_the_copy(folder: Path, loot: Path) -> None:
    for name in ("tls.pem.before-vmmigrate", "copy"):
        (folder / "link").symlink_to(loot / "new")
        (folder / "link").rename(folder / name)


@contextmanager
def racing(act: Callable[[Path, Path], None], folder: Path, loot: Path) -> Iterator[None]:
    ended = threading.Event()

    def race() -> None:
        while not ended.is_set():
            with suppress(OSError):
                act(folder, loot)

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("act", [swap_the_folder, swap_what_is_made, swap_the_file], ids=lambda act: act.__name__)
def test_a_race_leads_nowhere_else(tmp_path: Path, loot: Path, act: Callable[[Path, Path], None]) -> None:
    with racing(act, tmp_path / "keys", loot):
        for _ in range(6):
            install(tmp_path / "keys" / "tls.pem")
            assert untouched(loot)
