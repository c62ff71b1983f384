"""Configure a NIC by netplan and systemd-networkd: a file of our own, `netplan generate`, and networkctl."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from vmmigrate.addressing import LiveNic, Route
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import networkd
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.programs import question, which
from vmmigrate.limits.seconds import NETWORK_SET

PATH = "/etc/netplan/zz-vmmigrate.yaml"  # of files that speak of the same thing the last one counts
STAGING_PATH = "/etc/netplan/91-vmmigrate-staging.yaml"
# Of .network files that match one NIC the first one counts, and netplan names them by these ids. An id of our own is
# also merged with nothing of the image: lists are joined, not replaced.
IDS = ("00-vmmigrate-live", "!00-vmmigrate-live")  # the second where the image has one that goes before the first
_FOLDER = "/etc/netplan"
_LISTING = ("ls", "-1", _FOLDER)
# Each line of them ends: the first of one file is no end of another's last.
OTHERS = (
    *("find", "/lib/netplan", _FOLDER, "/run/netplan", "-name", "*.y*ml", "!", "-name", PurePosixPath(PATH).name),
    *("-exec", "grep", "-h", "", "{}", "+"),
)
QUESTIONS = (question("netplan"), _LISTING)
_META = FileMeta("0600", "root", "root")
_PATIENCE = NETWORK_SET.most


def present(shell: Shell) -> bool:
    """Whether netplan is installed and has a configuration."""
    listing = shell.run(_LISTING, check=False).stdout.split()
    return any(name.endswith((".yaml", ".yml")) for name in listing) and which(shell, "netplan") is not None


def configure(shell: Shell, look: LookingShell, live: LiveNic, in_force: bool) -> None:
    """Write the file, have netplan check it, and apply it to this NIC; `in_force`: all of it is there already.

    `netplan apply` would set up every NIC again, also the one that we come in at.
    """
    own = _id(look)
    beside = tuple(_beside(live, own))
    ours = (NewFile(PATH, document(live, own).encode(), _META), *beside)
    written = all(look.file_meta(file.path) is not None and look.read_file(file.path) == file.data for file in ours)
    resolvers = networkd.resolvers_beside(look, live)
    if written and not resolvers and in_force:
        return
    shell.install(*ours, *resolvers, folders=tuple(str(PurePosixPath(each.path).parent) for each in beside))
    shell.run(("netplan", "generate"), user="root", timeout=_PATIENCE)
    networkd.apply(shell, live)


def named_apart(look: LookingShell, live: LiveNic) -> LiveNic:
    """Its VLAN under a name that no file of the image has: netplan joins what has one name, its addresses and routes
    too, and refuses all where the two are of different kinds.
    """
    if live.addressing.vlan is None:
        return live
    said = look.run(OTHERS, user="root", check=False).stdout
    while re.search(rf"(?<![\w.-]){re.escape(live.device)}(?![\w.-])", said):
        live = replace(live, taken=(*live.taken, live.device))
    return live


def _beside(live: LiveNic, own: str) -> Iterator[NewFile]:
    """What netplan cannot say: systemd-networkd merges it into the file that netplan makes.

    Nor can it say the MTU of a NIC that is meant by its MAC: it makes a .link file of that, which goes before the
    system's, and the next boot gives that NIC another name.
    """
    if live.device != live.name and live.addressing.mtu:
        yield _merged(own, networkd.of_mtu(live))
    yield _merged(own if live.device == live.name else live.device, networkd.without_a_link(live))


def _merged(named: str, text: str) -> NewFile:
    return NewFile(f"{networkd.FOLDER}/10-netplan-{named}.network.d/vmmigrate.conf", text.encode(), networkd.META)


def prove(shell: Shell, live: LiveNic) -> Iterator[str]:
    """What networkctl says otherwise than it was wanted, of the file that netplan made."""
    expected = {live.name: IDS, live.device: IDS if live.device == live.name else (live.device,)}
    for name, ids in expected.items():
        file = networkd.network_file(shell, name)
        if not file.endswith(tuple(f"/10-netplan-{each}.network" for each in ids)):
            yield f"`networkctl status {name}` has {file or 'no file'} as its network file, not netplan's of {ids[0]}"


def is_heard(look: LookingShell) -> bool:
    """Whether systemd-networkd has no file that goes before all of netplan's."""
    return all(name > "10-netplan-" for name in networkd.files_of_others(look) if not name.startswith("10-netplan-"))


def _id(look: LookingShell) -> str:
    """The one whose file goes before those of the image's."""
    return IDS[0] if all(name > f"10-netplan-{IDS[0]}" for name in networkd.files_of_others(look)) else IDS[1]


def keep_dhcp(shell: Shell, look: LookingShell, interface: str, *, ipv6: bool) -> bool:
    """Have that NIC ask for a lease at the next boot; whether that was new. Nothing is applied now."""
    nic = {"dhcp4": True, "optional": True}
    text = json.dumps({"network": {"version": 2, "ethernets": {interface: nic}}}, indent=2) + "\n"
    if look.file_meta(STAGING_PATH) is not None and look.read_file(STAGING_PATH) == text.encode():
        return False
    shell.install(NewFile(STAGING_PATH, text.encode(), _META))
    return True


def leave(shell: Shell, look: LookingShell, nic: LiveNic) -> bool:
    """By systemd-networkd, which reads what netplan makes: its own file goes first. Whether that was new."""
    return networkd.leave(shell, look, nic)


def document(live: LiveNic, own: str = IDS[0]) -> str:
    """JSON, which is YAML."""
    nic: dict[str, object] = {"match": {"macaddress": live.mac}, "renderer": "networkd", "optional": True}
    network: dict[str, object] = {"version": 2, "ethernets": {own: nic}}
    if live.addressing.vlan is None:
        nic |= _settings(live)
    else:
        nic |= {"dhcp4": False, "dhcp6": False, "link-local": [], "ignore-carrier": True}
        vlan = {"id": live.addressing.vlan, "link": own, "renderer": "networkd", "optional": True} | _settings(live)
        network["vlans"] = {live.device: vlan}
    return json.dumps({"network": network}, indent=2) + "\n"


def _settings(live: LiveNic) -> dict[str, object]:
    """Its link is down until the switch: the addresses are set all the same."""
    wanted = live.addressing
    settings: dict[str, object] = {
        "dhcp4": False,
        "dhcp6": False,
        "accept-ra": wanted.advertised,
        "ignore-carrier": True,
        "addresses": [str(each) for each in wanted.addresses],
    }
    if wanted.routes:
        settings["routes"] = [_route(route) for route in wanted.routes]
    if wanted.dns or wanted.search:
        settings["nameservers"] = _filled(
            {"addresses": [str(server) for server in wanted.dns], "search": list(wanted.search)}
        )
    return settings


def _route(route: Route) -> dict[str, object]:
    """Netplan 0.106 aborts at a `default` without a next hop, because nothing says of which family it is."""
    return _filled(
        {
            "to": "default" if route.is_default and route.via else str(route.to),
            "via": str(route.via) if route.via else None,
            "scope": None if route.via else "link",
            "on-link": route.on_link,
            "from": str(route.source) if route.source else None,
            "metric": route.metric,
        }
    )


def _filled(settings: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in settings.items() if value}
