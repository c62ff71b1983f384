"""Of what failed beside other tests, at most two are tried once more, alone; and each is named."""

import subprocess
from pathlib import Path

import pytest

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
