"""Which machines have a network card of one MAC: all of them, or an error."""

from collections.abc import Iterator

from pyVmomi import vim

from hypervisors.errors import HypervisorError, NotFound
from hypervisors.types import Holder, PowerState
from hypervisors.vmware import cards, networks, properties, reading
from hypervisors.vmware.properties import Properties
from hypervisors.vmware.session import Session

_DEVICES = "config.hardware.device"
_PATHS = ("name", "config.instanceUuid", _DEVICES, "runtime.powerState", "runtime.connectionState", "network")


def holders(session: Session, mac: str) -> tuple[Holder, ...]:
    """In every datacenter that the account sees: what is plugged into one network may be in several."""
    rows = cards.that_may_have(session, frozenset([mac.lower()]), _PATHS)
    read = [row for machine, listed in rows if (row := _readable(session, machine, listed))]
    devices = [device for row in read for device in row[_DEVICES]]
    names = networks.names_for(session, devices, [each for row in read for each in row.get("network") or ()])
    return tuple(found for row in read for found in _holding(row, mac.lower(), names))


def _readable(session: Session, machine: vim.VirtualMachine, row: Properties) -> Properties | None:
    """None if it is gone, or only being made. Raises HypervisorError for one whose cards nobody can see."""
    if _is_read(row):
        return row
    try:
        again = properties.of_one(session, machine, _PATHS, "a virtual machine")
    except NotFound:
        return None
    if _is_read(again):
        return again
    if _is_connected(again) and again.get("runtime.powerState") == "poweredOff":
        return None  # its host answers for it: it has no configuration yet
    state = again.get("runtime.connectionState") or "in a state that is not reported"
    name = reading.plain(again.get("name") or machine._moId)
    raise HypervisorError(
        f"the virtual machine {name} is {state}: which network cards it has cannot be read",
        hint="whether it uses the gateway's MAC is not known: connect its host or datastore, or remove it from the"
        " inventory in the vSphere client",
    )


def _is_read(row: Properties) -> bool:
    return all(row.get(path) for path in ("name", "config.instanceUuid", _DEVICES))


def _is_connected(row: Properties) -> bool:
    return row.get("runtime.connectionState") == "connected"


def _holding(row: Properties, mac: str, names: dict[str, str]) -> Iterator[Holder]:
    """What vCenter remembers of a machine on a host that is away is old: its power is not known."""
    power = reading.power_of(row["runtime.powerState"]) if _is_connected(row) else PowerState.OTHER
    for nic in reading.nics_of(row[_DEVICES], names, running=power is not PowerState.OFF):
        link = nic.link_up or (power is PowerState.OTHER and nic.stored_link_up)
        if nic.mac == mac:
            yield Holder(reading.ref_of(row), power, link, nic.stored_link_up, nic.network)
