"""Read a guest's network, and give its live NIC the final addresses without cutting our own session."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from hypervisors import in_one_line
from vmmigrate.addressing import Addressing, LiveNic
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import (
    cloudinit,
    guest,
    ifupdown,
    kernel,
    naming,
    netplan,
    networkd,
    networkmanager,
    resolving,
)
from vmmigrate.appliance.net.guest import GuestNetwork, Interface
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits.seconds import PINGED

_CONNECTION = ("printenv", "SSH_CONNECTION")
_QUESTIONS = (*guest.QUESTIONS, ("hostname",), ("cat", naming.HOSTS), *resolving.QUESTIONS)
_STACKS = (ifupdown, netplan, networkmanager, networkd)
_SHOWN = 200  # characters of what was said
_ASKED_AGAIN = "9"  # seconds
_ANNOUNCES = """
arp=/proc/sys/net/ipv4/conf/$1/arp_notify ndp=/proc/sys/net/ipv6/conf/$1/ndisc_notify
test -e "$ndp" || ndp=
arp_was=$(cat "$arp") && ndp_was=${ndp:+$(cat "$ndp")} || exit
echo 1 > "$arp" && { test -z "$ndp" || echo 1 > "$ndp"; } && ip link set dev "$1" address "$2"
status=$?
{
    echo "$arp_was" > "$arp"
    test -z "$ndp" || echo "$ndp_was" > "$ndp"
} 2>/dev/null
exit $status
"""


@dataclass(frozen=True)
class Stack:
    """What configures a network: by a name that a person knows it by."""

    name: str
    configure: Callable[[Shell, LookingShell, LiveNic, bool], None]
    prove: Callable[[Shell, LiveNic], Iterator[str]]
    keep_dhcp: Callable[..., bool]
    leave: Callable[[Shell, LookingShell, LiveNic], bool]


IFUPDOWN, NETPLAN, NETWORKMANAGER, NETWORKD = (
    Stack(name, module.configure, module.prove, module.keep_dhcp, module.leave)
    for name, module in zip(("ifupdown", "netplan", "NetworkManager", "systemd-networkd"), _STACKS, strict=True)
)


def read_network(shell: Shell) -> GuestNetwork:
    """Changes nothing."""
    look = LookingShell(shell)
    look.ahead(*_QUESTIONS)
    return _read(look)


def look_at(shell: Shell) -> LookingShell:
    """All that configuring an address asks first, in one command as an ordinary account."""
    look = LookingShell(shell)
    stacks = (question for stack in _STACKS for question in stack.QUESTIONS)
    files = (ifupdown.MAIN, naming.HOSTS, resolving.RESOLV)
    look.ahead(*_QUESTIONS, *stacks, cloudinit.QUESTION, _CONNECTION, files=files)
    return look


def _read(shell: Shell) -> GuestNetwork:
    hostname = naming.checked(shell.run(("hostname",)).stdout.strip(), shell.host)
    hosts = shell.run(("cat", naming.HOSTS), check=False).stdout
    return GuestNetwork(
        hostname=hostname,
        fqdn=naming.full_name(hosts, hostname),
        interfaces=guest.interfaces(shell),
        routes=guest.routes(shell),
        resolvers=resolving.read(shell),
        rules=guest.rules(shell),
        hosts=naming.further(hosts, hostname),
        no_cards=guest.no_cards(shell),
    )


def stack_of(look: LookingShell, interface: str) -> Stack:
    """What configures that interface. Raises ApplianceError."""
    if ifupdown.configures(look, interface):
        return IFUPDOWN
    if netplan.present(look):
        return (
            NETWORKMANAGER if networkmanager.renders_netplan(look) else NETPLAN if netplan.is_heard(look) else NETWORKD
        )
    if networkmanager.present(look):
        return NETWORKMANAGER
    if networkd.present(look):
        return NETWORKD
    if ifupdown.present(look):
        return IFUPDOWN
    seen = [name for name in ("wicked", "network", "connman", "dhcpcd") if _active(look, name)]
    raise ApplianceError(
        f"nothing known configures {interface} on {look.host}: no ifupdown, netplan, NetworkManager or"
        f" systemd-networkd; seen: {', '.join(seen) or 'no network service'}",
        hint="give the live NIC its address by hand in the new guest, or use an image with one of the four",
    )


def configure_live(
    shell: Shell,
    look: LookingShell,
    mac: str,
    addressing: Addressing,
    hostname: str | None = None,
    fqdn: str | None = None,
) -> None:
    """Give the NIC with that MAC what survives a reboot, and have its stack prove it; its link may be down. Convergent.

    `look`: by `look_at`, since when nothing was changed.

    Refuses (ApplianceError) when our own session runs over that NIC, when another NIC holds a default route of a
    family in which one is to be set, because two would fight, and where the stack shows something else afterwards.
    """
    network = _read(look)
    live = live_nic(network, mac, addressing)
    _refuse_own_branch(look, network.by_mac(mac), live)
    _refuse_second_default(shell, network, live)
    stack = stack_of(look, live.name)
    if stack is NETPLAN:
        live = netplan.named_apart(look, live)
    shell_files = tuple(cloudinit.kept_off(look))
    if shell_files:
        shell.install(*shell_files)
    _remove_same_tag(shell, network, live)
    stack.configure(shell, look, live, not tuple(kernel.differences(network, live)))
    _refuse_unproved(shell, stack, live)
    if hostname:
        naming.set_name(shell, look, hostname, fqdn or hostname, network.hostname)


def live_nic(network: GuestNetwork, mac: str, addressing: Addressing) -> LiveNic:
    """The NIC with that MAC and what it is to have. Raises ApplianceError."""
    nic = network.by_mac(mac)
    nics = [each for each in network.interfaces if each.kind == "" and each.below is None and each.name != nic.name]
    try:
        return LiveNic(nic.name, nic.mac, addressing, tuple((each.name, each.mac) for each in nics))
    except ValueError as error:
        raise ApplianceError(
            f"the new guest's NIC cannot be configured: {error}", hint="give it another name in the new guest"
        ) from error


def differences(shell: Shell, mac: str, addressing: Addressing) -> tuple[str, ...]:
    """What the kernel has otherwise than it was wanted, in words; the link may be down."""
    network = read_network(shell)
    return tuple(kernel.differences(network, live_nic(network, mac, addressing)))


def keep_dhcp(shell: Shell, look: LookingShell, mac: str) -> bool:
    """See that the NIC with that MAC still asks for a lease after a reboot, whatever an import brought along.

    `look`: by `look_at`. Whether anything was changed.
    """
    name = interface_of(look, mac)
    return stack_of(look, name).keep_dhcp(shell, look, name, ipv6=":" in _our_way(look))


def leave(shell: Shell, look: LookingShell, nic: LiveNic) -> bool:
    """Have the guest's own stack configure that NIC no more, now and after a boot. Whether anything was changed.

    `look`: by `look_at`.
    """
    return stack_of(look, nic.name).leave(shell, look, nic)


def announce(shell: Shell, mac: str, peer: str) -> None:
    """Have the NIC with that MAC, or the VLAN on it, send a frame: bridges and switches learn where it is plugged in.

    Before `ping` can speak to `peer` (an address of ours, which the isolation lets through) the guest broadcasts an
    ARP question. It does not have to succeed.
    """
    name = _with_addresses(shell, mac)
    shell.run(("ping", "-c", "1", "-W", "1", "-I", name, peer), check=False, timeout=PINGED.most)


def renew_neighbours(shell: Shell, mac: str) -> str:
    """Have that NIC, or the VLAN on it, announce all its addresses to whoever knows them by another MAC.

    The kernel sends both kinds of announcement when a NIC is given a MAC, also the one that it has (`arp_notify`,
    `ndisc_notify`); a guest need not have arping. What it said where that failed; "" where it did not.
    """
    program = ("sh", "-c", _ANNOUNCES, "vmmigrate-announce", _with_addresses(shell, mac), mac)
    said = shell.run(program, user="root", check=False, timeout=PINGED.most)
    return "" if said.status == 0 else in_one_line(said.stderr or f"status {said.status}")[:_SHOWN]


def silent_routers(shell: Shell, mac: str) -> tuple[str, ...]:
    """Have that NIC, or the VLAN on it, ask its routers, who learn its MAC by the question; those that do not answer.

    As an ordinary account, and nothing is changed. A router that is known by an entry of before is asked for again by
    the kernel after five seconds without an answer.
    """
    name = _with_addresses(shell, mac)
    hops = [hop for route in guest.routes(shell) if route.is_default for hop in route.hops if hop.interface == name]
    routers = dict.fromkeys(str(hop.via) for hop in hops if hop.via)
    asked = {router: ("ping", "-c", "1", "-w", _ASKED_AGAIN, "-I", name, router) for router in routers}
    return tuple(router for router, ping in asked.items() if shell.run(ping, check=False, timeout=PINGED.most).status)


def _with_addresses(shell: Shell, mac: str) -> str:
    having = [each for each in guest.interfaces(shell, detailed=False) if each.mac == mac.lower()]
    return next((each.name for each in having if each.addresses), None) or interface_of(shell, mac)


def interface_of(shell: Shell, mac: str) -> str:
    """The name of the NIC with that MAC. Raises ApplianceError."""
    return guest.with_mac(guest.interfaces(shell, detailed=False), mac).name


def _our_way(shell: Shell) -> str:
    """The guest's address that our session comes in at, '' where that is not known."""
    words = shell.run(_CONNECTION, check=False).stdout.split()
    try:
        return words[2] if len(words) == 4 and ip_address(words[2].partition("%")[0]) else ""
    except ValueError:
        return ""


def _refuse_own_branch(shell: Shell, nic: Interface, live: LiveNic) -> None:
    ours, _, zone = _our_way(shell).partition("%")
    there = {each.ip for each in nic.addresses}
    if zone in (live.name, live.device) or (ours and ip_address(ours) in there):
        raise ApplianceError(
            f"our session with {shell.host} runs over {live.name}, the NIC that is to be configured",
            hint="reach the new guest through its staging NIC",
        )


def _refuse_second_default(shell: Shell, network: GuestNetwork, live: LiveNic) -> None:
    for version in (4, 6):
        there = network.default(version)
        over = {hop.interface for hop in there.hops} if there else set()
        if live.addressing.default(version) and not over <= {live.name, live.device}:
            raise ApplianceError(
                f"{shell.host} has its default route over {', '.join(sorted(map(str, over)))}, not over the live NIC"
                f" {live.name}",
                hint=f"let the staging network's {'DHCP' if version == 4 else 'router advertisements'} hand out no"
                " router",
            )


def _remove_same_tag(shell: Shell, network: GuestNetwork, live: LiveNic) -> None:
    """A VLAN that the image made under another name: a kernel makes no second one of a number on a NIC."""
    tag = live.addressing.vlan
    for each in network.interfaces:
        if tag and each.vlan == tag and each.below == live.name and each.name != live.device:
            shell.run(("ip", "link", "delete", each.name), user="root")


def _refuse_unproved(shell: Shell, stack: Stack, live: LiveNic) -> None:
    otherwise = tuple(stack.prove(shell, live))
    if otherwise:
        raise ApplianceError(
            f"{stack.name} on {shell.host} does not configure {live.device} as it was asked: {'; '.join(otherwise)}",
            hint="something of the image goes before it: look there for what else configures this NIC",
        )


def _active(shell: Shell, unit: str) -> bool:
    return shell.run(("systemctl", "is-active", unit), check=False).stdout.strip() == "active"
