"""An address of its own for a new guest on the live network, beside the old one, by which it is prepared.

Two NICs of a Linux guest in one subnet are not apart: it answers ARP on either for both addresses, and sends by either.
So nothing of the guest's own network stack touches this NIC. A unit of ours gives it one address without a subnet, a
table of routes for what comes from there, which leads to this workstation alone, and has the kernel answer for each
address on its own NIC only.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from vmmigrate.addressing import Addressing, LiveNic, cidr_address
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import guest, network, networkd, networkmanager
from vmmigrate.appliance.port import FileMeta, NewFile, Shell

UNIT = "vmmigrate-same-lan.service"
_FOLDER = "/etc/systemd/system"
_PATH = f"{_FOLDER}/{UNIT}"
FILES = (_PATH, *networkd.LEFT, networkmanager.LEFT)  # of ours, all that may be there
_WAS = "/run/vmmigrate-same-lan"  # what the kernel did for the live NIC before
_TABLE = _PRIORITY = 7714
_META = FileMeta("0644", "root", "root")
_KERNEL = "protocol kernel"  # systemd-networkd removes the rules and routes of others, but for the kernel's own
_RULES = ("ip", "-json", "rule", "show")
_ROUTES = ("ip", "-json", "route", "show", "table", str(_TABLE))
_SPEAKING = {"arp_ignore": "1", "arp_announce": "2"}  # of the kernel, for both NICs
_IPV4, _IPV6 = "/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf"
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
    """What is otherwise than `set_up` leaves it, in words. In two commands, as an ordinary account: without `sysctl`,
    which is not on the path of one.
    """
    look = LookingShell(shell)
    look.ahead(guest.ADDRESSES, _ENABLED, _RULES, _ROUTES)
    known = guest.interfaces(look, detailed=False)
    nic, live = (guest.with_mac(known, mac) for mac in (wanted.mac, wanted.live_mac))
    held = {each.ip for each in nic.addresses}
    if held != {wanted.address}:
        yield f"{nic.name} has {', '.join(sorted(map(str, held))) or 'no address'}, not {wanted.address}"
    if look.run(_ENABLED, check=False).status != 0:
        yield f"{UNIT} is not enabled"
    yield from _ways_out(look, nic.name, wanted)
    yield from _kernel_says(look, nic.name, live.name)


def _ways_out(look: LookingShell, nic: str, wanted: Beside) -> Iterator[str]:
    """What comes from its address is led by our table, which leads to this workstation alone."""
    leads = {(str(each.get("src")), str(each.get("table"))) for each in _listed(look, _RULES)}
    if (str(wanted.address), str(_TABLE)) not in leads:
        yield f"no rule leads what comes from {wanted.address} to the table {_TABLE}"
    found = {(str(each.get("dst")), str(each.get("dev"))) for each in _listed(look, _ROUTES)}
    if found != {(str(to), nic) for to in _reached(wanted)}:
        yield f"the table {_TABLE} leads to {', '.join(sorted(to for to, _ in found)) or 'nobody'}"


def _listed(look: LookingShell, question: tuple[str, ...]) -> list[dict[str, object]]:
    """Nothing of a table that is not there, and of what cannot be read."""
    try:
        said = json.loads(look.run(question, check=False).stdout or "[]")
    except ValueError:
        return []
    return [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []


def _kernel_says(look: LookingShell, nic: str, live: str) -> Iterator[str]:
    wanted = {f"{_IPV4}/{name}/{key}": value for name in (nic, live) for key, value in _SPEAKING.items()}
    deaf = f"{_IPV6}/{nic}/disable_ipv6"
    look.ahead(*(("cat", path) for path in (*wanted, deaf)))
    if any(_said(look, path) != value for path, value in wanted.items()):
        yield f"{nic} and {live} answer for each other's addresses, or ask in each other's name"
    if _said(look, deaf) not in ("1", ""):  # no such file: a kernel without IPv6
        yield f"{nic} may be given an address of IPv6"


def _said(look: LookingShell, path: str) -> str:
    return look.run(("cat", path), check=False).stdout.strip()


def remove(shell: Shell) -> None:
    """Unit, address, and the files that keep the guest's own stack off that NIC, which would do so of another one that
    has its name later; nothing where there are none. The stack reads that at its next start: the NIC goes before.
    """
    gone = f"test -e {_PATH} || exit 0; systemctl disable --now {UNIT} && rm -f {_PATH} && systemctl daemon-reload"
    shell.run(("sh", "-c", gone), user="root")
    shell.run(("rm", "-f", *FILES), user="root")


def unit_text(nic: str, live: str, wanted: Beside) -> str:
    """`ip rule` knows no `replace`. It comes after the guest's own stack, which may remove what it finds there.

    Another NIC that has the name by then gets nothing of it, and what the guest itself had set for ARP comes back.
    """
    address, rule = f"{wanted.address}/32 dev {nic}", f"from {wanted.address} lookup {_TABLE} priority {_PRIORITY}"
    own = " ".join(f"net/ipv4/conf/{name}/{key}={value}" for name in (nic, live) for key, value in _SPEAKING.items())
    lines = [
        f"sysctl -q -w {own} net/ipv4/conf/{nic}/rp_filter=2",
        f"sysctl -q -e -w net/ipv6/conf/{nic}/disable_ipv6=1",
        f"ip link set dev {nic} up",
        f"ip address replace {address}",
        *(f"ip route replace {route} table {_TABLE} {_KERNEL}" for route in _routes(nic, wanted)),
        f"ip rule add {rule} {_KERNEL}",
    ]
    removes = f"ip rule delete {rule}"
    of_live = " ".join(f"net/ipv4/conf/{live}/{key}" for key in _SPEAKING)
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
            _exec("ExecStartPre=", f"grep -qx {wanted.mac} /sys/class/net/{nic}/address"),
            _exec("ExecStartPre=", f"test -e {_WAS} || sysctl {of_live} >{_WAS}"),
            _exec("ExecStartPre=-", removes),
            *(_exec("ExecStart=", line) for line in lines),
            _exec("ExecStop=-", removes),
            _exec("ExecStop=-", f"ip address delete {address}"),
            _exec("ExecStop=-", f"sysctl -q -e -p {_WAS}"),
            _exec("ExecStop=-", f"rm -f {_WAS}"),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def _exec(key: str, line: str) -> str:
    """By sh: an older systemd asks for a program's whole path, which differs from guest to guest."""
    return f"{key}/bin/sh -c '{line}'"


def _reached(wanted: Beside) -> tuple[IPv4Address, ...]:
    return (wanted.router, wanted.speaks_with) if wanted.router else (wanted.speaks_with,)


def _routes(nic: str, wanted: Beside) -> Iterator[str]:
    """A neighbour that asks who has the address is answered where it could be reached by that NIC, and only there."""
    source = f"src {wanted.address}"
    if wanted.router:
        yield f"{wanted.router} dev {nic} {source}"
        yield f"{wanted.speaks_with} via {wanted.router} dev {nic} onlink {source}"
    else:
        yield f"{wanted.speaks_with} dev {nic} {source}"
