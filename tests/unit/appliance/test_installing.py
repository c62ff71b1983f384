"""The script that puts files in place, run by real shells: all of them whole, or nothing at all."""

import getpass
import grp
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vmmigrate.appliance.port import FileMeta, NewFile
from vmmigrate.appliance.ssh.installing import script, stream

MARK = "vmmigrate-0123456789abcdef"
ME = (getpass.getuser(), grp.getgrgid(os.getgid()).gr_name)
SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]]
KEY = b"\x00\xff\nvmmigrate-0123456789abcde\n\n" * 3


def files(folder: Path) -> tuple[NewFile, ...]:
    return (
        NewFile(str(folder / "tls key.pem"), KEY, FileMeta("0640", *ME)),
        NewFile(str(folder / "empty"), b"", FileMeta("0644", *ME)),
        NewFile(str(folder / "unit"), b"[Unit]\n", FileMeta("0644", *ME)),
    )


def run(shell: list[str], line: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"needs {shell[0]}")
    return subprocess.run([*shell, "-c", line], input=given, capture_output=True, check=False)


def seen(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mode & 0o7777) for path in folder.iterdir()}


WHOLE = {"tls key.pem": (KEY, 0o640), "empty": (b"", 0o644), "unit": (b"[Unit]\n", 0o644)}


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("before", [b"", b"a password that sudo did not read\n"], ids=["", "NOPASSWD"])
def test_files_arrive_whole_with_mode_and_owner(tmp_path: Path, shell: list[str], before: bytes) -> None:
    given = files(tmp_path)
    (tmp_path / "unit").write_text("former")
    done = run(shell, script(given, [], MARK), before + stream(given, MARK))
    assert (done.returncode, seen(tmp_path)) == (0, WHOLE), done.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_folders_are_made_open_to_all_and_files_are_not_until_they_are_theirs(tmp_path: Path, shell: list[str]) -> None:
    folder = tmp_path / "etc" / "vmmigrate"
    given = files(folder)
    assert run(shell, script(given, [str(folder)], MARK), stream(given, MARK)).returncode == 0
    assert folder.stat().st_mode & 0o777 == 0o755
    assert seen(folder) == WHOLE


def test_a_stream_cut_anywhere_changes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    given = files(tmp_path)
    (tmp_path / "unit").write_text("former")
    former, whole = seen(tmp_path), stream(given, MARK)
    for size in {*range(0, len(whole) - 1, 29), len(whole) - 2}:  # the very last newline is missed by nobody
        done = run(["dash"], script(given, [], MARK), whole[:size])
        assert (done.returncode != 0, seen(tmp_path)) == (True, former), whole[:size]


def test_what_cannot_take_its_place_leaves_no_key_beside_it(tmp_path: Path) -> None:
    given = files(tmp_path)
    (tmp_path / "tls key.pem").mkdir()
    done = run(["dash"], script(given, [], MARK), stream(given, MARK))
    assert done.returncode != 0
    assert b"tls key.pem" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tls key.pem"]


def test_no_argument_shows_what_a_file_holds(tmp_path: Path) -> None:
    secret = NewFile(str(tmp_path / "key"), b"-----BEGIN PRIVATE KEY-----", FileMeta("0600", *ME))
    assert "PRIVATE" not in script([secret], [], MARK)
    assert "PRIVATE" not in repr(secret)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_failure_says_nothing_but_what_failed(tmp_path: Path, shell: list[str]) -> None:
    """The statistics of dd would fill the few words that are shown."""
    given = tuple(NewFile(str(tmp_path / name), KEY, FileMeta("0640", *ME)) for name in "abcd")
    (tmp_path / "d").mkdir()
    said = run(shell, script(given, [], MARK), stream(given, MARK)).stderr.decode().splitlines()
    assert len(said) == 1, said
    assert ("../d" in said[0], "irectory" in said[0]) == (True, True)
