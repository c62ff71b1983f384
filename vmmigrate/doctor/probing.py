"""Ask a hypervisor what no documentation says: each answer is a finding, all of them are a report for a file."""

import platform
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata

from hypervisors import Answer, Hypervisor, Probe, Probes, Problem
from vmmigrate.findings import Finding, error, info, warning

_SEND = "run it again with --report FILE, read the file, and send it to the project: the code relies on another answer"


def probe(hypervisor: Hypervisor, store: str) -> Probe | None:
    """None for a kind of hypervisor whose documentation says all that is relied on. Raises a Problem.

    `store`: '' for the first that is there.
    """
    return hypervisor.probe(store, secrets.token_hex(4)) if isinstance(hypervisor, Probes) else None


def findings(probe: Probe | None) -> Iterator[Finding]:
    if probe is None:
        yield info("probe", "nothing is asked of a hypervisor of this kind: it is documented")
        return
    yield info("probe", f"{probe.host}, asked on {day_of(probe)}; its plans will have the answers")
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
