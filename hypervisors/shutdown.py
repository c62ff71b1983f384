"""Wait for a guest that was asked to shut down; no adapter ever forces it."""

from collections.abc import Callable

from hypervisors.waiting import NotYet, wait_for


def wait_until_off(name: str, is_off: Callable[[], bool], timeout: float) -> None:
    """Raises TimedOut. Seconds."""

    def look() -> None:
        if not is_off():
            raise NotYet("still running")

    wait_for(
        f"the guest of {name} to shut down",
        look,
        timeout=timeout,
        clears="shut it down from inside, or give it more time; it is never switched off by force",
    )
