"""NICs in libvirt's XML: those of a new domain, and one with another link state or network. Pure: XML in, XML out."""

from collections.abc import Sequence
from copy import deepcopy
from xml.etree import ElementTree as ET

from hypervisors.errors import NotSupported
from hypervisors.kvm.elements import remove
from hypervisors.kvm.reading import SOURCE_ATTRIBUTE, attribute, interfaces_of, is_plugged_into
from hypervisors.types import Network, NicSpec


def interfaces(old: ET.Element, nics: Sequence[NicSpec]) -> list[ET.Element]:
    old_nics = interfaces_of(old)
    model = attribute(old_nics[0], "model", "type") if old_nics else ""
    return [_interface(nic, model or "virtio", _beside(old_nics, nic.network)) for nic in nics]


def _beside(old_nics: list[ET.Element], network: Network) -> ET.Element | None:
    return next((one for one in old_nics if is_plugged_into(one, network)), None)


def _interface(nic: NicSpec, model: str, beside: ET.Element | None) -> ET.Element:
    """`beside`: the old NIC on the same network, for what its switch needs (VLAN, port group)."""
    interface = _plug(nic.network, beside)
    if nic.mac is not None:
        ET.SubElement(interface, "mac", address=nic.mac)
    ET.SubElement(interface, "model", type=model)
    ET.SubElement(interface, "link", state=_state(nic.link_up))
    return interface


def _plug(network: Network, beside: ET.Element | None) -> ET.Element:
    """An interface with nothing but what it is plugged into."""
    name = SOURCE_ATTRIBUTE.get(network.kind)
    if name is None:
        raise NotSupported(
            f"a NIC cannot be plugged into {network}: libvirt's type {network.kind!r} is not handled",
            hint="use a libvirt network or a bridge of the host",
        )
    interface = ET.Element("interface", type=network.kind)
    source = ET.SubElement(interface, "source", {name: network.name})
    if beside is not None:
        for extra in ("portgroup", "mode"):
            if value := attribute(beside, "source", extra):
                source.set(extra, value)
        interface.extend(deepcopy(one) for one in beside if one.tag in ("vlan", "filterref", "mtu"))
        _copy_port(beside, interface)
    return interface


def _copy_port(beside: ET.Element, interface: ET.Element) -> None:
    """The kind of virtual port, without the old port's own id."""
    port = beside.find("virtualport")
    if port is None or port.get("type") is None:
        return
    copied = deepcopy(port)
    for parameters in copied.findall("parameters"):
        for own in ("interfaceid", "instanceid"):
            parameters.attrib.pop(own, None)
    interface.append(copied)


def relinked(interface: ET.Element, link_up: bool | None, network: Network | None) -> ET.Element:
    """A copy of an interface with another link state or network; None leaves either as it is."""
    copied = deepcopy(interface)
    if network is not None and not is_plugged_into(interface, network):
        _replug(copied, network)
    if link_up is not None:
        remove(copied, "link")
        ET.SubElement(copied, "link", state=_state(link_up))
    return copied


def _replug(interface: ET.Element, network: Network) -> None:
    """The old switch's settings of this port are removed with the old source."""
    remove(interface, "source", "virtualport", "vlan", "target", "actual")
    plugged = _plug(network, None)
    interface.set("type", plugged.get("type", ""))
    interface.extend(plugged)


def _state(up: bool) -> str:
    return "up" if up else "down"
