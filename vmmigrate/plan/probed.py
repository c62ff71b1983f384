"""What the host answered when `doctor` asked it, in the plan; a warning where nobody has asked."""

from datetime import UTC, datetime

from hypervisors import Answer, Probe, Probed
from vmmigrate.plan.look import Look

_NOBODY = (
    "nobody has asked this host, as it is now, what no documentation says: whether a second VM with the MAC of one that"
    " runs may be started, for one"
)


def answers(look: Look) -> None:
    """Nothing for a kind of hypervisor of which all is documented."""
    if not isinstance(look.hypervisor, Probed):
        return
    probe, ask = look.hypervisor.probed(), f"vmmigrate doctor --hypervisor {look.hypervisor.url}"
    again = f"ask again when the host was changed: {ask}"
    if probe is None:
        look.findings.warn("probed", _NOBODY, f"two small VMs of its own ask it, and are removed: {ask}")
        return
    look.findings.note("probed", _summary(probe))
    for answer in probe.answers:
        if answer.needed and answer.holds is False:
            look.findings.error("probed", f"{_in_words(answer)} (needed: {answer.expected})", again)
        elif not answer.holds:
            look.findings.warn("probed", f"{_in_words(answer)} (relied on: {answer.expected})", again)


def _summary(probe: Probe) -> str:
    day = datetime.fromtimestamp(probe.at, UTC).date().isoformat()
    needed = "; ".join(_in_words(answer) for answer in probe.answers if answer.needed)
    return f"{probe.host}, asked on {day}: {needed}"


def _in_words(answer: Answer) -> str:
    return f"{answer.asked} {answer.seen}"
