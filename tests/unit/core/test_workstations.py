"""Workstations other than Linux: one is refused in words, of the other it is known which clock it lacks."""

import subprocess
import sys
import time

import pytest

from vmmigrate.run import clocks
from vmmigrate.run.outages import elapsed
from vmmigrate.run.record import Kind, Record

WITHOUT = """
import sys
sys.modules["fcntl"] = None  # import and find_spec then find none
from vmmigrate.cli import main
main()
"""


@pytest.mark.parametrize("command", ["doctor", "status", "watch 127.0.0.1"])
def test_native_windows_is_refused_in_words(command: str) -> None:
    argv = [sys.executable, "-c", WITHOUT, *command.split()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: vmmigrate does not run on Windows itself: it needs POSIX file locks\n"
        "  → run it in WSL 2 (wsl --install), on Linux or on macOS\n"
    )


def test_a_workstation_without_the_clock_that_runs_in_sleep_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert clocks.THIS_MACHINE.up() > 0


def test_where_no_boot_is_known_the_wall_clock_counts_and_the_doubt_is_said() -> None:
    """Its other clock may have begun again between the two."""
    times = ("2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00+00:00")
    began, ended = (Record(0, at, Kind.BEGIN, {}, "", up, "") for at, up in zip(times, (900.0, 5.0), strict=True))
    assert elapsed(began, ended) == (60.0, True)
