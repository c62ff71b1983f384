"""A limit for calls into libvirt, which has none: one that is late is left behind in its thread."""

import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from threading import Thread
from typing import Any, TypeVar

from hypervisors.errors import Unreachable

T = TypeVar("T")
K = TypeVar("K", bound=type)


def within(seconds: float, what: str, act: Callable[[], T]) -> T:
    """What `act` returns or raises. Raises Unreachable if it is late; what it then still does, it does unheard."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(act())
        except BaseException as error:
            result.set_exception(error)

    Thread(target=run, name=what, daemon=True).start()
    try:
        return result.result(seconds)
    except Late:
        if result.done():  # its own error
            raise
        raise Unreachable(
            f"{what}: libvirt gave no answer for {seconds:g} s",
            hint="does libvirtd (or virtqemud) hang on that host? its journal says more: journalctl -u libvirtd",
        ) from None


def each_within(seconds: float, *, but: tuple[str, ...]) -> Callable[[K], K]:
    """A class whose methods come to an end in that time, but for some that are long or have a limit of their own."""

    def bound(kind: K) -> K:
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and name not in but:
                setattr(kind, name, _bounded(method, seconds))
        return kind

    return bound


def _bounded(method: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        return within(seconds, method.__name__.replace("_", " "), lambda: method(*arguments, **named))

    return call
