"""A look at whether mail flows ends within seconds, whatever does not answer: in a thread that is left behind then."""

from queue import Empty, SimpleQueue
from threading import Thread

from hypervisors import TimedOut
from vmmigrate.events import Service
from vmmigrate.run.service import Looking

SECONDS = 10.0


def in_time(look: Looking, seconds: float = SECONDS) -> Service:
    """Raises what the look raises, or TimedOut."""
    seen: SimpleQueue[Service | Exception] = SimpleQueue()

    def looking() -> None:
        try:
            seen.put(look())
        except Exception as error:  # raised again where it is waited for
            seen.put(error)

    Thread(target=looking, name="a look at the mail", daemon=True).start()
    try:
        answer = seen.get(timeout=seconds)
    except Empty:
        raise TimedOut(f"no answer within {seconds:.0f} s", hint="look at the hypervisor") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
