"""What holds for every test, wherever the tests are run."""

import functools
import gc
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.testing

from tests.budgets import pytest_runtest_logreport, pytest_sessionfinish, pytest_terminal_summary

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "pytest_terminal_summary"]


MEMORY, ROOM = Path("/dev/shm"), 8 << 30  # bytes that the tests' files may take


def pytest_configure() -> None:
    """A shell starts what runs in its background with SIGINT ignored; some tests press Ctrl-C.

    The program makes each record durable, at 2 ms on a disk and none in memory: the tests' folders lie there.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file whose tests are all left out by their mark need not be imported."""
    expression: str = config.option.markexpr
    if collection_path.suffix != ".py" or not re.fullmatch(r"not \w+( and not \w+)*", expression):
        return None
    marks = re.search(r"^pytestmark = (\[.*?\]$|[^\n]*$)", collection_path.read_text(), re.MULTILINE | re.DOTALL)
    left_out = set(re.findall(r"not (\w+)", expression))
    return True if marks and left_out & set(re.findall(r"pytest\.mark\.(\w+)", marks[1])) else None


# The runner makes the whole command line again for each test that calls it; it is the same one.
typer.testing._get_command = functools.cache(typer.testing._get_command)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests live as long as the process: the garbage collector need not look at them again and again.

    Nor at what the tests leave: at its own thresholds it takes an eighth of their time.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()


@pytest.fixture(autouse=True)
def an_ordinary_umask() -> Iterator[None]:
    """The command line makes it strict, for good: a test that runs it in this process must not change the next one."""
    before = os.umask(0o022)
    yield
    os.umask(before)
