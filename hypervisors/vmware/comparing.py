"""What was made, read back and compared with what was asked for, before anybody switches it on."""

from collections.abc import Sequence
from typing import Any

from pyVmomi import vim

from hypervisors.errors import HypervisorError
from hypervisors.types import DeploySpec, Nic, VmRef
from hypervisors.vmware import empty_disks, networks, properties, reading, vapp
from hypervisors.vmware.session import Session

_PATHS = (*reading.SHAPE, "config.vAppConfig")


def read_back(session: Session, machine: vim.VirtualMachine, spec: DeploySpec, asked: vim.vm.ConfigSpec) -> VmRef:
    """`asked`: what was imported. Raises HypervisorError if it came out otherwise."""
    found = properties.of_one(session, machine, _PATHS, f"virtual machine {spec.name}")
    devices = found["config.hardware.device"]
    names = networks.names_for(session, devices, found.get("network") or ())
    empty_disks.check(devices, spec)
    check_nics(reading.nics_of(devices, names, running=False), spec)
    check_plugs(reading.cards_of(devices), asked, spec.name)
    options = found.get("config.vAppConfig")
    vapp.check_made(options.property if options else (), vapp.values(spec), spec.name)
    return reading.ref_of(found)


def check_nics(made: Sequence[Nic], spec: DeploySpec) -> None:
    """In their order: the guest counts them so. One that was to be chosen has any MAC."""
    asked = [(nic.mac and nic.mac.lower(), nic.network, nic.link_up) for nic in spec.nics]
    chosen = [not nic.mac for nic in spec.nics] + [False] * len(made)
    seen = [
        (None if free else nic.mac, nic.network, nic.stored_link_up) for nic, free in zip(made, chosen, strict=False)
    ]
    if seen != asked:
        nics = ", ".join(f"{nic.mac} on {nic.network}{'' if nic.stored_link_up else ', down'}" for nic in made)
        raise HypervisorError(
            f"{spec.name} was made with other NICs than requested: {nics or 'none'}",
            hint="report this with the vSphere version; nothing of it is left",
        )


def check_plugs(made: Sequence[Any], asked: vim.vm.ConfigSpec, name: str) -> None:
    """A network with the right name may be another one. `made`: the cards, in their order."""
    devices = [change.device for change in asked.deviceChange]
    wanted = [device.backing for device in devices if isinstance(device, vim.vm.device.VirtualEthernetCard)]
    for card, backing in zip(made, wanted, strict=True):
        if not networks.is_same(card.backing, backing):
            raise HypervisorError(
                f"the NIC {reading.mac_of(card)} of {name} was made in another network than requested",
                hint="do two networks have one name? rename one of them, then run it again",
            )
