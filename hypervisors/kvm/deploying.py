"""Deploy an image as a new domain: ask everything, define it with its tag, fill the volume, say complete."""

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree as ET

import libvirt

from hypervisors import refusals, unchanged
from hypervisors.carried import Carried
from hypervisors.description import Image
from hypervisors.errors import HypervisorError, NameTaken, NotSupported, Problem, printable
from hypervisors.kvm import beside, building, carrying, checking, pools, tags, transfer
from hypervisors.kvm.elements import parsed, xml
from hypervisors.kvm.faults import door
from hypervisors.kvm.removing import destroy
from hypervisors.kvm.session import Session, ref_of, tag_on
from hypervisors.tag import Tag
from hypervisors.types import DeploySpec, ProgressListener, VmRef
from hypervisors.waiting import NotYet, wait_for

_LONGEST_NAME = 255  # bytes of a file's
_CARRIED = ("shares", "reservations", "limits")
_LIKE_FLAGS = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE  # with a console's password


@dataclass(frozen=True)
class _Place:
    """Where the volume will be."""

    pool: libvirt.virStoragePool
    name: str

    @property
    def path(self) -> str:
        return self.beside(self.name)

    def beside(self, name: str) -> str:
        return f"{pools.path_of(self.pool)}/{name}"


def deploy(session: Session, spec: DeploySpec, progress: ProgressListener) -> VmRef:
    """A complete domain of this run is returned unchanged; any other is recreated."""
    with door(f"deployment of {spec.name}"):
        place = _Place(pools.usable_pool(session, spec.store), tags.volume_name(spec.run_id, spec.name))
        done = _look_for_earlier(session, spec, place)
        if done is not None:
            return ref_of(done)
        shape = _asked(session, spec, place)
        domain = session.connection.defineXML(shape)
        _make_empty(spec, place)
        _fill(session, spec.image, place, progress)
        _mark_complete(domain, spec.run_id)
        return ref_of(domain)


def rehearse(session: Session, spec: DeploySpec) -> tuple[Problem, ...]:
    """Check everything that `deploy` checks, and change nothing; what would keep the new VM from starting."""
    with door(f"deployment of {spec.name}"):
        place = _Place(pools.usable_pool(session, spec.store), tags.volume_name(spec.run_id, spec.name))
        if session.named(spec.name) is not None:
            raise refusals.name_taken(spec.name)
        return tuple(checking.few_pages(session, parsed(_asked(session, spec, place))))


def carried(session: Session, spec: DeploySpec) -> tuple[Carried, ...]:
    """What becomes of the old domain's definition, and of what libvirt keeps beside it."""
    with door(f"comparison with {spec.like.name}"):
        place = _Place(pools.usable_pool(session, spec.store), tags.volume_name(spec.run_id, spec.name))
        old = _old(session, spec.like)
        new = building.domain_like(old, _shape(spec, place))
        return (*carrying.carried(old, new), *beside.carried(session.domain(spec.like)))


def _look_for_earlier(session: Session, spec: DeploySpec, place: _Place) -> libvirt.virDomain | None:
    """The domain, if an earlier call finished it; what an interrupted one left is removed."""
    domain = session.named(spec.name)
    if domain is None:
        return None
    tag = tag_on(domain)
    if tag is None or not tag.is_of(spec.run_id, domain.UUIDString()):
        raise refusals.name_taken(spec.name)
    if tag.complete and pools.volume_in(place.pool, place.name) is not None:
        return domain
    destroy(session, ref_of(domain), spec.run_id)
    return None


def _asked(session: Session, spec: DeploySpec, place: _Place) -> str:
    """All that can be refused is asked here, before anything is made; the domain's XML is the answer."""
    unchanged.refuse_absent(spec.image)
    if spec.properties:
        raise NotSupported("libvirt passes no vApp properties to a guest", hint="leave them out")
    if spec.folder:
        raise NotSupported("libvirt has no folders of virtual machines", hint="leave new.folder out")
    if missing := [word for word in spec.like_old or () if word not in _CARRIED]:
        raise NotSupported(
            f"libvirt has no {', no '.join(missing)} of a virtual machine",
            hint=f"leave that out of new.like_old; {', '.join(_CARRIED)} are in the old definition and are always kept",
        )
    for name in (place.name, *_empty_names(spec)):
        _refuse_unfit(spec.name, name)
        _refuse_taken(place.pool, name, spec.store)
    old = _old(session, spec.like)
    checking.check_networks(session, spec.nics, old)
    shape = building.domain_like(old, _shape(spec, place))
    checking.check_firmware(session, shape)
    checking.check_definition(session, shape)
    _check_room(session, spec, place)
    return xml(shape)


def _refuse_unfit(name: str, volume: str) -> None:
    """Of some names libvirt says so when it defines the domain, of these only when it makes its files."""
    why = "is no name for a file" if name in (".", "..") else ""
    why = "has a line break" if "\n" in name else why
    if len(volume.encode()) > _LONGEST_NAME:
        why = f"is too long: its disk's name would have more than {_LONGEST_NAME} bytes"
    if why:
        raise NotSupported(
            f"the new VM's name {printable(name)} {why}", hint="choose another name with new.name or --name NAME"
        )


def _refuse_taken(pool: libvirt.virStoragePool, name: str, store: str) -> None:
    if pools.volume_in(pool, name) is not None:
        raise NameTaken(
            f"there is a volume {name} in {store} already", hint=f"see what it is: virsh vol-info {name} {store}"
        )


def _empty_names(spec: DeploySpec) -> list[str]:
    """Of the volumes for the empty disks that the image asks for."""
    return [tags.empty_volume_name(spec.run_id, spec.name, n) for n, _ in enumerate(spec.image.empty_disks, start=1)]


def _old(session: Session, like: VmRef) -> ET.Element:
    return parsed(session.domain(like).XMLDesc(_LIKE_FLAGS))


def _shape(spec: DeploySpec, place: _Place) -> building.Shape:
    tag = Tag(spec.run_id, complete=False, vm=str(uuid4()))
    own = (spec.vcpus, spec.memory, spec.firmware, spec.disk_bus, [place.beside(name) for name in _empty_names(spec)])
    return building.Shape(spec.name, tag, place.path, spec.nics, *own)


def _check_room(session: Session, spec: DeploySpec, place: _Place) -> None:
    folder = Path(pools.path_of(place.pool))
    needed = transfer.room_needed(spec.image, folder, local=session.local)
    available = place.pool.info()[3]
    if needed > available:
        raise refusals.no_room("storage pool", spec.store, available, needed)


def _make_empty(spec: DeploySpec, place: _Place) -> None:
    for name, disk in zip(_empty_names(spec), spec.image.empty_disks, strict=True):
        place.pool.createXML(xml(pools.empty_volume(name, disk.capacity)), 0)


def _fill(session: Session, image: Image, place: _Place, progress: ProgressListener) -> None:
    volume = place.pool.createXML(xml(pools.volume_of(place.name, image.file_size)), 0)
    if volume.path() != place.path:
        raise HypervisorError(
            f"libvirt put {place.name} at {volume.path()}, not at {place.path}",
            hint="give the storage pool a path without symbolic links or '..'",
        )
    transfer.fill(session.connection, volume, image, progress, local=session.local, stall=session.stall)
    unchanged.refuse_changed(image)
    wait_for(
        f"libvirt to see the disk in {place.name}",
        lambda: _look_whole(image, place),
        timeout=30,
        clears="the volume is not what was written; look at the host's disk and journal",
    )


def _look_whole(image: Image, place: _Place) -> None:
    """The size of the disk as libvirt reads it back from the volume."""
    pools.refresh(place.pool)
    volume = pools.volume_in(place.pool, place.name)
    seen = None if volume is None else volume.info()[1]
    if seen != image.virtual_size:
        raise NotYet(f"a disk of {seen} bytes, not {image.virtual_size}")


def _mark_complete(domain: libvirt.virDomain, run_id: str) -> None:
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        tags.bare_tag(Tag(run_id, complete=True, vm=domain.UUIDString())),
        tags.PREFIX,
        tags.NAMESPACE,
        libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    )
