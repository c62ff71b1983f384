"""The guest's firewall in iptables' dialect, for guests without nft: chains of our own, jumped to first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import dirname

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net.rules import CONSOLE, INTAKE, INTAKE_PORTS, ISOLATION, Addresses
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import IPTABLES_JUMPS

_HOOKS = {ISOLATION: ("INPUT", "FORWARD", "OUTPUT"), INTAKE: ("INPUT",), CONSOLE: ("INPUT",)}
_MOST_JUMPS = IPTABLES_JUMPS.most
_PROGRAMS = {"v4": "iptables", "v6": "ip6tables"}
_PORTS_OF_A_RULE = 15  # of one rule with multiport
# As nft._LINK_IN and nft._LINK_OUT; 130 to 132 and 143: group memberships, for which iptables has no names.
_NEIGHBOURS = ("neighbour-solicitation", "neighbour-advertisement")
_LINK_IN = (*_NEIGHBOURS, "router-advertisement", "130")
_LINK_OUT = (*_NEIGHBOURS, "router-solicitation", "131", "132", "143")


@dataclass(frozen=True)
class Iptables:
    """`binary`: iptables' path in the guest; the other programs lie beside it."""

    binary: str

    def isolation_files(self, allowed: Addresses, ports: tuple[int, ...]) -> dict[str, str]:
        return {
            "isolation.v4": isolation(allowed.v4, ports, v6=False),
            "isolation.v6": isolation(allowed.v6, ports, v6=True),
        }

    def intake_files(self, allowed: Addresses, ports: tuple[int, ...] = INTAKE_PORTS) -> dict[str, str]:
        return {"intake.v4": intake(allowed.v4, ports), "intake.v6": intake(allowed.v6, ports)}

    def console_files(self, allowed: Addresses, ports: tuple[int, ...]) -> dict[str, str]:
        return {"console.v4": console(allowed.v4, ports), "console.v6": console(allowed.v6, ports)}

    def load_commands(self, table: str, folder: str) -> tuple[str, ...]:
        """For a boot, when no rule of ours is there yet. The jumps come last: the chains are whole by then."""
        home = dirname(self.binary)
        commands = [
            command
            for kind, program in _PROGRAMS.items()
            for command in (
                _restoring(program, table, kind, folder),
                *(_joining(program, table, hook) for hook in _HOOKS[table]),
            )
        ]
        return tuple(f"{home}/{' '.join(command)}" for command in commands)

    def load(
        self, shell: Shell, table: str, folder: str, *then: tuple[str, ...], asks: Sequence[tuple[str, ...]] = ()
    ) -> LookingShell:
        """`then`: further commands; and after them what the look that is returned has seen."""
        for kind, program in _PROGRAMS.items():
            shell.run(_restoring(program, table, kind, folder), user="root")
            for hook in _HOOKS[table]:
                if not _jumps(shell, program, table, hook):
                    shell.run(_joining(program, table, hook), user="root")
        for command in then:
            shell.run(command, user="root")
        look = LookingShell(shell)
        look.ahead(*asks, user="root")
        return look

    def unload(self, shell: Shell, table: str) -> None:
        for program in _PROGRAMS.values():
            for hook in _HOOKS[table]:
                chain = _chain(table, hook)
                self._without(shell, program, table, hook)
                shell.run((program, "-F", chain), user="root", check=False)
                shell.run((program, "-X", chain), user="root", check=False)

    def _without(self, shell: Shell, program: str, table: str, hook: str) -> None:
        """A crash may have left a jump twice. Raises ApplianceError for a guest that has one for ever."""
        for _ in range(_MOST_JUMPS):
            if not _jumps(shell, program, table, hook):
                return
            shell.run(_parting(program, table, hook), user="root")
        raise ApplianceError(
            f"{shell.host}: `{' '.join(_jump(program, table, hook))}` finds the rule after {_MOST_JUMPS} deletions",
            hint=f"see what sets it there again: {program} -S {hook}",
        )

    @staticmethod
    def commands(table: str, folder: str) -> Iterator[tuple[str, ...]]:
        """All that `load`, `unload` and `loaded` may run."""
        for kind, program in _PROGRAMS.items():
            yield _restoring(program, table, kind, folder)
            for hook in _HOOKS[table]:
                chain = _chain(table, hook)
                yield _jump(program, table, hook)
                yield from (_joining(program, table, hook), _parting(program, table, hook))
                yield from ((program, "-F", chain), (program, "-X", chain))

    def questions(self, table: str) -> tuple[tuple[str, ...], ...]:
        """What `loaded` asks."""
        return tuple(_jump(program, table, hook) for program in _PROGRAMS.values() for hook in _HOOKS[table])

    def loaded(self, shell: Shell, table: str) -> bool:
        return all(_jumps(shell, program, table, hook) for program in _PROGRAMS.values() for hook in _HOOKS[table])


def isolation(allowed: tuple[str, ...], ports: tuple[int, ...], *, v6: bool) -> str:
    """Allow traffic only with `allowed`; chains that end in a verdict for every packet."""
    into, through, out = (_chain(ISOLATION, hook) for hook in _HOOKS[ISOLATION])
    icmp = "ipv6-icmp" if v6 else "icmp"
    link_in, link_out = _link(v6=v6)
    rules = {
        into: [
            "-i lo -j ACCEPT",
            *(f"-s {a} {each} -j ACCEPT" for a in allowed for each in _dports(ports)),
            *(f"-s {a} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT" for a in allowed),
            *(f"-s {a} -p {icmp} -j ACCEPT" for a in allowed),
            *link_in,
            "-j DROP",
        ],
        through: ["-j DROP"],
        out: [
            "-o lo -j ACCEPT",
            *(f"-d {a} -j ACCEPT" for a in allowed),
            *link_out,
            f"-j REJECT --reject-with {'icmp6-adm-prohibited' if v6 else 'icmp-admin-prohibited'}",
        ],
    }
    return _restore(rules)


def _link(*, v6: bool) -> tuple[list[str], list[str]]:
    """What an address needs to be had and found, in and out."""
    if not v6:
        return ["-p udp --sport 67 --dport 68 -j ACCEPT"], ["-p udp --sport 68 --dport 67 -j ACCEPT"]
    into, out = ([f"-p ipv6-icmp --icmpv6-type {kind} -j ACCEPT" for kind in kinds] for kinds in (_LINK_IN, _LINK_OUT))
    return [*into, "-p udp --dport 546 -j ACCEPT"], [*out, "-p udp --sport 546 --dport 547 -j ACCEPT"]


def intake(allowed: tuple[str, ...], ports: tuple[int, ...] = INTAKE_PORTS) -> str:
    """Reset what begins a connection to the mail ports (`--syn`), as nft.intake does, for its reasons."""
    others = tuple(port for port in ports if port not in INTAKE_PORTS)
    accepted = [f"-s {address} {each} -j RETURN" for address in allowed for each in _dports(ports)]
    inside = [f"-i lo {each} -j RETURN" for each in _dports(others)]
    closed = [f"{each} --syn -j REJECT --reject-with tcp-reset" for each in _dports(ports)]
    return _restore({_chain(INTAKE, "INPUT"): [*accepted, *inside, *closed]})


def console(allowed: tuple[str, ...], ports: tuple[int, ...]) -> str:
    """Reset whatever comes to these ports, as nft.console does."""
    accepted = [f"-s {address} {each} -j RETURN" for address in allowed for each in _dports(ports)]
    closed = [f"{each} -j REJECT --reject-with tcp-reset" for each in _dports(ports)]
    return _restore({_chain(CONSOLE, "INPUT"): ["-i lo -j RETURN", *accepted, *closed]})


def _dports(ports: tuple[int, ...]) -> list[str]:
    """A rule names at most 15."""
    chunks = [ports[at : at + _PORTS_OF_A_RULE] for at in range(0, len(ports), _PORTS_OF_A_RULE)]
    return [f"-p tcp -m multiport --dports {','.join(map(str, chunk))}" for chunk in chunks]


def _restore(rules: dict[str, list[str]]) -> str:
    """For iptables-restore -n: naming a chain empties it, and all of it takes effect at once."""
    chains = "".join(f":{chain} - [0:0]\n" for chain in rules)
    lines = "".join(f"-A {chain} {rule}\n" for chain, body in rules.items() for rule in body)
    return f"*filter\n{chains}{lines}COMMIT\n"


def _jumps(shell: Shell, program: str, table: str, hook: str) -> bool:
    return shell.run(_jump(program, table, hook), user="root", check=False).status == 0


def _jump(program: str, table: str, hook: str) -> tuple[str, ...]:
    return (program, "-C", hook, "-j", _chain(table, hook))


def _restoring(program: str, table: str, kind: str, folder: str) -> tuple[str, ...]:
    return (f"{program}-restore", "-n", f"{folder}/{_file(table, kind)}")


def _joining(program: str, table: str, hook: str) -> tuple[str, ...]:
    return (program, "-I", hook, "1", "-j", _chain(table, hook))


def _parting(program: str, table: str, hook: str) -> tuple[str, ...]:
    return (program, "-D", hook, "-j", _chain(table, hook))


def _chain(table: str, hook: str) -> str:
    """At most 28 characters."""
    return f"{table}_{hook.lower()}"


def _file(table: str, kind: str) -> str:
    return f"{table.removeprefix('vmmigrate_')}.{kind}"
