"""A folder of runs that cannot be written: each command that acts is refused (exit 2), and `status` still reads."""

import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded_runs import PASSWORDS, PREPARED, SWITCHED, TinyHypervisor, done, parts, record
from small_plan import PLAN
from typer.testing import CliRunner

from vmmigrate.cli import app
from vmmigrate.commands import process
from vmmigrate.parts import Parts
from vmmigrate.steps.intake import BY_HAND

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that another user reaches, with a run in it that only its owner may write."""
    made = Path(tempfile.mkdtemp(prefix="vmmigrate-read-only-"))
    made.chmod(0o755)
    record(made, "r1", done(PREPARED))
    (made / "image.raw").write_bytes(b"\0" * 512)
    yield made
    shutil.rmtree(made)


def shut(folder: Path, *, lock: bool) -> None:
    """`lock`: the lock's file alone can be written, by whoever runs the command."""
    (folder / "runs" / "r1" / "lock").touch()
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if lock:
        (folder / "runs" / "r1" / "lock").chmod(0o600)
        if os.geteuid() == 0:
            os.chown(folder / "runs" / "r1" / "lock", NOBODY, NOBODY)


def as_somebody_else(folder: Path, *argv: str) -> tuple[int, str]:
    """The exit code and all that was said, of a fork that is not root."""
    said = folder.parent / f"{folder.name}.said"
    child = os.fork()
    if child == 0:
        try:
            os._exit(_command(folder, said, argv))
        except BaseException as error:
            said.write_text(repr(error))
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = said.read_text()
    said.unlink()
    return code, text


def _command(folder: Path, said: Path, argv: tuple[str, ...]) -> int:
    said.touch()
    said.chmod(0o666)
    os.chdir(folder)
    os.environ.update({**PASSWORDS, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")})
    os.environ["VMMIGRATE_RUNS_FOLDER"], os.environ["VMMIGRATE_KEYS_FOLDER"] = f"{folder}/runs", f"{folder}/keys"
    tiny = TinyHypervisor(plugged_in={TinyHypervisor().old.id})
    process.CONNECT.set(lambda url, access: tiny)  # type: ignore[arg-type, return-value]
    given = parts(folder, tiny).open_doors
    process.Parts = lambda **other: Parts(**{**other, "open_doors": given})  # type: ignore[attr-defined, assignment]
    importlib.import_module("vmmigrate.migrating")  # somebody else may not read this interpreter's files
    if os.geteuid() == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
    result = CliRunner().invoke(app, argv)
    said.write_text(f"{result.stdout}{result.stderr}{result.exception or ''}")
    return result.exit_code


COMMANDS = [
    ("resume", "r1"),
    ("rollback", "r1", "--yes"),
    ("finish", "r1", "--yes"),
    ("migrate", "mailgw", "image.raw", "--yes"),
]


@pytest.mark.parametrize("lock", [True, False], ids=["only the lock", "nothing"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_what_cannot_be_recorded_is_refused(folder: Path, command: tuple[str, ...], lock: bool) -> None:
    shut(folder, lock=lock)
    code, said = as_somebody_else(folder, *command)
    assert (code, "Permission denied" in said) == (2, True), said


@pytest.mark.parametrize("command", ["resume", "rollback"])
def test_where_nobody_takes_mail_the_refusal_says_what_a_person_can_type(folder: Path, command: str) -> None:
    shutil.rmtree(folder / "runs")
    record(folder, "r1", done({name: SWITCHED[name] for name in (*PREPARED, "close-intake", "switch")}))
    shut(folder, lock=True)
    code, said = as_somebody_else(folder, command, "r1", *(["--yes"] if command == "rollback" else []))
    assert code == 2, said
    assert f"virsh -c qemu:///system domif-setlink {PLAN.old.id} {SWITCHED['switch'].old_mac} up" in said  # type: ignore[attr-defined]
    assert BY_HAND in said


def test_a_status_still_reads(folder: Path) -> None:
    shut(folder, lock=False)
    code, said = as_somebody_else(folder, "status", "r1")
    assert code == 0, said
    assert said.splitlines()[:2] == [
        "MAIL: flowing through mailgw since before this run",
        "run r1: interrupted while migrating, mailgw → mailgw-20260102-030405-abcd",
    ]
