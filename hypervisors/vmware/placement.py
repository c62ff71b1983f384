"""Where a new virtual machine goes: the old one's cluster, host, pool and folder, or those that are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import Ambiguous, HypervisorError, NotFound
from hypervisors.types import Network
from hypervisors.vmware import properties, reading
from hypervisors.vmware.inventory import datacenter
from hypervisors.vmware.session import Session
from hypervisors.vmware.stores import Datastore
from hypervisors.vmware.target import in_url

_OLD = ("resourcePool", "parent", "parentVApp", "runtime.host")
_HOST = ("name", "runtime.connectionState", "runtime.inMaintenanceMode", "network")
_UNTOLD = "the server reports nothing about some hosts to this account"


@dataclass(frozen=True)
class Placement:
    """`host` sees the datastore and the networks; a cluster with DRS may move the machine when it is switched on."""

    pool: vim.ResourcePool
    folder: vim.Folder
    host: vim.HostSystem


@dataclass(frozen=True)
class _Compute:
    """A cluster, or a host of its own. `hosts`: in the order in which they are preferred."""

    name: str
    thing: vim.ComputeResource
    hosts: Sequence[vim.HostSystem]


def place(
    session: Session,
    old: properties.Properties,
    folder: vim.Folder,
    store: Datastore,
    networks: Mapping[Network, vim.Network],
) -> Placement:
    """`old`: what `facts_of` read. Raises NotFound, Ambiguous, HypervisorError (no host sees all that is needed)."""
    compute = _compute(session, old)
    pool = _pool(session, compute, old)
    return Placement(pool, folder, _host(session, compute, store, networks))


def facts_of(session: Session, like: vim.VirtualMachine, name: str) -> properties.Properties:
    """Where the old one is."""
    return properties.of_one(session, like, _OLD, f"virtual machine {name}")


def folder_of(session: Session, old: properties.Properties, wanted: str = "") -> vim.Folder:
    """`wanted`: as DeploySpec.folder, '' for the old one's. Raises NotFound."""
    return _named_folder(session, wanted) if wanted else _olds_folder(session, old)


def _named_folder(session: Session, wanted: str) -> vim.Folder:
    """By the path from the datacenter; a slash in a name is percent-encoded, as in the URL."""
    found = root = _root_folder(session)
    rows = properties.of_all(session, vim.Folder, ("name", "parent"), root)
    for name in filter(None, wanted.split("/")):
        below = {reading.plain(row["name"]): thing for thing, row in rows if _is_in(row, found)}
        if unquote(name) not in below:
            listed = ", ".join(sorted(map(in_url, below))) or "none"
            raise NotFound(
                f"there is no folder {unquote(name)!r} of virtual machines on the way to {wanted!r}",
                hint=f"those there are in its place: {listed}",
            )
        found = below[unquote(name)]
    return found


def _is_in(row: properties.Properties, folder: vim.Folder) -> bool:
    parent = row.get("parent")
    return parent is not None and parent._moId == folder._moId


def _root_folder(session: Session) -> vim.Folder:
    return properties.of_one(session, datacenter(session), ("vmFolder",), "the datacenter")["vmFolder"]


def _olds_folder(session: Session, old: properties.Properties) -> vim.Folder:
    """A member of a vApp has no folder: the vApp has one."""
    parent = old.get("parent")
    if isinstance(parent, vim.Folder):
        return parent
    vapp = old.get("parentVApp")
    if isinstance(vapp, vim.VirtualApp):
        found = properties.of_one(session, vapp, ("parentFolder",), "the vApp").get("parentFolder")
        if isinstance(found, vim.Folder):
            return found
    return _root_folder(session)


def _compute(session: Session, old: properties.Properties) -> _Compute:
    wanted = session.target.compute
    if wanted:
        return _named(session, wanted)
    host = old["runtime.host"]
    thing = properties.of_one(session, host, ("parent",), "the host of the old virtual machine")["parent"]
    row = properties.of_one(session, thing, ("name", "host"), "the cluster of the old virtual machine")
    others = [each for each in row["host"] if each._moId != host._moId]
    return _Compute(reading.plain(row["name"]), thing, [host, *others])


def _named(session: Session, wanted: str) -> _Compute:
    """A cluster, a host of its own, or a host of a cluster."""
    root = datacenter(session)
    rows = properties.of_all(session, vim.ComputeResource, ("name", "host"), root)
    for thing, row in rows:
        if reading.plain(row["name"]) == wanted:
            return _Compute(wanted, thing, row["host"])
    hosts = properties.of_all(session, vim.HostSystem, ("name", "parent"), root)
    for thing, row in hosts:
        if reading.plain(row["name"]) == wanted:
            return _Compute(wanted, row["parent"], [thing])
    there = {in_url(reading.plain(row["name"])) for _, row in (*rows, *hosts)}
    raise refusals.missing("cluster or host", in_url(wanted), there)


def _pool(session: Session, compute: _Compute, old: properties.Properties) -> vim.ResourcePool:
    wanted = session.target.pool
    root = properties.of_one(session, compute.thing, ("resourcePool",), compute.name)["resourcePool"]
    if wanted:
        return _named_pool(session, root, wanted, compute.name)
    return _olds_pool(session, compute, old.get("resourcePool")) or root


def _olds_pool(session: Session, compute: _Compute, pool: Any) -> vim.ResourcePool | None:
    """The old one's, if it is in this cluster; for a vApp, which takes no import into a folder, the pool around it."""
    while pool is not None:
        row = properties.of_one(session, pool, ("owner", "parent"), "the resource pool")
        if row["owner"]._moId != compute.thing._moId:
            return None
        if not isinstance(pool, vim.VirtualApp):
            return pool
        pool = row["parent"]
    return None


def _named_pool(session: Session, root: vim.ResourcePool, wanted: str, compute: str) -> vim.ResourcePool:
    rows = properties.of_all(session, vim.ResourcePool, ("name",), root)
    pools = [(thing, reading.plain(row["name"])) for thing, row in rows if not isinstance(thing, vim.VirtualApp)]
    found = [thing for thing, name in pools if name == wanted]
    if len(found) > 1:
        raise Ambiguous(f"{compute} has {len(found)} resource pools {wanted!r}", hint="give one of them another name")
    if not found:
        raise refusals.missing(
            "resource pool", in_url(wanted), (in_url(name) for _, name in pools), where=f" in {compute}"
        )
    return found[0]


def _host(
    session: Session, compute: _Compute, store: Datastore, networks: Mapping[Network, vim.Network]
) -> vim.HostSystem:
    """The first that is up and sees the datastore and every network."""
    read = {thing._moId: row for thing, row in properties.of_each(session, compute.hosts, _HOST, compute.name)}
    refusals = [_UNTOLD] if len(read) < len(compute.hosts) else []
    for host in (each for each in compute.hosts if each._moId in read):
        refusal = _refusal(host, read[host._moId], store, networks)
        if refusal is None:
            return host
        refusals.append(refusal)
    raise HypervisorError(
        f"no host of {compute.name} can take the new virtual machine: {'; '.join(refusals) or 'it has none'}",
        hint="choose a datastore and networks that one host has, or another cluster in the hypervisor's URL",
    )


def _refusal(
    host: vim.HostSystem, row: properties.Properties, store: Datastore, networks: Mapping[Network, vim.Network]
) -> str | None:
    name = row["name"]
    if str(row["runtime.connectionState"]) != "connected" or row["runtime.inMaintenanceMode"]:
        return f"{name} is in maintenance or not connected"
    if host._moId not in store.hosts:
        return f"{name} does not see the datastore {store.store.name}"
    seen = {each._moId for each in row["network"]}
    missing = sorted(str(network) for network, thing in networks.items() if thing._moId not in seen)
    return f"{name} has no network {', '.join(missing)}" if missing else None
