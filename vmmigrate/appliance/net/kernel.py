"""Whether a guest's kernel has on a NIC all that was wanted, and nothing of the same kind beside it."""

from collections.abc import Iterator

from vmmigrate.addressing import Addressing, LiveNic, Route
from vmmigrate.appliance.net.guest import GuestNetwork, Interface, KernelRoute


def differences(network: GuestNetwork, live: LiveNic) -> Iterator[str]:
    """In words. What a router's advertisement adds by itself is no difference."""
    device = _device(network, live)
    if device is None:
        yield f"there is no {live.device}"
        return
    yield from _addresses(device, live.addressing)
    there = [each for each in network.routes if any(hop.interface == device.name for hop in each.hops)]
    for route in live.addressing.routes:
        if not any(_is(each, route, device.name) for each in there):
            yield f"no route {route}"
    yield from _strange_defaults(there, device.name, live.addressing)
    if live.addressing.mtu not in (None, device.mtu):
        yield f"an MTU of {device.mtu}, not {live.addressing.mtu}"
    if live.addressing.vlan is not None and device.vlan not in (None, live.addressing.vlan):
        yield f"the VLAN {device.vlan}, not {live.addressing.vlan}"


def _device(network: GuestNetwork, live: LiveNic) -> Interface | None:
    """The NIC, or the VLAN of that number on it, whatever its name is."""
    vlan = live.addressing.vlan
    found = (each for each in network.interfaces if vlan and each.below == live.name and each.vlan == vlan)
    return next(found, None) or network.named(live.device)


def _addresses(device: Interface, wanted: Addressing) -> Iterator[str]:
    for each in wanted.addresses:
        if each not in device.addresses:
            yield f"no address {each}"
    for held in device.held:
        by_router = held.cidr.version == 6 and wanted.advertised
        if held.cidr not in wanted.addresses and not by_router:
            yield f"the address {held.cidr} beside {'it' if len(wanted.addresses) == 1 else 'them'}"


def _strange_defaults(there: list[KernelRoute], device: str, addressing: Addressing) -> Iterator[str]:
    for route in there:
        if route.is_default and route.protocol != "ra":
            hop = next(hop for hop in route.hops if hop.interface == device)
            wanted = addressing.default(route.to.version)
            if wanted is None or wanted.via != hop.via:
                yield f"a default route via {hop.via}"


def _is(there: KernelRoute, wanted: Route, device: str) -> bool:
    hops = {hop.via for hop in there.hops if hop.interface == device}
    return there.to == wanted.to and wanted.via in hops and wanted.source in (None, there.source)
