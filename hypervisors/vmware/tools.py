"""What VMware Tools report about a guest: the addresses of each of its cards."""

from collections.abc import Iterator, Mapping
from typing import Any

from pyVmomi import vim

from hypervisors.types import Address, PowerState
from hypervisors.vmware import properties, reading
from hypervisors.vmware.session import Session
from hypervisors.wire.dialling import leads_to_one_machine

_PATHS = ("guest.net", "runtime.powerState", "config.hardware.device")
_NO_CARD = -1  # what the guest made itself: a bridge, a tunnel


def addresses(session: Session, machine: vim.VirtualMachine, name: str) -> tuple[Address, ...]:
    """Nothing for a machine that is off: vSphere still shows its last reports."""
    found = properties.of_one(session, machine, _PATHS, f"addresses of {name}")
    if reading.power_of(found["runtime.powerState"]) is not PowerState.RUNNING:
        return ()
    return tuple(reported(found.get("guest.net", ()), reading.cards_of(found["config.hardware.device"])))


def reported(nics: Any, cards: tuple[Any, ...]) -> Iterator[Address]:
    """Of the machine's own cards; the guest's values are not trusted to be addresses."""
    by_key = {card.key: reading.mac_of(card) for card in cards}
    for nic in nics:
        mac = _card_of(nic, by_key)
        for address in nic.ipAddress or () if mac else ():
            if leads_to_one_machine(address):
                yield Address(mac, address, "tools")


def _card_of(nic: Any, by_key: Mapping[int, str]) -> str:
    """The MAC of the card by its key, else by what the guest says it is; '' if it is not one of the machine's."""
    if nic.deviceConfigId == _NO_CARD:
        return ""
    said = (nic.macAddress or "").lower()
    return by_key.get(nic.deviceConfigId) or (said if said in by_key.values() else "")
