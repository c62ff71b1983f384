"""What a network card can be plugged into: standard portgroups, distributed ones, and NSX's opaque networks."""

from typing import Any

from pyVmomi import vim

from hypervisors.errors import NotFound
from hypervisors.types import Network
from hypervisors.vmware import properties, reading
from hypervisors.vmware.inventory import datacenter
from hypervisors.vmware.session import Session

_UPLINKS = "SYSTEM/DVS.UPLINKPG"
_Card = vim.vm.device.VirtualEthernetCard
_KINDS = {vim.Network: "portgroup", vim.OpaqueNetwork: "opaque"}


def networks(session: Session) -> dict[Network, vim.Network]:
    """Without the portgroups of uplinks."""
    root = datacenter(session)
    found = {
        Network(reading.plain(row["name"]), _KINDS[type(thing)]): thing
        for thing, row in properties.of_all(session, vim.Network, ("name",), root)
        if type(thing) in _KINDS
    }
    for thing, row in properties.of_all(session, vim.dvs.DistributedVirtualPortgroup, ("name", "tag"), root):
        if not _is_for_uplinks(row):
            found[Network(reading.plain(row["name"]), "dvportgroup")] = thing
    return found


def _is_for_uplinks(row: properties.Properties) -> bool:
    """By vCenter's tag; by the name that it gives them, where the tag is not told."""
    return any(tag.key == _UPLINKS for tag in row.get("tag", ())) or "-DVUplinks-" in row["name"]


def names_of_keys(session: Session) -> dict[str, str]:
    """The names by which people know what a card tells by a key: distributed portgroups and opaque networks."""
    if not session.is_vcenter:
        return {}
    root = datacenter(session)
    groups = properties.of_all(session, vim.dvs.DistributedVirtualPortgroup, ("name", "key"), root)
    opaque = properties.of_all(session, vim.OpaqueNetwork, ("name", "summary"), root)
    return {
        **{row["key"]: reading.plain(row["name"]) for _, row in groups},
        **{row["summary"].opaqueNetworkId: reading.plain(row["name"]) for _, row in opaque},
    }


def one_of(found: dict[Network, vim.Network], network: Network) -> vim.Network:
    """Raises NotFound: the simulator would drop the connection, a vCenter guess."""
    if network not in found:
        listed = ", ".join(sorted(map(str, found))) or "none"
        raise NotFound(f"there is no network {network.name!r} ({network.kind})", hint=f"those there are: {listed}")
    return found[network]


def backing_of(session: Session, network: Network, thing: vim.Network) -> Any:
    """What a card is plugged into."""
    if network.kind == "portgroup":
        return _Card.NetworkBackingInfo(deviceName=network.name, network=thing)
    if network.kind == "opaque":
        told = properties.of_one(session, thing, ("summary",), f"network {network.name}")["summary"]
        return _Card.OpaqueNetworkBackingInfo(
            opaqueNetworkId=told.opaqueNetworkId, opaqueNetworkType=told.opaqueNetworkType
        )
    return _distributed(session, network, thing)


def _distributed(session: Session, network: Network, group: vim.dvs.DistributedVirtualPortgroup) -> Any:
    what = f"distributed portgroup {network.name}"
    row = properties.of_one(session, group, ("key", "config.distributedVirtualSwitch"), what)
    switch = properties.of_one(session, row["config.distributedVirtualSwitch"], ("uuid",), f"the switch of {what}")
    port = vim.dvs.PortConnection(portgroupKey=row["key"], switchUuid=switch["uuid"])
    return _Card.DistributedVirtualPortBackingInfo(port=port)
