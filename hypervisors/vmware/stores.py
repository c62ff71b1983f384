"""Datastores: which there are, what room they have, and which hosts see them."""

from dataclasses import dataclass

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import HypervisorError
from hypervisors.types import Store
from hypervisors.vmware import properties, reading
from hypervisors.vmware.inventory import datacenter
from hypervisors.vmware.session import Session

_PATHS = (
    "name",
    "summary.capacity",
    "summary.freeSpace",
    "summary.accessible",
    "summary.url",
    "summary.maintenanceMode",
    "host",
)


@dataclass(frozen=True)
class Datastore:
    """`hosts`: those that can write to it now, by their ids."""

    thing: vim.Datastore
    store: Store
    hosts: frozenset[str]
    maintenance: str  # 'normal', or what it is about


def datastores(session: Session) -> tuple[Datastore, ...]:
    rows = properties.of_all(session, vim.Datastore, _PATHS, datacenter(session))
    return tuple(_datastore(thing, row) for thing, row in rows)


def _datastore(thing: vim.Datastore, row: properties.Properties) -> Datastore:
    maintenance = str(row.get("summary.maintenanceMode") or "normal")
    store = Store(
        reading.plain(row["name"]),
        row.get("summary.url", ""),
        int(row.get("summary.capacity") or 0),
        int(row.get("summary.freeSpace") or 0),
        bool(row["summary.accessible"]) and maintenance == "normal",
    )
    hosts = frozenset(mount.key._moId for mount in row.get("host", ()) if _is_usable(mount.mountInfo))
    return Datastore(thing, store, hosts, maintenance)


def _is_usable(mount: vim.host.MountInfo) -> bool:
    """A missing value counts as true: older servers leave it out."""
    return mount.accessMode == "readWrite" and mount.mounted is not False and mount.accessible is not False


def usable(session: Session, name: str, needed: int) -> Datastore:
    """The one of that name, with so many bytes of room. Raises NotFound, HypervisorError, NoRoom."""
    there = datastores(session)
    found = next((each for each in there if each.store.name == name), None)
    if found is None:
        raise refusals.missing("datastore", name, (each.store.name for each in there))
    if not found.store.active:
        why = "is not accessible" if found.maintenance == "normal" else f"is in maintenance ({found.maintenance})"
        raise HypervisorError(f"the datastore {name} {why}", hint="choose another, or see it in the vSphere client")
    if found.store.available < needed:
        raise refusals.no_room("datastore", name, found.store.available, needed)
    return found
