"""Have whoever knows the live address by the old MAC learn the new one, where the new VM has another."""

from hypervisors import Problem
from vmmigrate.appliance.net import network
from vmmigrate.facts import NewVm, Plugged
from vmmigrate.learnt import Facts
from vmmigrate.run.stage import Run

_BY_HAND = (
    "machines beside the old gateway may send to the new VM's MAC, so that nothing comes, for some minutes; to shorten"
    " that, on the old VM's screen: ping its router"
)
_MINUTES = "machines beside it may send to the old MAC for some minutes"


def renew(run: Run) -> None:
    """By a gratuitous ARP and an unsolicited neighbour advertisement for each address. It stops nothing."""
    mac = run.plan.new_mac
    if mac is None:
        return
    try:
        if said := network.renew_neighbours(run.new_shell, mac):
            run.remark(f"the new MAC {mac} could not be announced ({said}): {_MINUTES}")
    except Problem as problem:
        run.remark(f"the new MAC {mac} was not announced ({problem}): {_MINUTES}")


def go_back(run: Run) -> None:
    """Once the old guest answers: its routers learn its own MAC again. No right is needed there. It stops nothing."""
    plugged = run.facts.last(Plugged)
    if plugged is None or not know_another(run.facts):
        return
    may = "machines beside it may send to the new VM's MAC for some minutes"
    try:
        if silent := network.silent_routers(run.old_shell, plugged.old_mac):
            run.remark(f"{', '.join(silent)} did not answer {run.plan.old.name}: {may}")
    except Problem as problem:
        run.remark(f"{run.plan.old.name} could not ask its routers ({problem}): {may}")


def left(facts: Facts) -> tuple[str, ...]:
    """What a person can do where no guest is asked."""
    return (_BY_HAND,) if know_another(facts) else ()


def know_another(facts: Facts) -> bool:
    """Whether machines beside the gateway may know it by the new VM's MAC, which is not the old one's."""
    plugged, new = facts.last(Plugged), facts.last(NewVm)
    return plugged is not None and new is not None and plugged.old_mac != new.live_mac
