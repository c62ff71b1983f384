"""Have whoever knows the live address by the old MAC learn the new one, where the new VM has another."""

from hypervisors import Problem
from vmmigrate.appliance.net import network
from vmmigrate.run.stage import Run

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
