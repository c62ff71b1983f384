"""The time that an exchange may take: when it is over, the connection is shut under whoever waits at it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from threading import Event, Thread
from time import monotonic

from hypervisors.limits import SLOWEST

_MIB = 1 << 20
_SHORTEST, _LONGEST = 0.001, 0.5  # seconds between two looks once it is over: a handshake has no socket to shut yet


class Late(TimeoutError):
    """The exchange did not end in its time."""


class Allowance:
    """So many `seconds`; each byte that moves gives back what it takes at the slowest speed, never more than was used.

    So neither silence nor a byte now and then keeps anybody waiting, and a slow line may carry much. `each_mib`:
    seconds for a mebibyte at the slowest speed. `at_most`: seconds after which it is over whatever moves.
    """

    def __init__(
        self,
        seconds: float,
        *,
        each_mib: float = SLOWEST.most,
        at_most: float = inf,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._seconds, self._each, self._clock = seconds, each_mib / _MIB, clock
        self._until = clock() + seconds
        self._end = clock() + at_most

    def moved(self, size: int) -> None:
        """So many bytes went or came. What is over stays over."""
        if not self.is_over:
            self._until = min(self._until + size * self._each, self._clock() + self._seconds, self._end)

    @property
    def left(self) -> float:
        """Seconds, negative once it is over."""
        return min(self._until, self._end) - self._clock()

    @property
    def is_over(self) -> bool:
        return self.left <= 0


@contextmanager
def ended_by(
    allowance: Allowance, shut: Callable[[], None], *, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Where the block outlasts it, `shut` is called until the block ends. Raises Late, whatever the block raised then.

    What was cut off may look complete: an answer without a length ends where its connection does. `but`: errors of the
    block's that say it better.
    """
    done, cut = Event(), Event()

    def watch() -> None:
        while not done.wait(max(_SHORTEST, allowance.left)):
            if allowance.is_over:
                cut.set()
                shut()
                done.wait(_LONGEST)

    Thread(target=watch, name="the end of an exchange", daemon=True).start()
    try:
        yield
    except but:
        raise
    except Exception:
        if cut.is_set():
            raise Late("its answer did not end in time") from None
        raise
    finally:
        done.set()
    if cut.is_set():
        raise Late("its answer did not end in time")


def shut(plain: object) -> None:
    """Wake whoever reads or writes there. Of a TLS socket the one below it: its session is its reader's alone."""
    if isinstance(plain, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(plain, socket.SHUT_RDWR)
