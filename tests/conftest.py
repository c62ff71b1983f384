"""What holds for every test, wherever the tests are run."""

import functools
import gc
import os
import signal
from collections.abc import Iterator

import pytest
import typer.testing

from tests.budgets import pytest_runtest_logreport, pytest_sessionfinish, pytest_terminal_summary

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "pytest_terminal_summary"]


def pytest_configure() -> None:
    """A shell starts what runs in its background with SIGINT ignored; some tests press Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The runner makes the whole command line again for each test that calls it; it is the same one.
typer.testing._get_command = functools.cache(typer.testing._get_command)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests live as long as the process: the garbage collector need not look at them again and again."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def an_ordinary_umask() -> Iterator[None]:
    """The command line makes it strict, for good: a test that runs it in this process must not change the next one."""
    before = os.umask(0o022)
    yield
    os.umask(before)
