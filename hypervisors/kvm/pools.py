"""Storage pools: which there are, the room in them, and our volumes in them."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

import libvirt

from hypervisors import refusals
from hypervisors.errors import HypervisorError, NotFound, NotSupported
from hypervisors.kvm.elements import parsed
from hypervisors.kvm.faults import door, has_code
from hypervisors.kvm.reading import text_of
from hypervisors.kvm.session import Session, none_if_missing
from hypervisors.types import Store

_FILE_POOLS = ("dir", "fs", "netfs")  # whose volumes are files, which may be qcow2 and sparse


def stores(session: Session) -> tuple[Store, ...]:
    with door("the list of storage pools"):
        return tuple(_store(pool) for pool in session.connection.listAllStoragePools(0))


def _store(pool: libvirt.virStoragePool) -> Store:
    _, capacity, _, available = pool.info()
    return Store(pool.name(), path_of(pool), capacity, available, bool(pool.isActive()))


def path_of(pool: libvirt.virStoragePool) -> str:
    return text_of(_definition(pool), "target/path")


def _definition(pool: libvirt.virStoragePool) -> ET.Element:
    return parsed(pool.XMLDesc(0))


def holding(session: Session, path: str) -> str:
    """The name of the pool of files in whose folder that file lies; '' if there is none."""
    folder, _ = folder_and_name(path)
    for pool in session.connection.listAllStoragePools(0):
        definition = _definition(pool)
        if definition.get("type") in _FILE_POOLS and text_of(definition, "target/path") == folder:
            return str(pool.name())
    return ""


def usable_pool(session: Session, name: str) -> libvirt.virStoragePool:
    """The pool, with its numbers fresh. Raises NotFound, NotSupported."""
    with door(f"storage pool {name}"):
        pool = none_if_missing(session.connection.storagePoolLookupByName, name, missing="NO_STORAGE_POOL")
        if pool is None:
            pools = session.connection.listAllStoragePools(0)
            raise refusals.missing("storage pool", name, (each.name() for each in pools))
        if not pool.isActive():
            raise NotFound(f"the storage pool {name} is not active", hint=f"start it: virsh pool-start {name}")
        _require_files(pool)
        refresh(pool)
    return pool


def _require_files(pool: libvirt.virStoragePool) -> None:
    kind = _definition(pool).get("type", "")
    if kind not in _FILE_POOLS:
        raise NotSupported(
            f"the storage pool {pool.name()} is of type {kind!r}, which holds no files",
            hint=f"choose a pool of type {', '.join(_FILE_POOLS)}: virsh pool-list --details",
        )


def refresh(pool: libvirt.virStoragePool) -> None:
    """Have libvirt look again; if another upload forbids that now, its last look is used."""
    try:
        pool.refresh()
    except libvirt.libvirtError as error:
        if not has_code(error, "INTERNAL_ERROR", "OPERATION_INVALID"):
            raise


def volume_in(pool: libvirt.virStoragePool, name: str) -> libvirt.virStorageVol | None:
    return none_if_missing(pool.storageVolLookupByName, name, missing="NO_STORAGE_VOL")


def volume_of(name: str, size: int) -> ET.Element:
    """An empty sparse file for `size` bytes to come.

    Declared raw though a qcow2 will fill it: a qcow2 made by libvirt has bytes of its own, which would
    show through the holes of a sparse upload.
    """
    return _volume(name, size, "raw")


def empty_volume(name: str, size: int) -> ET.Element:
    """A qcow2 without data, for a disk of `size` bytes."""
    return _volume(name, size, "qcow2")


def _volume(name: str, size: int, kind: str) -> ET.Element:
    volume = ET.Element("volume")
    ET.SubElement(volume, "name").text = name
    ET.SubElement(volume, "capacity", unit="bytes").text = str(size)
    ET.SubElement(volume, "allocation", unit="bytes").text = "0"
    ET.SubElement(ET.SubElement(volume, "target"), "format", type=kind)
    return volume


def delete_volumes(session: Session, names: set[str], folders: set[str]) -> None:
    """Delete the volumes with these names in any pool; `folders`: where they are known to be.

    Raises HypervisorError if one of the folders belongs to a pool that is not active: then it is
    unknown whether a volume is left in it.
    """
    for pool in session.connection.listAllStoragePools(0):
        if pool.isActive():
            for volume in _volumes(pool, names):
                volume.delete(0)
        elif path_of(pool) in folders:
            raise HypervisorError(
                f"{', '.join(sorted(names))} may be left in storage pool {pool.name()}, which is not active",
                hint=f"start it, then run this again: virsh pool-start {pool.name()}",
            )


def _volumes(pool: libvirt.virStoragePool, names: set[str]) -> Iterator[libvirt.virStorageVol]:
    for name in names:
        volume = volume_in(pool, name)
        if volume is not None:
            yield volume


def folder_and_name(path: str) -> tuple[str, str]:
    """A volume's path, on whichever machine it is."""
    return str(PurePosixPath(path).parent), PurePosixPath(path).name
