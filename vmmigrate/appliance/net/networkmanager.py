"""Configure a NIC by NetworkManager's nmcli: a profile of our own, which goes before all others."""

import re
from collections.abc import Iterator

from vmmigrate.addressing import LiveNic, Route
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits.seconds import PROFILE_UP

_ACTIVE = ("systemctl", "is-active", "NetworkManager")
_RENDERED = ("ls", "-1", "/run/NetworkManager/system-connections")
QUESTIONS = (_ACTIVE, _RENDERED)
PROFILE, VLAN_PROFILE = "vmmigrate-live", "vmmigrate-live-vlan"
CONF = "/etc/NetworkManager/conf.d/zz-vmmigrate.conf"
LEFT = "/etc/NetworkManager/conf.d/zz-vmmigrate-beside.conf"  # a NIC that it leaves alone
HIGHEST = 999  # of autoconnect-priority
_META = FileMeta("0644", "root", "root")
LISTING = ("nmcli", "-t", "-f", "UUID,AUTOCONNECT-PRIORITY,TYPE,SLAVE,NAME", "connection", "show")
_LISTED = re.compile(
    r"(?P<uuid>[0-9A-Fa-f-]{36,40}):(?P<priority>-?[0-9]{1,10}):(?P<type>[^:]*):(?P<part_of>[^:]*):(?P<name>.*)"
)
_NEVER = "+802-3-ethernet.mac-address-blacklist"


def present(shell: Shell) -> bool:
    """Whether NetworkManager runs."""
    return shell.run(_ACTIVE, check=False).stdout.strip() == "active"


def renders_netplan(shell: Shell) -> bool:
    """Whether netplan hands its configuration to NetworkManager."""
    return "netplan-" in shell.run(_RENDERED, check=False).stdout and present(shell)


def configure(shell: Shell, look: LookingShell, live: LiveNic, in_force: bool) -> None:
    """Add or change profiles of our own, and bring them up unless all is `in_force`.

    NetworkManager would not set the addresses of a NIC without a link; for this one it is to ignore that.
    """
    _ignore_its_link(shell, look, live)
    listed = listed_in(look.run(LISTING, user="root").stdout)
    wanted = profiles(live)
    for uuid, lower in out_of_the_way(listed, live.mac):
        shell.run(("nmcli", "connection", "modify", uuid, *lower), user="root")
    names = {each["name"] for each in listed}
    for name, (kind, settings) in wanted.items():
        verb = ("modify", name) if name in names else ("add", *kind, "con-name", name)
        shell.run(("nmcli", "connection", *verb, *settings), user="root")
    if not in_force:
        for name in wanted:
            shell.run(
                ("nmcli", "--wait", "30", "connection", "up", name), user="root", check=False, timeout=PROFILE_UP.most
            )


def prove(shell: Shell, live: LiveNic) -> Iterator[str]:
    """What nmcli says otherwise than it was wanted."""
    for device, profile in zip((live.name, live.device), profiles(live), strict=False):
        shown = shell.run(("nmcli", "-g", "GENERAL.STATE,GENERAL.CONNECTION", "device", "show", device), check=False)
        state, _, used = shown.stdout.strip().partition("\n")
        if used.strip() != profile:
            yield f"`nmcli device show {device}` has the profile {used.strip() or 'none'}, state {state or 'unknown'}"


def keep_dhcp(shell: Shell, look: LookingShell, interface: str, *, ipv6: bool) -> bool:
    """Nothing to do: NetworkManager asks for a lease on every NIC without a profile."""
    return False


def leave(shell: Shell, look: LookingShell, nic: LiveNic) -> bool:
    """Have it leave that NIC alone; whether that was new. `managed=0` would give way to who activates a profile."""
    text = f"[keyfile]\nunmanaged-devices+=interface-name:{nic.name};mac:{nic.mac}\n".encode()
    new = look.file_meta(LEFT) is None or look.read_file(LEFT) != text
    if new:
        _configured(shell, NewFile(LEFT, text, _META))
    shell.run(("nmcli", "device", "set", nic.name, "managed", "no"), user="root", check=False)
    return new


def profiles(live: LiveNic) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Name → nmcli's words for its kind, and its properties and values."""
    ethernet = ("type", "ethernet", "ifname", "*")
    if live.addressing.vlan is None:
        return {PROFILE: (ethernet, _words(_always() | _hardware(live) | _addressing(live)))}
    below = {"ipv4.method": "disabled", "ipv6.method": "disabled"}
    of_vlan = {"vlan.parent": live.name, "vlan.id": str(live.addressing.vlan)}
    kind = ("type", "vlan", "ifname", live.device, "dev", live.name, "id", str(live.addressing.vlan))
    return {
        PROFILE: (ethernet, _words(_always() | _hardware(live) | below)),
        VLAN_PROFILE: (kind, _words(_always() | of_vlan | _addressing(live))),
    }


def _always() -> dict[str, str]:
    return {"connection.autoconnect": "yes", "connection.autoconnect-priority": str(HIGHEST)}


def _hardware(live: LiveNic) -> dict[str, str]:
    """By its MAC alone: a name may be another one after the next boot."""
    mtu = live.addressing.mtu
    return {
        "connection.interface-name": "",
        "802-3-ethernet.mac-address": live.mac,
        "802-3-ethernet.mtu": str(mtu) if mtu else "",
    }


def _addressing(live: LiveNic) -> dict[str, str]:
    v4, v6 = _family(live, 4), _family(live, 6)
    if live.addressing.advertised:
        v6 |= {"ipv6.method": "auto", "ipv6.ignore-auto-dns": "yes" if live.addressing.dns else "no"}
        v6 |= {"ipv6.addr-gen-mode": "eui64", "ipv6.ip6-privacy": "0"}
    return v4 | v6


def _family(live: LiveNic, version: int) -> dict[str, str]:
    key, wanted = f"ipv{version}", live.addressing
    own = wanted.of_family(version)
    if not own:
        given_up = ("gateway", "routes", "dns", "dns-search", "addresses")
        return {f"{key}.{name}": "" for name in given_up} | {f"{key}.method": "disabled"}
    default = wanted.default(version)
    plain = default if default and default.via and not default.on_link and not default.source else None
    others = [route for route in wanted.routes if route.to.version == version and route is not plain]
    return {
        f"{key}.method": "manual",
        f"{key}.addresses": ",".join(map(str, own)),
        f"{key}.gateway": str(plain.via) if plain else "",
        f"{key}.routes": ",".join(map(_route, others)),
        f"{key}.dns": ",".join(str(server) for server in wanted.dns if server.version == version),
        f"{key}.dns-search": ",".join(wanted.search),
    }


def _route(route: Route) -> str:
    words = [str(route.to), *([str(route.via)] if route.via else [])]
    words += [str(route.metric)] if route.metric else []
    words += ["onlink=true"] if route.on_link else []
    words += [f"src={route.source}"] if route.source else []
    return " ".join(words)


def _words(pairs: dict[str, str]) -> tuple[str, ...]:
    return tuple(word for pair in pairs.items() for word in pair)


def listed_in(said: str) -> list[re.Match[str]]:
    return [found for line in said.splitlines() if (found := _LISTED.fullmatch(line))]


def out_of_the_way(listed: list[re.Match[str]], mac: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """UUID and setting of the profiles of others that could go before ours.

    A bridge or bond that brings its ports up by itself (autoconnect-slaves) asks for no priority.
    """
    for each in listed:
        if each["name"] in (PROFILE, VLAN_PROFILE):
            continue
        if int(each["priority"]) >= HIGHEST:
            yield each["uuid"], ("connection.autoconnect-priority", str(HIGHEST - 1))
        if each["part_of"] and each["type"] == "802-3-ethernet":
            yield each["uuid"], (_NEVER, mac)


def _ignore_its_link(shell: Shell, look: LookingShell, live: LiveNic) -> None:
    match = f"interface-name:{live.name};mac:{live.mac}"  # a MAC alone is not known yet when a boot finds the NIC
    text = f"[device-vmmigrate-live]\nmatch-device={match}\nignore-carrier=yes\n".encode()
    if look.file_meta(CONF) is not None and look.read_file(CONF) == text:
        return
    _configured(shell, NewFile(CONF, text, _META))


def _configured(shell: Shell, file: NewFile) -> None:
    shell.install(file, folders=("/etc/NetworkManager/conf.d",))
    reloaded = shell.run(("systemctl", "reload", "NetworkManager"), user="root", check=False)
    if reloaded.status != 0:
        raise ApplianceError(
            f"{shell.host}: NetworkManager does not read its configuration again",
            hint="see `journalctl -u NetworkManager`",
        )
