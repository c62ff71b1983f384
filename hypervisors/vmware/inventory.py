"""Find things in the inventory, within the URL's datacenter if it names one: machines, datacenter, our tags."""

import re
from typing import Any

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import Ambiguous
from hypervisors.types import VmRef
from hypervisors.vmware import properties, reading, tags
from hypervisors.vmware.properties import Row
from hypervisors.vmware.session import Session
from hypervisors.vmware.target import in_url

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_TAGS = tuple(f'config.extraConfig["{key}"]' for key in tags.KEYS)


def datacenter(session: Session) -> vim.Datacenter:
    """The URL's; without one, the only one. Raises NotFound, Ambiguous."""
    found = properties.of_all(session, vim.Datacenter, ("name",), session.content.rootFolder)
    wanted = session.target.datacenter
    named = [(thing, reading.plain(row["name"])) for thing, row in found]
    matching = [thing for thing, name in named if wanted in ("", name)]
    if len(matching) == 1:
        return matching[0]
    names = [in_url(name) for _, name in named]
    if not matching and wanted:
        raise refusals.missing("datacenter", in_url(wanted), names)
    what, hint = "datacenters", f"name one in the URL's path: {refusals.listed(names)}"
    if wanted:  # in two folders
        what, hint = f"datacenters {wanted!r}", "give one of them another name"
    raise Ambiguous(f"{session.target.server} has {len(matching)} {what}", hint=hint)


def find(session: Session, name_or_id: str) -> VmRef:
    """By name or instance UUID. Raises NotFound, and says what there is; Ambiguous."""
    root = datacenter(session) if session.target.datacenter else None
    if _UUID.fullmatch(name_or_id):
        found = machine_or_none(session, VmRef(name_or_id, name_or_id), root)
        if found is not None:
            row = properties.of_one(session, found, ("name", "config.instanceUuid"), f"virtual machine {name_or_id}")
            return reading.ref_of(row)
    rows = properties.of_all(session, vim.VirtualMachine, ("name",), root or session.content.rootFolder)
    names = {thing: reading.plain(row["name"]) for thing, row in rows if row.get("name")}
    matching = _identified(session, [thing for thing, name in names.items() if name == name_or_id])
    if len(matching) > 1:
        ids = ", ".join(ref.id for ref in matching)
        raise Ambiguous(f"{len(matching)} virtual machines are called {name_or_id!r}", hint=f"give one's UUID: {ids}")
    if not matching:
        where = f" in the datacenter {session.target.datacenter}" if root is not None else ""
        raise refusals.missing("virtual machine", name_or_id, names.values(), where=where)
    return matching[0]


def _identified(session: Session, things: list[vim.VirtualMachine]) -> list[VmRef]:
    """Without those that are being made or are lost, which have no identity to read."""
    rows = properties.of_each(session, things, ("name", "config.instanceUuid"), "the virtual machines of that name")
    return [reading.ref_of(row) for _, row in rows if row.get("config.instanceUuid")]


def machine(session: Session, vm: VmRef) -> vim.VirtualMachine:
    """Raises NotFound."""
    found = machine_or_none(session, vm)
    if found is None:
        raise refusals.gone(vm, hint="see the inventory in the vSphere client")
    return found


def machine_or_none(session: Session, vm: VmRef, root: vim.Datacenter | None = None) -> vim.VirtualMachine | None:
    """`root`: look there alone. What a run knows by its id is looked for everywhere: moved is not gone."""
    index = session.content.searchIndex
    return session.read(f"virtual machine {vm.name}", lambda: index.FindByUuid(root, vm.id, True, True))


def machines(
    session: Session, paths: tuple[str, ...], keyed: tuple[str, ...] = (), instead: tuple[str, ...] = ()
) -> list[Row]:
    """Every virtual machine; without those that are being made or are lost, which have no identity to read.

    `keyed`, `instead`: see properties.of_all_keyed.
    """
    root = datacenter(session) if session.target.datacenter else session.content.rootFolder
    known = (*paths, "config.instanceUuid")
    rows = properties.of_all_keyed(session, vim.VirtualMachine, known, keyed, root, instead=instead)
    return [(thing, row) for thing, row in rows if row.get("config.instanceUuid") and row.get("name")]


def tagged(session: Session, run_id: str) -> list[tags.Tagged]:
    """What the run made; see tags.ours. Raises Ambiguous."""
    found = []
    for _, row in machines(session, ("name",), keyed=_TAGS, instead=("config.extraConfig",)):
        single = reading.extra_of(row[path] for path in _TAGS if path in row)
        tag = tags.tag_of(single or extra_options(row))
        if tag is not None:
            found.append((reading.ref_of(row), tag))
    return tags.ours(found, run_id)


def extra_options(row: properties.Properties) -> dict[str, str]:
    """The extraConfig that a row holds."""
    options: Any = row.get("config.extraConfig", ())
    return reading.extra_of(options)
