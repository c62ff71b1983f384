"""Why a connection broke, in words that are no exception's name."""

import errno

import pytest

from hypervisors.wire.faults import plainly


@pytest.mark.parametrize(
    "error", [EOFError(), ConnectionResetError(errno.ECONNRESET, ""), BrokenPipeError(errno.EPIPE, "")]
)
def test_a_connection_that_ends_was_closed_from_there(error: Exception) -> None:
    assert plainly(error) == "the connection was closed from there"
