"""What a run asks of libvirt, made by the process of one account: each call with how it ended, as JSON."""

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt

from fixtures.lab.places import URI
from fixtures.lab.world import HERE
from hypervisors import DeploySpec, Network, NicSpec, Problem, TimedOut, connect, identify_image, no_progress

RUN, OLD, POOL = "20260101-000000-abcd", "mailgw", "default"
MACS = "52:54:00:c0:00:10", "52:54:00:c0:00:11"
LAN, STAGING = Network("lan", "network"), Network("staging", "network")
_DOMAIN = f"""<domain type='qemu'><name>{OLD}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
<cpu mode='custom' match='exact'><model>qemu64</model></cpu><devices><interface type='network'>
<mac address='{MACS[0]}'/><source network='lan'/><model type='virtio'/></interface></devices></domain>"""


def prepare(folder: str) -> None:
    """By root: two networks, a pool, the old machine."""
    connection = libvirt.open(URI)
    for name in ("lan", "staging"):
        connection.networkDefineXML((HERE / f"{name}.xml").read_text()).create()
    pool = f"<pool type='dir'><name>{POOL}</name><target><path>{folder}</path></target></pool>"
    connection.storagePoolDefineXML(pool).create()
    connection.defineXML(_DOMAIN).create()


def calls() -> dict[str, str]:
    """All methods of the port, in the order of a run, its way back, and what an update asks; "" where it ended well."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    made: Any = connect(URI)
    old = made.find(OLD)
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder, "image.raw")
        disk.write_bytes(bytes(510) + b"\x55\xaa" + bytes(3 << 20))
        nics = (NicSpec(LAN, MACS[0], link_up=False), NicSpec(STAGING, MACS[1], link_up=True))
        image = identify_image(disk, no_progress)
        spec = DeploySpec(run_id=RUN, name="new", image=image, like=old, store=POOL, nics=nics)
        seen = _before(made, old, spec) | {"deploy": _ended(lambda: made.deploy(spec, no_progress))}
    new = made.find("new")
    acts: dict[str, Callable[[], object]] = {
        "find_tagged": lambda: made.find_tagged(RUN),
        "start": lambda: made.start(new),
        "power_state": lambda: made.power_state(new),
        "addresses": lambda: made.addresses(new),
        "agent_answers": lambda: made.agent_answers(new),
        "set_nic, down": lambda: made.set_nic(old, MACS[0], link_up=False),
        "set_nic, up": lambda: made.set_nic(new, MACS[0], link_up=True),
        "set_nic, network": lambda: made.set_nic(new, MACS[1], network=LAN),
        "snapshots": lambda: (made.snapshots(new), made.snapshot_fault(new)),
        "create_snapshot": lambda: _unless_denied(lambda: made.create_snapshot(new, "kept", "x")),
        "revert_snapshot": lambda: _unless_denied(lambda: made.revert_snapshot(new, "kept")),
        "remove_snapshot": lambda: _unless_denied(lambda: made.remove_snapshot(new, "kept")),
        "set_autostart": lambda: (made.set_autostart(old, True), made.set_autostart(old, False)),
        "shut_down": lambda: _patient(lambda: made.shut_down(old, 0.5)),
        "remove_nic": lambda: _patient(lambda: made.remove_nic(new, MACS[1], RUN)),
        "power_off": lambda: made.power_off(new, RUN),
        "rename": lambda: made.rename(new, "renamed"),
        "destroy": lambda: made.destroy(made.find("renamed"), RUN),
    }
    return {**seen, **{name: _ended(act) for name, act in acts.items()}}


def _before(made: Any, old: Any, spec: DeploySpec) -> dict[str, str]:
    without = replace(spec, name="other")
    acts: dict[str, Callable[[], object]] = {
        "inventory": lambda: made.inventory(old),
        "networks": made.networks,
        "stores": made.stores,
        "keeps_mac": lambda: made.keeps_mac(MACS[1]),
        "holders": lambda: made.holders(MACS[0]),
        "rehearse": lambda: made.rehearse(without),
        "carried": lambda: made.carried(without),
        "set_notes": lambda: made.set_notes(old, "a claim", over=made.inventory(old).notes),
    }
    return {name: _ended(act) for name, act in acts.items()}


def beside() -> dict[str, str]:
    """What no run asks for, by the library itself."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    connection = libvirt.open(URI)
    old, network = connection.lookupByName(OLD), connection.networkLookupByName("lan")
    pool = connection.storagePoolLookupByName(POOL)
    acts: dict[str, Callable[[], object]] = {
        "secrets": lambda: connection.listAllSecrets(),
        "network, changed": lambda: network.setAutostart(0),
        "network, stopped": lambda: network.destroy(),
        "pool, stopped": lambda: pool.destroy(),
        "pool, defined": lambda: connection.storagePoolDefineXML(
            "<pool type='dir'><name>x</name><target><path>/</path></target></pool>"
        ),
        "devices of the host": lambda: connection.listAllDevices(),
        "interfaces of the host": lambda: connection.listAllInterfaces(),
        "screen": lambda: old.screenshot(connection.newStream(), 0),
        "memory": lambda: old.memoryPeek(0, 16, libvirt.VIR_MEMORY_PHYSICAL),
        "packets": lambda: connection.listAllNWFilters(),
    }
    return {name: _ended(act) for name, act in acts.items()}


def _patient(act: Callable[[], object]) -> None:
    """A machine without a system obeys nobody: that it was asked is enough."""
    with suppress(TimedOut):
        act()


def _unless_denied(act: Callable[[], object]) -> None:
    """Its raw disk keeps no snapshot: that is said after it was permitted."""
    try:
        act()
    except Problem as problem:
        if "denied" in str(problem):
            raise


def _ended(act: Callable[[], object]) -> str:
    try:
        act()
    except (Problem, libvirt.libvirtError) as error:
        return str(error)
    return ""


if __name__ == "__main__":
    wish = sys.argv[1]
    found = prepare(sys.argv[2]) if wish == "prepare" else {"calls": calls, "beside": beside}[wish]()
    print(json.dumps(found))
