"""How long nobody would take mail, as far as it can be timed without touching the old gateway; what is to decide."""

from collections.abc import Callable, Iterator

from hypervisors import Problem
from vmmigrate.appliance import mail
from vmmigrate.appliance.net import firewall
from vmmigrate.facts import NewVm
from vmmigrate.findings import Severity
from vmmigrate.run.stage import Run
from vmmigrate.steps import decide, guards

_ANSWERS = 3.0  # seconds for one answer over staging

# What the switch does between the closing of the old intake and the opening of the new gateway, counted in the code of
# `close-intake`, `carry`, `switch`, `verify-live`, `autostart` and `open`; `_parts` times one of each.
_IN_OLD, _AT_HYPERVISOR, _IN_NEW, _OVER_NETWORK = 4, 9, 3, 3
_SETTLES = 1.0  # seconds of waiting in it: for quiet twice in a row, and for nobody to answer at the live address


def says(run: Run) -> Iterator[str]:
    """Never a reason to stop: it is measured for people."""
    try:
        parts = _parts(run)
    except Problem as problem:
        yield f"how long nobody would take mail could not be measured: {problem}; {_decisions(run)}"
        return
    listed = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts.items())
    about = f"would be out about {sum(parts.values()):.0f} s"
    yield f"{about} ({listed}; mail under way then comes on top); {_decisions(run)}"


def _parts(run: Run) -> dict[str, float]:
    new, host = run.facts.of(NewVm), run.new_guest.staging_address
    port = run.settings.old.smtp_port
    return {
        "old guest": _IN_OLD * _timed(run, lambda: firewall.look_at(run.old_shell, *mail.UNDER_WAY)),
        "hypervisor": _AT_HYPERVISOR * _timed(run, lambda: guards.holders(run)),
        "links": 2 * _timed(run, lambda: run.hypervisor.set_nic(new.vm, new.live_mac, link_up=False)),  # it is down
        "new guest": _IN_NEW * _timed(run, lambda: firewall.look_at(run.new_shell)),
        "answers": _OVER_NETWORK
        * _timed(run, lambda: mail.banner(host, port, timeout=_ANSWERS, dial=run.dial_to(host))),
        "waiting": _SETTLES,
    }


def _timed(run: Run, act: Callable[[], object]) -> float:
    began = run.pace.clock.now()
    act()
    return run.pace.clock.now() - began


def _decisions(run: Run) -> str:
    """What blocks would have stopped the plan, or the comparison of both gateways, before this."""
    warned = [finding for finding in run.plan.findings if finding.severity is Severity.WARNING]
    number = len(warned) + decide.number(run)
    return f"0 blocking, {number} to decide" + (f": vmmigrate status {run.run_id} lists them" if number else "")
