"""On and off. A guest may go off or on between a look and the call that follows from it: then it is looked at again."""

import libvirt

from hypervisors import refusals
from hypervisors.kvm.session import power_of
from hypervisors.shutdown import wait_until_off
from hypervisors.types import PowerState


def switch_on(domain: libvirt.virDomain, name: str) -> None:
    """Nothing if it runs. Raises HypervisorError for one that is paused."""
    state = power_of(domain)
    if state is PowerState.OTHER:
        raise refusals.neither_running_nor_off(name, hint=f"see: virsh domstate --reason {name}")
    if state is PowerState.OFF:
        try:
            domain.create()
        except libvirt.libvirtError:
            if power_of(domain) is not PowerState.RUNNING:
                raise


def shut_down(domain: libvirt.virDomain, name: str, timeout: float) -> None:
    """Raises TimedOut. Seconds."""
    if domain.isActive():
        try:
            domain.shutdown()  # by the guest's agent, else by the power button: libvirt's choice
        except libvirt.libvirtError:
            if domain.isActive():
                raise
    wait_until_off(name, lambda: not domain.isActive(), timeout)


def cut(domain: libvirt.virDomain) -> None:
    """By force; nothing if it is off."""
    if domain.isActive():
        try:
            domain.destroy()
        except libvirt.libvirtError:
            if domain.isActive():
                raise
