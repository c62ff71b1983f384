"""Keep a library's warnings to its developers off an operator's screen."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unwarned() -> Iterator[None]:
    """Without what cryptography warns of: a serial number of 0, a store in BER. It shows a line of our source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
