"""What libvirt keeps of a domain beside its stored definition, which a new one does not get."""

from collections import Counter
from collections.abc import Callable, Iterator, Sized
from xml.etree import ElementTree as ET

import libvirt

from hypervisors.carried import Carried, Fate
from hypervisors.kvm.faults import has_code
from hypervisors.kvm.reading import Definitions
from hypervisors.kvm.session import definitions

_STAYS = "with the old VM"
_PLUGGED = "plugged into the running VM, not into its definition: the new one is made after that"


def carried(domain: libvirt.virDomain) -> Iterator[Carried]:
    if domain.autostart():
        yield Carried("autostart", Fate.KEPT)
    for what, look in (("snapshots", domain.listAllSnapshots), ("checkpoints", domain.listAllCheckpoints)):
        if number := len(_listed(look)):
            yield Carried(what, Fate.DROPPED, f"{number} that stay {_STAYS}")
    if domain.hasManagedSaveImage():
        yield Carried("managed save", Fate.DROPPED, f"its saved memory stays {_STAYS}")
    yield from plugged(definitions(domain))


def plugged(both: Definitions) -> Iterator[Carried]:
    """What only the running domain has."""
    if both.live is not None:
        for tag in Counter(_devices(both.live)) - Counter(_devices(both.stored)):
            yield Carried(f"devices/{tag} (running)", Fate.DROPPED, _PLUGGED)


def _listed(look: Callable[[], Sized]) -> Sized:
    try:
        return look()
    except libvirt.libvirtError as error:
        if not has_code(error, "NO_SUPPORT", "OPERATION_UNSUPPORTED"):  # a driver without them has none
            raise
        return ()


def _devices(definition: ET.Element) -> Iterator[str]:
    return (device.tag for device in definition.findall("devices/*"))
