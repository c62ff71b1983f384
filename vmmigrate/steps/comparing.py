"""Put questions about both gateways to them: each is asked, also after one that failed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from hypervisors import Unreachable
from vmmigrate.findings import Check, Checks
from vmmigrate.run.stage import Run

T = TypeVar("T")


@dataclass(frozen=True)
class Comparison:
    """One question about both gateways. `limit`: seconds that it may wait, none where an earlier one failed."""

    id: str
    what: str
    compare: Callable[[Run, str, float], Iterable[Check]]
    hint: str


def asked_again(ask: Callable[[], T]) -> T:
    """One answer that comes too late takes no switch back: a guest that was just switched may be busy. Two do."""
    try:
        return ask()
    except Unreachable:
        return ask()


def compare_all(table: Iterable[Comparison], run: Run, host: str, limit: float, checks: Checks) -> Checks:
    """Adds what the comparisons at `host` give to `checks`."""
    for each in table:
        patience = 0.0 if checks.failed else limit
        checks.compare(each.id, each.what, each.hint, partial(each.compare, run, host, patience))
    return checks
