"""Change network cards: connected now and at power-on, another portgroup, removal."""

from functools import partial
from typing import Any

from pyVmomi import vim

from hypervisors.errors import NotFound
from hypervisors.types import Network, PowerState
from hypervisors.vmware import networks, power, properties, reading, tasks
from hypervisors.vmware.session import Session

_Change = vim.vm.device.VirtualDeviceSpec
_PATHS = ("config.hardware.device", "runtime.powerState")


def set_nic(
    session: Session, machine: vim.VirtualMachine, name: str, mac: str, link: bool | None, to: Network | None
) -> None:
    """One reconfiguration sets what runs and what is stored: vSphere keeps both in one device. Raises NotFound."""
    power.looking_again(lambda: _set_nic(session, machine, name, mac, link, to))


def _set_nic(
    session: Session, machine: vim.VirtualMachine, name: str, mac: str, link: bool | None, to: Network | None
) -> None:
    card, running = _card(session, machine, name, mac)
    changed = link is not None and _set_link(card.connectable, link, running=running)
    if to is not None and reading.network_of(card.backing, networks.names_of_keys(session)) != to:
        card.backing = networks.backing_of(session, to, networks.one_of(networks.networks(session), to))
        changed = True
    if changed:
        _reconfigure(session, machine, name, _Change(operation=_Change.Operation.edit, device=card))


def remove_nic(session: Session, machine: vim.VirtualMachine, name: str, mac: str) -> None:
    power.looking_again(lambda: _remove_nic(session, machine, name, mac))


def _remove_nic(session: Session, machine: vim.VirtualMachine, name: str, mac: str) -> None:
    try:
        card, _ = _card(session, machine, name, mac)
    except NotFound:
        return
    _reconfigure(session, machine, name, _Change(operation=_Change.Operation.remove, device=card))


def _set_link(connectable: Any, link: bool, *, running: bool) -> bool:
    """Whether anything had to be changed. `connected` of a machine that is off means nothing."""
    if connectable.startConnected == link and (not running or connectable.connected == link):
        return False
    connectable.startConnected = link
    if running:
        connectable.connected = link
    return True


def _card(session: Session, machine: vim.VirtualMachine, name: str, mac: str) -> tuple[Any, bool]:
    """The card, and whether the machine runs. Raises NotFound."""
    rows = properties.of_one(session, machine, _PATHS, f"virtual machine {name}")
    cards = reading.cards_of(rows["config.hardware.device"])
    for card in cards:
        if reading.mac_of(card) == mac.lower():
            return card, reading.power_of(rows["runtime.powerState"]) is PowerState.RUNNING
    listed = ", ".join(map(reading.mac_of, cards)) or "none"
    raise NotFound(f"{name} has no NIC {mac}", hint=f"those it has: {listed}")


def _reconfigure(session: Session, machine: vim.VirtualMachine, name: str, change: Any) -> None:
    tasks.run(session, f"NICs of {name}", partial(machine.ReconfigVM_Task, vim.vm.ConfigSpec(deviceChange=[change])))
