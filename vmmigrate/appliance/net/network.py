"""Read a guest's network, and give its live NIC the final address without cutting our own session."""

import json
import re
from dataclasses import dataclass
from typing import Any

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import ifupdown, netplan, networkmanager
from vmmigrate.appliance.net.static import StaticAddress
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.errors import ApplianceError

_TEXT_FILE = FileMeta("0644", "root", "root")
_HOSTS = "/etc/hosts"
_RESOLV = "/etc/resolv.conf"
_TOOLS = {"ifupdown": ifupdown.configure, "netplan": netplan.configure, "NetworkManager": networkmanager.configure}


_QUESTIONS = (
    ("ip", "-json", "route", "show"),
    ("ip", "-json", "address", "show"),
    ("hostname",),
    ("cat", _HOSTS),
    ("cat", _RESOLV),
)
_CONNECTION = ("printenv", "SSH_CONNECTION")


@dataclass(frozen=True)
class Interface:
    """`addresses`: global ones as `192.0.2.10/24`, IPv4 first, otherwise in the guest's order."""

    name: str
    mac: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class GuestNetwork:
    """`fqdn`: as /etc/hosts has it for `hostname`, else the same. `dns`: resolv.conf's servers.

    `gateway`, `gateway_interface`: the default route's (IPv4), None without one.
    """

    hostname: str
    fqdn: str
    interfaces: tuple[Interface, ...]
    gateway: str | None
    gateway_interface: str | None
    dns: tuple[str, ...]

    def by_mac(self, mac: str) -> Interface:
        """Raises ApplianceError if no interface has it."""
        return _by_mac(self.interfaces, mac)


def read_network(shell: Shell) -> GuestNetwork:
    """Changes nothing."""
    look = LookingShell(shell)
    look.ahead(*_QUESTIONS)
    return _read(look)


def look_at(shell: Shell) -> LookingShell:
    """All that configuring an address asks first, in one command as an ordinary account."""
    look = LookingShell(shell)
    tools = (*ifupdown.QUESTIONS, *netplan.QUESTIONS, networkmanager.QUESTION)
    look.ahead(*_QUESTIONS, *tools, _CONNECTION, files=(ifupdown.MAIN, _HOSTS, _RESOLV))
    return look


def _read(shell: Shell) -> GuestNetwork:
    route = _default_route(_json(shell, "route"))
    hostname = shell.run(("hostname",)).stdout.strip()
    return GuestNetwork(
        hostname=hostname,
        fqdn=full_name(_text(shell, _HOSTS), hostname),
        interfaces=_interfaces(shell),
        gateway=route.get("gateway"),
        gateway_interface=route.get("dev"),
        dns=tuple(re.findall(r"^nameserver\s+(\S+)", _text(shell, _RESOLV), re.MULTILINE)),
    )


def network_tool(shell: LookingShell, interface: str) -> str:
    """'ifupdown', 'netplan' or 'NetworkManager': what configures that interface. Raises ApplianceError."""
    if ifupdown.configures(shell, interface):
        return "ifupdown"
    if netplan.present(shell):
        return "netplan"
    if networkmanager.present(shell):
        return "NetworkManager"
    if ifupdown.present(shell):
        return "ifupdown"
    seen = [name for name in ("systemd-networkd", "wicked", "network") if _active(shell, name)]
    raise ApplianceError(
        f"nothing known configures {interface} on {shell.host}: no ifupdown, netplan or NetworkManager;"
        f" seen: {', '.join(seen) or 'no network service'}",
        hint="give the live NIC its address by hand in the new guest, or use an image with one of the three",
    )


def configure_live(
    shell: Shell,
    look: LookingShell,
    mac: str,
    address_cidr: str,
    gateway: str | None,
    dns: tuple[str, ...] = (),
    hostname: str | None = None,
    fqdn: str | None = None,
) -> None:
    """Give the NIC with that MAC a static address that survives a reboot; its link may be down. Convergent.

    `look`: by `look_at`, since when nothing was changed.

    Refuses (ApplianceError) when our own session runs over that NIC, and when another NIC holds a default
    route although a gateway is to be set: two would fight, and the staging network must hand out none.
    """
    network = _read(look)
    live = network.by_mac(mac)
    static = StaticAddress(live.name, live.mac, address_cidr, gateway, dns)
    _refuse_own_branch(look, live)
    if gateway and network.gateway_interface not in (None, live.name):
        raise ApplianceError(
            f"{shell.host} has its default route over {network.gateway_interface}, not over the live NIC {live.name}",
            hint="let the staging network's DHCP hand out no router",
        )
    _TOOLS[network_tool(look, live.name)](shell, look, static, address_cidr in live.addresses)
    if hostname:
        _set_hostname(shell, look, hostname, fqdn or hostname, network.hostname)


def keep_dhcp(shell: Shell, look: LookingShell, mac: str) -> bool:
    """See that the NIC with that MAC still asks for a lease after a reboot, whatever an import brought along.

    `look`: by `look_at`. Whether anything was changed.

    NetworkManager does so for every NIC without a configuration.
    """
    name = interface_of(look, mac)
    tool = network_tool(look, name)
    if tool == "ifupdown":
        return ifupdown.keep_dhcp(shell, look, name)
    return tool == "netplan" and netplan.keep_dhcp(shell, look, name)


def announce(shell: Shell, mac: str, peer: str) -> None:
    """Have the NIC with that MAC send a frame, so that bridges and switches learn where it is plugged in now.

    Before `ping` can speak to `peer` (an address of ours, which the isolation lets through) the guest broadcasts an
    ARP question. It does not have to succeed.
    """
    shell.run(("ping", "-c", "1", "-W", "1", "-I", interface_of(shell, mac), peer), check=False, timeout=10.0)


def interface_of(shell: Shell, mac: str) -> str:
    """The name of the NIC with that MAC. Raises ApplianceError."""
    return _by_mac(_interfaces(shell), mac).name


def _refuse_own_branch(shell: Shell, live: Interface) -> None:
    words = shell.run(_CONNECTION).stdout.split()
    ours = words[2] if len(words) == 4 else ""
    if ours in {address.split("/")[0] for address in live.addresses}:
        raise ApplianceError(
            f"our session with {shell.host} runs over {live.name}, the NIC that is to be configured",
            hint="reach the new guest through its staging NIC",
        )


def _set_hostname(shell: Shell, look: LookingShell, hostname: str, fqdn: str, present: str) -> None:
    """hostnamectl does not change /etc/hosts, and sudo waits for DNS if the name is not in it."""
    if hostname != present:
        shell.run(("hostnamectl", "set-hostname", hostname), user="root")
    hosts = _text(look, _HOSTS)
    wanted = with_own_name(hosts, fqdn)
    if wanted != hosts:
        shell.install(NewFile(_HOSTS, wanted.encode(), look.file_meta(_HOSTS) or _TEXT_FILE))


def full_name(hosts: str, hostname: str) -> str:
    """The first name on the line of /etc/hosts that has `hostname`; `hostname` if there is no longer one."""
    for line in hosts.splitlines():
        names = line.split("#")[0].split()[1:]
        if hostname in names and names[0].startswith(f"{hostname}."):
            return names[0]
    return hostname


def with_own_name(hosts: str, hostname: str) -> str:
    """The text of /etc/hosts with `hostname`, full and short, on the line 127.0.1.1."""
    names = dict.fromkeys((hostname, hostname.split(".")[0]))
    line = f"127.0.1.1\t{' '.join(names)}"
    if re.search(r"^127\.0\.1\.1\s.*$", hosts, re.MULTILINE):
        return re.sub(r"^127\.0\.1\.1\s.*$", line, hosts, flags=re.MULTILINE)
    return hosts + ("" if not hosts or hosts.endswith("\n") else "\n") + line + "\n"


def _interfaces(shell: Shell) -> tuple[Interface, ...]:
    return tuple(_interface(entry) for entry in _json(shell, "address") if _is_ethernet(entry))


def _by_mac(interfaces: tuple[Interface, ...], mac: str) -> Interface:
    for interface in interfaces:
        if interface.mac == mac.lower():
            return interface
    known = ", ".join(f"{i.name} {i.mac}" for i in interfaces)
    raise ApplianceError(
        f"the guest has no NIC with the MAC {mac}; it has {known or 'none'}",
        hint="was the virtual machine defined with that NIC?",
    )


def _is_ethernet(entry: dict[str, Any]) -> bool:
    return "address" in entry and entry.get("link_type", "ether") == "ether" and entry["ifname"] != "lo"


def _interface(entry: dict[str, Any]) -> Interface:
    usable = [info for info in entry.get("addr_info", []) if info.get("scope", "global") == "global"]
    ordered = sorted(usable, key=lambda info: str(info["family"]) != "inet")
    cidrs = tuple(f"{info['local']}/{info['prefixlen']}" for info in ordered)
    return Interface(entry["ifname"], str(entry["address"]).lower(), cidrs)


def _default_route(routes: list[dict[str, Any]]) -> dict[str, Any]:
    """The one with the lowest metric."""
    defaults = [route for route in routes if route.get("dst") == "default"]
    return min(defaults, key=lambda route: int(route.get("metric", 0)), default={})


def _json(shell: Shell, what: str) -> list[dict[str, Any]]:
    printed = shell.run(_ip(what)).stdout
    try:
        entries: list[dict[str, Any]] = json.loads(printed or "[]")
    except ValueError as error:
        raise ApplianceError(
            f"{shell.host}: `ip -json {what} show` printed no JSON", hint="iproute2 4.14 or newer is needed"
        ) from error
    return [entry for entry in entries if entry]


def _ip(what: str) -> tuple[str, ...]:
    return ("ip", "-json", what, "show")


def _text(shell: Shell, path: str) -> str:
    return shell.run(("cat", path), check=False).stdout


def _active(shell: Shell, unit: str) -> bool:
    return shell.run(("systemctl", "is-active", unit), check=False).stdout.strip() == "active"
