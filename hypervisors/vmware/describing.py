"""What an OVF asks for, made by the server from its text and adapted: our cards, our size, our tag. Mostly pure."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from pyVmomi import vim

from hypervisors.description import Extent, OvfDescription
from hypervisors.errors import BadImage, HypervisorError
from hypervisors.formats.empty_disks import without_empty_disks
from hypervisors.formats.encodings import declared_text, undeclared
from hypervisors.types import DeploySpec
from hypervisors.vmware import building, controllers, reading, vapp
from hypervisors.vmware.building import Like
from hypervisors.vmware.faults import words_of
from hypervisors.vmware.placement import Placement
from hypervisors.vmware.session import Session

_Card = vim.vm.device.VirtualEthernetCard
_Cdrom = vim.vm.device.VirtualCdrom
_MOST_NICS = 10

log = logging.getLogger(__name__)


def described(
    session: Session,
    spec: DeploySpec,
    ovf: OvfDescription,
    place: Placement,
    store: vim.Datastore,
    network: vim.Network,
) -> vim.vm.ConfigSpec:
    """As the server makes it of the descriptor. Raises HypervisorError with the server's words, BadImage.

    What the server only warns of is logged. `network`: stands for all of the OVF's, whose cards are replaced anyway.
    """
    what = f"import spec of {spec.image.path.name}"
    text, asked = read_text(ovf.descriptor), parameters(spec, ovf, place, network)
    if ovf.empty_disks:
        text = without_empty_disks(text)  # the lease is then for one disk, that with the data
    manager = session.content.ovfManager
    result = session.read(what, lambda: manager.CreateImportSpec(text, place.pool, store, asked))
    return checked(result, what, spec)


def parameters(spec: DeploySpec, ovf: OvfDescription, place: Placement, network: vim.Network) -> Any:
    return vim.OvfManager.CreateImportSpecParams(
        locale="",
        deploymentOption="",
        entityName=reading.escaped(spec.name),
        hostSystem=place.host,
        networkMapping=[vim.OvfManager.NetworkMapping(name=name, network=network) for name in ovf.networks],
        propertyMapping=[vim.KeyValue(key=key, value=value) for key, value in vapp.values(spec).items()],
        diskProvisioning="thin",
    )


def read_text(extent: Extent) -> str:
    """The descriptor. Raises BadImage if it is not what it was."""
    with extent.path.open("rb") as file:
        file.seek(extent.offset)
        data = file.read(extent.size)
    if hashlib.sha256(data).hexdigest() != extent.sha256:
        raise BadImage(f"{extent.path} is not what it was", hint="leave the image in place until it is deployed")
    return undeclared(declared_text(data))


def checked(result: Any, what: str, spec: DeploySpec) -> vim.vm.ConfigSpec:
    """Raises HypervisorError if the server refuses."""
    for warning in result.warning or ():
        log.warning("%s: the server warns: %s", what, vapp.blanked(words_of(warning), spec))
    if result.error or not isinstance(result.importSpec, vim.vm.VmImportSpec):
        words = "; ".join(map(words_of, result.error or ())) or "it makes no virtual machine of it"
        raise HypervisorError(
            f"{what}: the server refuses: {words}", hint="is the OVF made for this release of vSphere?"
        )
    return result.importSpec.configSpec


def adapt(config: vim.vm.ConfigSpec, spec: DeploySpec, like: Like, backings: Sequence[Any]) -> None:
    """Our NICs in place of the OVF's, of the models that it has; sizes, firmware, bus, tag and properties as asked."""
    changes = list(config.deviceChange)
    kinds = _kinds(changes, len(spec.nics))
    kept = [change for change in changes if not _is_left_out(change.device)]
    if spec.disk_bus:
        controllers.move_disk(kept, spec.disk_bus)
    below = min((change.device.key for change in kept), default=0)
    config.deviceChange = [*kept, *building.cards_of(spec.nics, kinds, backings, below)]
    building.shape(config, spec, like, spec.firmware or (spec.image.ovf.firmware if spec.image.ovf else ""))
    vapp.fill(config, vapp.values(spec))


def _kinds(changes: Iterable[Any], number: int) -> list[type]:
    """The models of the OVF's cards, the last of them for all further ones."""
    found = [type(change.device) for change in changes if isinstance(change.device, _Card)]
    found = found or [vim.vm.device.VirtualVmxnet3]
    return [*found, *[found[-1]] * _MOST_NICS][:number]


def _is_left_out(device: Any) -> bool:
    """Its cards, and discs whose files would have to be uploaded: of the package only the disk is deployed."""
    return isinstance(device, _Card) or (
        isinstance(device, _Cdrom) and isinstance(device.backing, _Cdrom.IsoBackingInfo)
    )
