"""NICs in libvirt's XML: those of a new domain, and one with another link state or network. Pure: XML in, XML out."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypervisors.errors import NotSupported
from hypervisors.kvm.elements import remove
from hypervisors.kvm.reading import SOURCE_ATTRIBUTE, attribute, interfaces_of, is_plugged_into, link_up, mac_of
from hypervisors.types import Network, NicSpec

_OF_NETWORK = ("vlan", "filterref", "mtu")
_OF_NIC = ("driver", "backend", "bandwidth", "port", "coalesce", "tune", "rom", "acpi")


def interfaces(old: ET.Element, nics: Sequence[NicSpec]) -> list[ET.Element]:
    """Each like the old one that it replaces, or whose network it shares. Raises NotSupported where two cannot be."""
    return [_interface(nic, _Model(nic, interfaces_of(old), nics)) for nic in nics]


@dataclass(frozen=True)
class _Model:
    """What a new NIC is like: the old one of its MAC, where that is on its network (`same`), else one on its network.

    The old one's model is what its guest has a driver for: one that shares no network has that of the NIC replaced.
    """

    nic: NicSpec
    old: list[ET.Element]
    nics: Sequence[NicSpec]

    @property
    def beside(self) -> ET.Element | None:
        """The old NIC on the same network, for what its switch needs (VLAN, port group): of several the likest."""
        there = [one for one in self.old if is_plugged_into(one, self.nic.network)]
        return max(there, key=self._likeness, default=None)

    def _likeness(self, one: ET.Element) -> tuple[bool, bool, bool]:
        """Its own MAC, else one that is replaced, else one that is plugged in; of equal ones the first counts."""
        return self._is_same(one, self.nic), any(self._is_same(one, nic) for nic in self.nics), link_up(one)

    @property
    def is_same(self) -> bool:
        return self.beside is not None and self._is_same(self.beside, self.nic)

    @property
    def model(self) -> str:
        replaced = (one for nic in self.nics for one in self.old if self._is_same(one, nic))
        up = (one for one in self.old if link_up(one))
        first = next(iter([*replaced, *up, *self.old]), None)
        like = first if self.beside is None else self.beside
        return ("" if like is None else attribute(like, "model", "type")) or "virtio"

    @staticmethod
    def _is_same(one: ET.Element, nic: NicSpec) -> bool:
        return nic.mac is not None and mac_of(one) == nic.mac.lower()


def _interface(nic: NicSpec, like: _Model) -> ET.Element:
    interface = _plug(nic.network, like.beside)
    if like.beside is not None:
        _refuse_second(nic, like.beside, same=like.is_same)
        interface.extend(_copies(like.beside, same=like.is_same))
        if like.is_same and (trust := like.beside.get("trustGuestRxFilters")):
            interface.set("trustGuestRxFilters", trust)
    if nic.mac is not None:
        ET.SubElement(interface, "mac", address=nic.mac)
    ET.SubElement(interface, "model", type=like.model)
    ET.SubElement(interface, "link", state=_state(nic.link_up))
    return interface


def _refuse_second(nic: NicSpec, beside: ET.Element, *, same: bool) -> None:
    """The kernel lets no second macvtap of that MAC come up on a device, and of a device passed through no second."""
    if beside.get("type") != "direct" or not (same or attribute(beside, "source", "mode") == "passthrough"):
        return
    raise NotSupported(
        f"the new VM could not start while the old one runs: both would be on macvtap at {nic.network.name}"
        + (f" with the MAC {nic.mac}" if same else ", which is passed through to one"),
        hint="plug the old VM's NIC into a bridge of the host first (virsh edit, <interface type='bridge'>)",
    )


def _copies(beside: ET.Element, *, same: bool) -> Iterator[ET.Element]:
    """What the network wants of each of its NICs; of the one that is replaced also what is its own."""
    for one in beside:
        if one.tag in _OF_NETWORK or (same and one.tag in _OF_NIC):
            copied = deepcopy(one)
            if one.tag == "filterref" and not same:
                remove(copied, "parameter")  # its addresses are the other NIC's
            yield copied


def _plug(network: Network, beside: ET.Element | None) -> ET.Element:
    """An interface with nothing but what it is plugged into."""
    name = SOURCE_ATTRIBUTE.get(network.kind)
    if name is None:
        raise NotSupported(
            f"a NIC cannot be plugged into {network if network.name else 'that'}: libvirt's type {network.kind!r} "
            "is not handled",
            hint="use a libvirt network or a bridge of the host",
        )
    interface = ET.Element("interface", type=network.kind)
    source = ET.SubElement(interface, "source", {name: network.name})
    if beside is not None:
        for extra in ("portgroup", "mode"):
            if value := attribute(beside, "source", extra):
                source.set(extra, value)
        _copy_port(beside, interface)
    return interface


def _copy_port(beside: ET.Element, interface: ET.Element) -> None:
    """The kind of virtual port, without the old port's own id."""
    port = beside.find("virtualport")
    if port is None or port.get("type") is None:
        return
    if port.get("type") == "midonet":
        raise NotSupported(
            "the old VM's NIC is a port of MidoNet, which binds one machine at a time",
            hint="plug the old VM's NIC into a bridge of the host first (virsh edit, <interface type='bridge'>)",
        )
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
