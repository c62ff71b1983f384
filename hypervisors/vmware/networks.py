"""What a network card can be plugged into: standard portgroups, distributed ones, and NSX's opaque networks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import Ambiguous
from hypervisors.types import Network
from hypervisors.vmware import properties, reading
from hypervisors.vmware.inventory import datacenter
from hypervisors.vmware.session import Session

_UPLINKS = "SYSTEM/DVS.UPLINKPG"
_Card = vim.vm.device.VirtualEthernetCard
_Group = vim.dvs.DistributedVirtualPortgroup
_NAME_AND_KEY, _NAME_AND_SUMMARY = ("name", "key"), ("name", "summary")
_KINDS = {vim.Network: "portgroup", vim.OpaqueNetwork: "opaque"}


Found = Mapping[Network, Sequence[vim.Network]]


def networks(session: Session) -> Found:
    """Without the portgroups of uplinks. Networks of two folders may have one name."""
    root = datacenter(session)
    found = defaultdict(list)
    for thing, row in properties.of_all(session, vim.Network, ("name",), root):
        if type(thing) in _KINDS:
            found[Network(reading.plain(row["name"]), _KINDS[type(thing)])].append(thing)
    for thing, row in properties.of_all(session, _Group, ("name", "tag"), root):
        if not _is_for_uplinks(row):
            found[Network(reading.plain(row["name"]), "dvportgroup")].append(thing)
    return found


def _is_for_uplinks(row: properties.Properties) -> bool:
    """By vCenter's tag; without a tag, by the name that vCenter gives them."""
    return any(tag.key == _UPLINKS for tag in row.get("tag", ())) or "-DVUplinks-" in row["name"]


def names_of_keys(session: Session) -> dict[str, str]:
    """The names of networks that a card refers to by key: distributed portgroups and opaque networks."""
    if not session.is_vcenter:
        return {}
    root = datacenter(session)
    groups = properties.of_all(session, _Group, _NAME_AND_KEY, root)
    return _named(groups, properties.of_all(session, vim.OpaqueNetwork, _NAME_AND_SUMMARY, root))


def names_for(session: Session, devices: Iterable[Any], near: Sequence[vim.Network]) -> dict[str, str]:
    """Of the networks that the cards among these devices refer to by key.

    `near`: those that their machines list. They are asked alone, a call for each kind; all are where one is missing.
    """
    keys = reading.keys_of(devices)
    if not keys:
        return {}
    names = _named(
        _near(session, _Group, _NAME_AND_KEY, near), _near(session, vim.OpaqueNetwork, _NAME_AND_SUMMARY, near)
    )
    return names if keys <= names.keys() else names_of_keys(session)


def _near(
    session: Session, kind: type[vim.Network], paths: Sequence[str], near: Sequence[vim.Network]
) -> list[properties.Row]:
    """Those of that kind, without what the account may not see."""
    things = [each for each in near if isinstance(each, kind)]
    rows = properties.of_each(session, things, paths, "the networks of a virtual machine")
    return [(thing, row) for thing, row in rows if all(path in row for path in paths)]


def _named(groups: Iterable[properties.Row], opaque: Iterable[properties.Row]) -> dict[str, str]:
    return {
        **{row["key"]: reading.plain(row["name"]) for _, row in groups},
        **{row["summary"].opaqueNetworkId: reading.plain(row["name"]) for _, row in opaque},
    }


def one_of(found: Found, network: Network) -> vim.Network:
    """Raises NotFound (the simulator would drop the connection, a vCenter guess), Ambiguous."""
    matching = found.get(network, ())
    if not matching:
        raise refusals.missing("network", network.name, map(str, found), where=f" ({network.kind})")
    if len(matching) > 1:
        raise Ambiguous(
            f"{len(matching)} networks are called {network.name!r} ({network.kind})",
            hint="give one of them another name in the vSphere client",
        )
    return matching[0]


def is_same(made: Any, asked: Any) -> bool:
    """Whether two backings are of one network, by key or reference: two may have one name."""
    one, other = (getattr(each, "network", None) for each in (made, asked))
    if one is not None and other is not None:
        return bool(one._moId == other._moId)
    return type(made) is type(asked) and _key(made) == _key(asked)


def _key(backing: Any) -> str | None:
    """The name of a standard portgroup, because a server need not give its reference."""
    port = getattr(backing, "port", None)
    if port is not None:
        return str(port.portgroupKey)
    return getattr(backing, "opaqueNetworkId", None) or getattr(backing, "deviceName", None)


def backing_of(session: Session, network: Network, thing: vim.Network) -> Any:
    """What a card is plugged into."""
    if network.kind == "portgroup":
        return _Card.NetworkBackingInfo(deviceName=network.name, network=thing)
    if network.kind == "opaque":
        summary = properties.of_one(session, thing, ("summary",), f"network {network.name}")["summary"]
        return _Card.OpaqueNetworkBackingInfo(
            opaqueNetworkId=summary.opaqueNetworkId, opaqueNetworkType=summary.opaqueNetworkType
        )
    return _distributed(session, network, thing)


def _distributed(session: Session, network: Network, group: vim.dvs.DistributedVirtualPortgroup) -> Any:
    what = f"distributed portgroup {network.name}"
    row = properties.of_one(session, group, ("key", "config.distributedVirtualSwitch"), what)
    switch = properties.of_one(session, row["config.distributedVirtualSwitch"], ("uuid",), f"the switch of {what}")
    port = vim.dvs.PortConnection(portgroupKey=row["key"], switchUuid=switch["uuid"])
    return _Card.DistributedVirtualPortBackingInfo(port=port)
