"""What holds for every test, wherever the tests are run."""

import signal

from tests.budgets import pytest_runtest_logreport, pytest_sessionfinish, pytest_terminal_summary

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "pytest_terminal_summary"]


def pytest_configure() -> None:
    """A shell starts what runs in its background with SIGINT ignored; some tests press Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
