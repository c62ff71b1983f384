"""A limit for a transfer that stands still inside libvirt, which has none; an interrupt is heard meanwhile."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread

from hypervisors.errors import Unreachable
from hypervisors.types import Progress, ProgressListener
from hypervisors.wire.allowance import Allowance

_BEAT = 0.5  # seconds between two looks at who may have interrupted it


class _GivenUp(Exception):
    """Raised in the thread that nobody waits for any more."""


def moving(stall: float, what: str, act: Callable[[ProgressListener], None], progress: ProgressListener) -> None:
    """`act` in a thread of its own; what it reports is reported here, before it goes on.

    Raises what `act` or the listener raises, and Unreachable where nothing, or too little, moves for `stall` seconds.
    """
    moved, go_on, ended = SimpleQueue[Progress | None](), SimpleQueue[bool](), Future[None]()

    def report(now: Progress) -> None:
        moved.put(now)
        if not go_on.get():
            raise _GivenUp

    def run() -> None:
        try:
            act(report)
            ended.set_result(None)
        except BaseException as error:
            ended.set_exception(error)
        moved.put(None)

    Thread(target=run, name=what, daemon=True).start()
    try:
        _hear(moved, go_on, stall, what, progress)
    except BaseException:
        go_on.put(False)
        raise
    ended.result()


def _hear(
    moved: SimpleQueue[Progress | None],
    go_on: SimpleQueue[bool],
    stall: float,
    what: str,
    progress: ProgressListener,
) -> None:
    last, allowed = Progress(0, 0), Allowance(stall)
    while not allowed.is_over:
        try:
            now = moved.get(timeout=max(0.001, min(_BEAT, allowed.left)))
        except Empty:
            progress(last)
            continue
        if now is None:
            return
        allowed.moved(now.done - last.done)
        last = now
        progress(now)
        go_on.put(True)
    raise Unreachable(
        f"{what}: libvirt took no byte, or too few, for {stall:g} s", hint="is the storage pool of that host stuck?"
    )
