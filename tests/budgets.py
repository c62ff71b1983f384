"""What the tests of each folder took, and how much they may: in `make test` more than that fails the session.

Counted is the time of all tests of a folder, one after the other, by the clock on the wall. A budget is about twice
what that is in `make test` on an idle machine with two cores, where three tests and the lab run beside each other.
For a busy machine: VMMIGRATE_TEST_BUDGET=3 allows three times as much. Where it is not set it is only shown.
"""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

SECONDS = {
    "tests/unit": 800,
    "tests/contract": 300,
    "tests/integration": 1500,
    "tests/journey": 5000,
    "tests/journey/vsphere": 1500,
    "tests/lab": 2500,
    "tests/fuzz": 300,
    "tests/faults": 150,
    "tests": 150,
}
TOO_SLOW = 9  # a status that pytest has not: tests/twice.sh forgives what failed once, and never this
RECORDED = "vmmigrate/seconds"  # in pytest's cache: by folder, and there by file

_taken: Counter[str] = Counter()


def folder_of(nodeid: str) -> str:
    """The longest that has a budget."""
    return max((folder for folder in SECONDS if nodeid.startswith(folder + "/")), key=len)


def taken() -> Counter[str]:
    """Seconds by folder."""
    total: Counter[str] = Counter()
    for file, seconds in _taken.items():
        total[folder_of(file)] += seconds  # type: ignore[assignment]
    return total


def too_slow(seconds: Counter[str], factor: float) -> list[str]:
    """The folders that took more than they may."""
    return [folder for folder, used in seconds.items() if used > SECONDS[folder] * factor]


def _factor() -> float:
    return float(os.environ.get("VMMIGRATE_TEST_BUDGET", "inf"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _taken[report.nodeid.partition("::")[0]] += report.duration  # type: ignore[assignment]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    yield
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if cache := getattr(session.config, "cache", None):  # absent without its plugin
        for folder in taken():
            files = {file: round(used, 2) for file, used in _taken.items() if folder_of(file) == folder}
            cache.set(f"{RECORDED}/{folder.replace('/', '-')}", files)
    if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and too_slow(taken(), _factor()):
        session.exitstatus = TOO_SLOW


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seconds, slow = taken(), too_slow(taken(), _factor())
    if sum(seconds.values()) > 60 or slow:
        terminalreporter.section("seconds by folder, and how many they may take")
        for folder, used in sorted(seconds.items()):
            mark = "  TOO SLOW" if folder in slow else ""
            terminalreporter.line(f"{used:7.0f} of {SECONDS[folder]:4}  {folder}{mark}")
