"""The questions about where the new VM goes: its store and its staging network."""

from hypervisors import Network, Store
from vmmigrate.errors import PlanRefused
from vmmigrate.plan.hypervisor import old_vm
from vmmigrate.plan.image import image
from vmmigrate.plan.look import Look

SAME_LAN = "same-lan"


def store(look: Look) -> Store:
    """As set, else the only one, else where the old VM's first disk is."""
    stores = {store.name: store for store in look.hypervisor.stores() if store.active}
    disks, wanted = look.of(old_vm).disks, look.settings.hypervisor.store
    name = wanted or (next(iter(stores)) if len(stores) == 1 else disks[0].store if disks else "")
    if name not in stores:
        what = f"no active storage pool or datastore {wanted!r}" if wanted else "it is not clear which store to use"
        raise PlanRefused(
            f"{what} (there are: {', '.join(stores) or 'none'})",
            hint="choose one with hypervisor.store or --store NAME",
        )
    found = look.of(image)
    _refuse_full(stores[name], found.virtual_size + sum(disk.capacity for disk in found.empty_disks))
    if not wanted and len(stores) > 1:
        look.findings.note("store", f"the new disk goes to {name}, which has the old VM's first disk")
    return stores[name]


def _refuse_full(chosen: Store, size: int) -> None:
    if chosen.available < size:
        raise PlanRefused(
            f"{chosen.name} has {chosen.available / 2**30:.1f} GiB left, the image may grow to {size / 2**30:.1f} GiB",
            hint="free some space, or choose another store with hypervisor.store or --store NAME",
        )


def staging(look: Look) -> Network | None:
    """None: the live network itself."""
    networks = look.hypervisor.networks()
    wanted = look.settings.new.staging
    fitting = [each for each in networks if wanted and wanted in (each.name, str(each))]
    if len(fitting) > 1:
        raise PlanRefused(
            f"{len(fitting)} networks are called {wanted!r}: {', '.join(map(str, fitting))}",
            hint="name one as listed here, with new.staging or --staging NETWORK; if two have the same name here,"
            " rename one",
        )
    if fitting:
        return fitting[0]
    if wanted and wanted.startswith("bridge:"):
        return Network(wanted.removeprefix("bridge:"), "bridge")
    if wanted == SAME_LAN:
        return None
    listed = ", ".join(map(str, networks)) or "none"
    what = f"no network {wanted!r}" if wanted else "no staging network is chosen"
    raise PlanRefused(
        f"{what} (there are: {listed})",
        hint="name one that only this workstation reaches, with new.staging or --staging NETWORK",
    )
