"""Of what failed beside other tests, at most two are tried once more, alone; and each is named."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.budgets import TOO_SLOW

TWICE = Path(__file__).with_name("twice.sh")
ALWAYS = "def test_{n}(): assert 0\n"
ONCE = """
def test_{n}():
    seen = __import__("pathlib").Path(__file__).with_suffix(".{n}")
    if not seen.exists():
        seen.touch()
        assert 0
"""
PASSES = "def test_{n}(): assert 1\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bodies", "status", "unstable", "runs"),
    [
        ((PASSES,), 0, 0, 1),
        ((ONCE, PASSES, ONCE), 0, 2, 2),
        ((ONCE, ALWAYS), 1, 0, 2),
        ((ONCE, ONCE, ONCE), 1, 0, 1),
    ],
    ids=["nothing-failed", "two-pass-alone", "one-fails-twice", "three-failed"],
)
def test_what_failed_beside_others(
    tmp_path: Path, bodies: tuple[str, ...], status: int, unstable: int, runs: int
) -> None:
    tests = tmp_path / "test_written.py"
    tests.write_text("".join(body.format(n=n) for n, body in enumerate(bodies)))
    ran = subprocess.run(
        [TWICE, str(tmp_path / "cache"), "-q", f"--rootdir={tmp_path}", tests], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout.count("UNSTABLE"), ran.stdout.count(" in ")) == (status, unstable, runs), ran


@pytest.mark.slow
def test_a_budget_that_is_exceeded_is_not_forgiven_with_what_failed_once(tmp_path: Path) -> None:
    tests = tmp_path / "tests" / "test_written.py"
    tests.parent.mkdir()
    tests.write_text(ONCE.format(n=0))
    ran = subprocess.run(
        [TWICE, str(tmp_path / "cache"), "-q", "-p", "tests.budgets", f"--rootdir={tmp_path}", tests],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}  # it is no worker
        | {"VMMIGRATE_TEST_BUDGET": "0"},
    )
    assert ran.returncode == TOO_SLOW, ran
    assert "TOO SLOW" in ran.stdout


@pytest.mark.slow
def test_what_the_user_runs_can_write_beside_what_root_runs(tmp_path: Path) -> None:
    """Whoever begins first makes the folder: it must not be root's part."""
    copy = tmp_path / "checkout"
    (copy / "tests").mkdir(parents=True)
    (copy / ".venv" / "bin").mkdir(parents=True)
    (copy / "fixtures" / "lab").mkdir(parents=True)
    shutil.copy(TWICE.with_name("run_all.sh"), copy / "tests")
    see = "#!/bin/sh\ntest -d .pytest_cache/lab && test -d .pytest_cache/others\n"
    for path in ("fixtures/lab/with_lab.sh", "tests/twice.sh", ".venv/bin/python"):
        (copy / path).write_text(see)
        (copy / path).chmod(0o755)
    assert subprocess.run([copy / "tests" / "run_all.sh"], check=False).returncode == 0
