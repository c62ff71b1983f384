"""Ask a hypervisor what no documentation says: each answer is a finding, all of them are a report for a file."""

import platform
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata

from hypervisors import REAL_TIME, Answer, Hypervisor, Probe, Probes, Problem, Unreachable, until_reachable
from vmmigrate.findings import Finding, error, info, warning

_SEND = "run it again with --report FILE, read the file, and send it to the project: the code relies on another answer"

_AGAIN = 60.0  # seconds for which a host that broke off is connected to again
_BY_HAND = (
    "remove by hand there the virtual machines, the switch and the folder whose names begin with vmmigrate-probe-;"
    " the next `doctor --hypervisor` removes them too, once they are an hour old"
)


def probe(hypervisor: Hypervisor, connect: Callable[[], Hypervisor], store: str) -> Probe | None:
    """None for a kind of hypervisor whose documentation says all that is relied on. Raises a Problem.

    `connect`: to the same once more, where the asking is cut off; `store`: '' for the first that is there.
    """
    if not isinstance(hypervisor, Probes):
        return None
    token = secrets.token_hex(4)
    try:
        return hypervisor.probe(store, token)
    except Problem as problem:
        _remove_left(connect, hypervisor.url, token, problem)
        raise


def _remove_left(connect: Callable[[], Hypervisor], url: str, token: str, problem: Problem) -> None:
    """Over a connection of its own: the first may have broken off. Raises Unreachable, which says what is left."""

    def remove() -> None:
        again = connect()
        try:
            if isinstance(again, Probes):
                again.remove_probe(token)
        finally:
            with suppress(Problem):
                again.close()

    try:
        until_reachable(url, remove, _AGAIN, REAL_TIME, hint=problem.hint)
    except Problem as other:
        raise Unreachable(f"{problem}\nwhat was made there may be left: {other}", hint=_BY_HAND) from problem


def findings(probe: Probe | None) -> Iterator[Finding]:
    if probe is None:
        yield info("probe", "nothing is asked of a hypervisor of this kind: it is documented")
        return
    yield info("probe", f"{probe.host}, asked on {day_of(probe)}; its plans will have the answers")
    if probe.unkept:
        yield warning("probe", f"the host keeps no answers, so no plan has them: {probe.unkept}", "then ask again")
    if probe.others:
        left = f"{', '.join(probe.others)}: another asks this host now, or was cut off less than an hour ago"
        yield warning("probe", left, f"where nobody asks it now, {_BY_HAND}")
    yield from map(_finding, probe.answers)


def failed(problem: Problem) -> Finding:
    return error("probe", str(problem), problem.hint)


def _finding(answer: Answer) -> Finding:
    seen = f"{answer.asked} {answer.seen}"
    if answer.holds:
        return info("probe", seen)
    if answer.holds is None:
        return warning("probe", seen, "nothing was learnt there: fix what is said, then ask again")
    wrong = f"{seen}\n(relied on: {answer.expected})"
    return (
        error("probe", wrong, f"no migration comes through there: {_SEND}")
        if answer.needed
        else warning("probe", wrong, _SEND)
    )


def report(probe: Probe | None, problem: str) -> dict[str, object]:
    """What a reader elsewhere needs, without an address, an account or a name but those in an error's own words."""
    asked = [
        {"id": each.id, "asked": each.asked, "expected": each.expected, "seen": each.seen, "holds": each.holds}
        for each in (probe.answers if probe else ())
    ]
    return {
        "vmmigrate": metadata.version("vmmigrate"),
        "python": platform.python_version(),
        "system": platform.system(),
        "host": probe.host if probe else "",
        "asked_on": day_of(probe) if probe else "",
        "problem": problem,
        "answers": asked,
    }


def day_of(probe: Probe) -> str:
    return datetime.fromtimestamp(probe.at, UTC).date().isoformat()
