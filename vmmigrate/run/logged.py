"""Pass what the adapters log as a warning to a listener, as an event."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hypervisors import in_one_line
from vmmigrate.events import Listener, Warned


class _ToListener(logging.Handler):
    def __init__(self, listen: Listener) -> None:
        super().__init__(logging.WARNING)
        self._listen = listen

    def emit(self, record: logging.LogRecord) -> None:
        """Without the secrets of this process: a server may repeat what it received."""
        self._listen(Warned(in_one_line(record.getMessage())))


@contextmanager
def warnings_to(listen: Listener) -> Iterator[None]:
    """Within the block."""
    library, handler = logging.getLogger("hypervisors"), _ToListener(listen)
    library.addHandler(handler)
    try:
        yield
    finally:
        library.removeHandler(handler)
