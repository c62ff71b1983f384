"""How a signal ends what hangs: which acts are not cut, and which are not ended, whatever is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class Interrupts:
    """Of this process. A handler runs in the main thread, between any two of its steps: so only that one is counted."""

    def __init__(self) -> None:
        self._whole = self._to_its_end = 0
        self._late: BaseException | None = None

    @property
    def ends_by_itself(self) -> bool:
        """Whether what is done now makes somebody live: a way back, or a commit."""
        return self._to_its_end > 0

    @contextmanager
    def to_its_end(self) -> Iterator[None]:
        self._to_its_end += 1
        try:
            yield
        finally:
            self._to_its_end -= 1

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is raised at once meanwhile is raised after it: half of it would not be understood later."""
        if current_thread() is not main_thread():
            yield
            return
        self._whole += 1
        try:
            yield
        finally:
            self._whole -= 1
            if not self._whole:
                late, self._late = self._late, None
                if late is not None:
                    raise late

    def raise_at_once(self, error: BaseException) -> None:
        """For a handler: in the midst of whatever the main thread does."""
        if self._whole:
            self._late = error
        else:
            raise error


INTERRUPTS = Interrupts()
