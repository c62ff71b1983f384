"""An address of its own for a new guest on the live network, beside the old one, by which it is prepared.

Two NICs of a Linux guest in one subnet are not apart: it answers ARP on either for both addresses, and sends by either.
So nothing of the guest's own network stack touches this NIC. A unit of ours gives it one address without a subnet, a
table of routes for what comes from there, which leads to this workstation alone, and has the kernel answer for each
address on its own NIC only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from vmmigrate.addressing import Addressing, LiveNic, cidr_address
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import guest, network
from vmmigrate.appliance.port import FileMeta, NewFile, Shell

UNIT = "vmmigrate-same-lan.service"
_FOLDER = "/etc/systemd/system"
_PATH = f"{_FOLDER}/{UNIT}"
_TABLE = _PRIORITY = 7714
_META = FileMeta("0644", "root", "root")
_KERNEL = "protocol kernel"  # systemd-networkd removes the rules and routes of others, but for the kernel's own
_ANSWERING = ("sysctl", "-a", "-r", r"^net\.ipv4\.conf\..*\.arp_ignore$")
_ANSWERS = re.compile(r"^net\.ipv4\.conf\.(\S+)\.arp_ignore = (\d)$", re.MULTILINE)
_ENABLED = ("systemctl", "is-enabled", UNIT)


@dataclass(frozen=True)
class Beside:
    """`mac`, `live_mac`: of the NIC that gets `address`, and of the one that waits for the live one. `speaks_with`:
    this workstation, as the guest sees it; `router`: the way there, None where it is on the same network.
    """

    mac: str
    live_mac: str
    address: IPv4Address
    speaks_with: IPv4Address
    router: IPv4Address | None = None


def set_up(shell: Shell, wanted: Beside) -> None:
    """Now and after every boot; the link may be down. Convergent. The guest's own stack lets go of the NIC for good."""
    look = network.look_at(shell)
    nic, live = (network.interface_of(look, mac) for mac in (wanted.mac, wanted.live_mac))
    bare = Addressing((cidr_address(f"{wanted.address}/32"),))
    network.leave(shell, look, LiveNic(nic, wanted.mac, bare, ((live, wanted.live_mac),)))
    text = unit_text(nic, live, wanted).encode()
    if look.file_meta(_PATH) is None or look.read_file(_PATH) != text:
        shell.install(NewFile(_PATH, text, _META), folders=(_FOLDER,))
    elif not tuple(differences(shell, wanted)):
        return
    for verb in ("enable", "restart"):  # enable has systemd read the unit
        shell.run(("systemctl", verb, UNIT), user="root")


def differences(shell: Shell, wanted: Beside) -> Iterator[str]:
    """What is otherwise than `set_up` leaves it, in words. In one command."""
    look = LookingShell(shell)
    look.ahead(guest.ADDRESSES, _ENABLED, _ANSWERING)
    known = guest.interfaces(look, detailed=False)
    nic, live = (guest.with_mac(known, mac) for mac in (wanted.mac, wanted.live_mac))
    held = {each.ip for each in nic.addresses if not each.ip.is_link_local}
    if held != {wanted.address}:
        yield f"{nic.name} has {', '.join(sorted(map(str, held))) or 'no address'}, not {wanted.address}"
    if look.run(_ENABLED, check=False).status != 0:
        yield f"{UNIT} is not enabled"
    answers = dict(_ANSWERS.findall(look.run(_ANSWERING, check=False).stdout))
    if {answers.get(name.replace(".", "/")) for name in (nic.name, live.name)} != {"1"}:
        yield f"{nic.name} and {live.name} answer for each other's addresses"


def remove(shell: Shell) -> None:
    """Unit and address; nothing where there are none. What keeps the guest's own stack off that NIC stays: it names a
    MAC that goes with the NIC.
    """
    gone = f"test -e {_PATH} || exit 0; systemctl disable --now {UNIT}; rm -f {_PATH}; systemctl daemon-reload"
    shell.run(("sh", "-c", gone), user="root")


def unit_text(nic: str, live: str, wanted: Beside) -> str:
    """`ip rule` knows no `replace`. It comes after the guest's own stack, which may remove what it finds there."""
    address, rule = f"{wanted.address}/32 dev {nic}", f"from {wanted.address} lookup {_TABLE} priority {_PRIORITY}"
    own = " ".join(f"net/ipv4/conf/{name}/arp_ignore=1 net/ipv4/conf/{name}/arp_announce=2" for name in (nic, live))
    lines = [
        f"sysctl -q -w {own} net/ipv4/conf/{nic}/rp_filter=2",
        f"sysctl -q -e -w net/ipv6/conf/{nic}/disable_ipv6=1",
        f"ip link set dev {nic} up",
        f"ip address replace {address}",
        *(f"ip route replace {route} table {_TABLE} {_KERNEL}" for route in _routes(nic, wanted)),
        f"ip rule add {rule} {_KERNEL}",
    ]
    removes = f"ip rule delete {rule}"
    as_before = " ".join(f"net/ipv4/conf/{live}/{key}=0" for key in ("arp_ignore", "arp_announce"))
    return "\n".join(
        [
            "[Unit]",
            "Description=The address by which a new appliance is prepared on the live network",
            "After=network.target vmmigrate-isolation.service",
            f"ConditionPathExists=/sys/class/net/{nic}",
            "",
            "[Service]",
            "Type=oneshot",
            "RemainAfterExit=yes",
            _exec("ExecStartPre=-", removes),
            *(_exec("ExecStart=", line) for line in lines),
            _exec("ExecStop=-", removes),
            _exec("ExecStop=-", f"ip address delete {address}"),
            _exec("ExecStop=-", f"sysctl -q -e -w {as_before}"),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def _exec(key: str, line: str) -> str:
    """By sh: an older systemd asks for a program's whole path, which differs from guest to guest."""
    return f"{key}/bin/sh -c '{line}'"


def _routes(nic: str, wanted: Beside) -> Iterator[str]:
    """A neighbour that asks who has the address is answered where it could be reached by that NIC, and only there."""
    source = f"src {wanted.address}"
    if wanted.router:
        yield f"{wanted.router} dev {nic} {source}"
        yield f"{wanted.speaks_with} via {wanted.router} dev {nic} onlink {source}"
    else:
        yield f"{wanted.speaks_with} dev {nic} {source}"
