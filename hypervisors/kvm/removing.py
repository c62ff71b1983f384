"""Destroy a virtual machine of our own: its volumes first, its tag last, so that a crash loses neither."""

import libvirt

from hypervisors.kvm import power
from hypervisors.kvm.faults import door
from hypervisors.kvm.pools import delete_volumes, folder_and_name
from hypervisors.kvm.reading import disks_of, keeps_variables, source_of
from hypervisors.kvm.session import Session, none_if_missing, require_ours, stored
from hypervisors.kvm.tags import is_volume_of, volume_name
from hypervisors.types import VmRef

_WITH_STATE = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA


def destroy(session: Session, vm: VmRef, run_id: str) -> None:
    """Does nothing if nothing is left. Raises NotOurs."""
    domain = session.domain_or_none(vm)
    paths = set()
    with door(f"removal of {vm.name}"):
        if domain is not None:
            require_ours(domain, run_id)
            paths = {folder_and_name(source_of(disk)) for disk in disks_of(stored(domain))}
            power.cut(domain)
        ours = {(folder, name) for folder, name in paths if is_volume_of(run_id, name)}
        names = {name for _, name in ours} | {volume_name(run_id, vm.name)}
        delete_volumes(session, names, {folder for folder, _ in ours})
        if domain is not None:
            _undefine(domain)


def _undefine(domain: libvirt.virDomain) -> None:
    """With all that libvirt keeps for it; a transient domain is gone as soon as it is off.

    libvirt 9.0 does not show the variable store in the definition if it chose that itself.
    """
    flags = _WITH_STATE
    if keeps_variables(stored(domain)):  # a driver without firmware refuses the flag
        flags |= libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    none_if_missing(domain.undefineFlags, flags, missing="NO_DOMAIN")
