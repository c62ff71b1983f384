"""What was made, read back and compared with what was asked for, before anybody switches it on."""

from collections.abc import Sequence

from pyVmomi import vim

from hypervisors.errors import HypervisorError
from hypervisors.types import DeploySpec, Nic, VmRef
from hypervisors.vmware import networks, properties, reading, vapp
from hypervisors.vmware.session import Session

_PATHS = (*reading.SHAPE, "config.vAppConfig")


def read_back(session: Session, machine: vim.VirtualMachine, spec: DeploySpec) -> VmRef:
    """Raises HypervisorError where it came out otherwise."""
    found = properties.of_one(session, machine, _PATHS, f"virtual machine {spec.name}")
    names = networks.names_of_keys(session)
    check_nics(reading.nics_of(found["config.hardware.device"], names, running=False), spec)
    options = found.get("config.vAppConfig")
    vapp.check_made(options.property if options else (), spec.properties, spec.name)
    return reading.ref_of(found)


def check_nics(made: Sequence[Nic], spec: DeploySpec) -> None:
    """In their order: the guest counts them so. One that was to be chosen has any MAC."""
    asked = [(nic.mac and nic.mac.lower(), nic.network, nic.link_up) for nic in spec.nics]
    chosen = [not nic.mac for nic in spec.nics] + [False] * len(made)
    seen = [
        (None if free else nic.mac, nic.network, nic.stored_link_up) for nic, free in zip(made, chosen, strict=False)
    ]
    if seen != asked:
        told = ", ".join(f"{nic.mac} on {nic.network}{'' if nic.stored_link_up else ', down'}" for nic in made)
        raise HypervisorError(
            f"{spec.name} came out with other NICs than asked for: {told or 'none'}",
            hint="report this with the vSphere version; nothing of it is left",
        )
