"""What the live NICs are plugged into: whoever runs the hypervisor may give it another name, or take it away."""

from collections.abc import Iterator

from hypervisors import NOWHERE, Network, Nic, NotFound, VmRef
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import links

_LISTED = ("network", "portgroup", "dvportgroup", "opaque", "switch")  # kinds of which a hypervisor lists every one


def is_it(run: Run, network: Network) -> bool:
    """Whether that is the live network: by its name; where nothing has that name any more, whatever else is there."""
    planned = run.plan.identity.network
    if network == planned:
        return True
    known = run.hypervisor.networks()
    return not _has(known, planned) and _has(known, network)


def is_there(run: Run, *vms: VmRef) -> Iterator[Check]:
    """What their live NICs name is there: else neither a link can be set nor a machine started. One that is gone has
    none; one that is NOWHERE goes where the old VM was.
    """
    known = run.hypervisor.networks()
    for vm in vms:
        for nic in _nics(run, vm):
            network = run.plan.identity.network if nic.network == NOWHERE else nic.network
            there = _has(known, network)
            hint = (
                f"give that network its name back and start it, or plug the NIC {nic.mac} of {vm.name} into the one"
                " that it is now; then run this again"
            )
            seen = f"{network} is not there, or not active"
            what = f"the network of the live NIC of {vm.name}"
            yield Check("live-network", what, "there", str(network) if there else seen, Verdict.of(there), hint)


def is_on_it(run: Run, vm: VmRef, beside: VmRef) -> Iterator[Check]:
    """Its live NIC is where it would be heard: also where `beside` is, whose network may have another name by now."""
    known = {NOWHERE, *(nic.network for nic in _nics(run, beside))}
    for nic in _nics(run, vm):
        if nic.network not in known and not is_it(run, nic.network):
            yield elsewhere(run, vm, nic.network)


def elsewhere(run: Run, vm: VmRef, network: Network) -> Check:
    """That it is in another network, where nobody hears it."""
    planned, what = run.plan.identity.network, f"the network of the live NIC of {vm.name}"
    hint = f"put that NIC into {planned}, then run this again; nothing was changed: who is live stays so"
    return Check("live-network", what, str(planned), str(network), Verdict.FAIL, hint)


def _nics(run: Run, vm: VmRef) -> tuple[Nic, ...]:
    try:
        return links.live_nics(run, vm)
    except NotFound:
        return ()


def _has(known: tuple[Network, ...], network: Network) -> bool:
    same = [each for each in known if (each.id or each.name, each.kind) == (network.id or network.name, network.kind)]
    return network.kind not in _LISTED or any(each.active for each in same)
