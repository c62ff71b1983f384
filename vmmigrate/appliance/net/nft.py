"""The guest's firewall in nft's dialect: one table of our own for each purpose."""

from collections.abc import Sequence
from dataclasses import dataclass

from vmmigrate.appliance.asking import ask_all, in_order
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net.rules import INTAKE_PORTS, Addresses
from vmmigrate.appliance.port import Shell

_NO_SUCH_PROGRAM = 127  # as sh says, and `ask_all` passes on
# What keeps an IPv6 link alive, and no more: neighbours, routers (an address without DHCP), group memberships, without
# which a switch that looks at them passes on no question for a neighbour, and DHCPv6.
_LINK_IN = (
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query } accept",
    "udp dport 546 accept",
)
_MEMBERSHIP = "mld-listener-report, mld-listener-done, mld2-listener-report"
_LINK_OUT = (
    f"icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, {_MEMBERSHIP} }} accept",
    "udp sport 546 udp dport 547 accept",
)


@dataclass(frozen=True)
class Nft:
    """`binary`: nft's path in the guest."""

    binary: str

    def isolation_files(self, allowed: Addresses, ports: tuple[int, ...]) -> dict[str, str]:
        return {"isolation.nft": isolation(allowed, ports)}

    def intake_files(self, allowed: Addresses, ports: tuple[int, ...] = INTAKE_PORTS) -> dict[str, str]:
        return {"intake.nft": intake(allowed, ports)}

    def console_files(self, allowed: Addresses, ports: tuple[int, ...]) -> dict[str, str]:
        return {"console.nft": console(allowed, ports)}

    def load_commands(self, table: str, folder: str) -> tuple[str, ...]:
        return (f"{self.binary} -f {folder}/{_file(table)}",)

    def load(
        self, shell: Shell, table: str, folder: str, *then: tuple[str, ...], asks: Sequence[tuple[str, ...]] = ()
    ) -> LookingShell:
        """`then`: further commands, in the same go; and after them what the look that is returned has seen."""
        act, look = in_order(("nft", "-f", f"{folder}/{_file(table)}"), *then), LookingShell(shell)
        if asks:
            look.ahead(act, *asks, user="root")
        if look.run(act, user="root", check=False).status == 0:
            return look
        shell.run(act, user="root")  # so that an error has its own message; what was seen before it counts no more
        return LookingShell(shell)

    def unload(self, shell: Shell, table: str) -> None:
        unload(shell, table)

    def questions(self, table: str) -> tuple[tuple[str, ...], ...]:
        """What `loaded` asks."""
        return (listing(table),)

    def loaded(self, shell: Shell, table: str) -> bool:
        return bool(is_loaded(shell, table))


def unload(shell: Shell, table: str, *first: tuple[str, ...]) -> bool:
    """Delete the table if it is there, in one command; False if the guest has no nft. `first`: what comes before it."""
    delete = in_order(*first, deleting(table))
    deleted, listed = ask_all(shell, (delete, listing(table)), user="root")
    if deleted.status != 0 and listed.status == 0:
        shell.run(delete, user="root")
    return listed.status != _NO_SUCH_PROGRAM


def is_loaded(shell: Shell, table: str) -> bool | None:
    """None if the guest has no nft."""
    status = shell.run(listing(table), user="root", check=False).status
    return None if status == _NO_SUCH_PROGRAM else status == 0


def deleting(table: str) -> tuple[str, ...]:
    return ("nft", "delete", "table", "inet", table)


def listing(table: str) -> tuple[str, ...]:
    return ("nft", "list", "table", "inet", table)


def isolation(allowed: Addresses, ports: tuple[int, ...]) -> str:
    """Allow traffic only with `allowed`. Output is rejected, not dropped: the guest's own look-ups fail at once."""
    from_allowed = _each("saddr", allowed, f"tcp dport {_set(ports)} accept")
    answers = _each("saddr", allowed, "ct state established,related accept")
    return _table(
        "vmmigrate_isolation",
        _chain(
            "input",
            "policy drop",
            [
                'iifname "lo" accept',
                *from_allowed,
                *answers,
                *_each("saddr", allowed, "meta l4proto { icmp, ipv6-icmp } accept"),
                *_LINK_IN,
                "udp sport 67 udp dport 68 accept",
            ],
        ),
        _chain("forward", "policy drop", []),
        _chain(
            "output",
            "policy drop",
            [
                'oifname "lo" accept',
                *_each("daddr", allowed, "accept"),
                *_LINK_OUT,
                "udp sport 68 udp dport 67 accept",
                "reject with icmpx type admin-prohibited",
            ],
        ),
    )


def intake(allowed: Addresses, ports: tuple[int, ...] = INTAKE_PORTS) -> str:
    """Reset what begins a connection to the mail ports. From the machine itself only the usual ones are closed: by
    another one, mail under way may come back from a filter.

    First, everything that is not an opening packet (SYN without ACK) passes: if connection tracking starts with these
    rules, it takes the next packet of an established session for a new one.
    """
    others = tuple(port for port in ports if port not in INTAKE_PORTS)
    return _table(
        "vmmigrate_intake",
        _chain(
            "input",
            "policy accept",
            [
                *_each("saddr", allowed, f"tcp dport {_set(ports)} accept"),
                *([f'iifname "lo" tcp dport {_set(others)} accept'] if others else ()),
                "tcp flags & (fin | syn | rst | ack) != syn accept",
                f"tcp dport {_set(ports)} ct state new reject with tcp reset",
            ],
        ),
    )


def console(allowed: Addresses, ports: tuple[int, ...]) -> str:
    """Reset whatever comes to these ports but from `allowed` and the machine itself: sessions under way end too."""
    return _table(
        "vmmigrate_console",
        _chain(
            "input",
            "policy accept",
            [
                'iifname "lo" accept',
                *_each("saddr", allowed, f"tcp dport {_set(ports)} accept"),
                f"tcp dport {_set(ports)} reject with tcp reset",
            ],
        ),
    )


def _file(table: str) -> str:
    return table.removeprefix("vmmigrate_") + ".nft"


def _table(name: str, *chains: str) -> str:
    """Declared, deleted, defined, in one transaction: it replaces its former self without a gap."""
    return f"table inet {name}\ndelete table inet {name}\ntable inet {name} {{\n{''.join(chains)}}}\n"


def _chain(hook: str, policy: str, rules: list[str]) -> str:
    """Before the priority of an ordinary filter: what is dropped here is accepted nowhere else."""
    lines = [f"type filter hook {hook} priority -10; {policy};", *rules]
    return f"  chain {hook} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"


def _each(direction: str, addresses: Addresses, rest: str) -> list[str]:
    families = (("ip", addresses.v4), ("ip6", addresses.v6))
    return [f"{family} {direction} {_set(found)} {rest}" for family, found in families if found]


def _set(members: tuple[object, ...]) -> str:
    return "{ " + ", ".join(map(str, members)) + " }"
