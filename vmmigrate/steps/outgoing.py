"""Ask, before the switch, whether the servers answer that the new gateway will need: from the old one's place.

The new guest is isolated, and until the switch it has no way out of the live network: its link there is down. The old
one stands where it will stand, with the same address and MAC, and nothing holds it back; so no hole is needed in any
isolation. Which servers these are, the new guest's own settings say.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from hypervisors import Problem
from vmmigrate.appliance import outgoing, outgoing_named
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.outgoing import Kind, Server
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.settings.outgoing import NAMED, host_and_port
from vmmigrate.steps.comparing import Comparison

IDS = {
    Kind.RESOLVER: "outgoing-dns",
    Kind.MAIL: "outgoing-mail",
    Kind.LOOKUP: "outgoing-lookups",
    Kind.CLOCK: "outgoing-ntp",
    Kind.OTHER: "outgoing-other",
}
_WHAT = {
    Kind.RESOLVER: "resolvers of {}, asked from the old gateway",
    Kind.MAIL: "mail servers named in {}, asked from the old gateway",
    Kind.LOOKUP: "servers named in {}, asked from the old gateway",
    Kind.CLOCK: "clocks named in {}, asked from the old gateway",
    Kind.OTHER: "{}, asked from the old gateway",
}
_REMEDY = (
    "see from the old gateway why, and whether the new one's settings name the right server (over staging); a host"
    " without brackets is asked by its address, not by its MX"
)
_NOT_ASKED = (
    "of what is not asked: is it a host and a port in the new one's settings, and are bash and timeout in the old"
    " gateway (command -v bash timeout)? what a map of LDAP or SQL answers is asked by nobody: see to it, and accept it"
)
_ANSWERS = "answers"
_Ask = Callable[[Run], Mapping[Server, str | None]]


def table(old: LookingShell, new: LookingShell) -> Iterator[Comparison]:
    """One comparison for each kind. All servers are asked in one look, forty with each command and six seconds for it.

    Nothing where nobody wants it.
    """
    seen = _once(lambda run: outgoing.ask(old, servers(run, new)))
    for kind, id_ in IDS.items():
        yield Comparison(id_, f"servers that are needed ({kind.name.lower()})", _compare(kind, seen), "")


def _once(ask: _Ask) -> _Ask:
    """What was answered, or what was in the way: that is no other for the next kind, and takes its time each time."""
    known: list[Mapping[Server, str | None] | Problem] = []

    def seen(run: Run) -> Mapping[Server, str | None]:
        if not known:
            try:
                known.append(ask(run))
            except Problem as problem:
                known.append(problem)
        if isinstance(known[0], Problem):
            raise known[0]
        return known[0]

    return seen


def servers(run: Run, new: LookingShell) -> tuple[Server, ...]:
    """Those that the operator asks for: what the new guest's settings name, and others by host and port."""
    wanted = run.settings.switch.outgoing
    others = (host_and_port(each) for each in wanted if each != NAMED)
    resolvers = map(str, run.plan.identity.addressing.dns)
    named = outgoing_named.named(new, resolvers) if NAMED in wanted else ()
    return (*named, *(Server(Kind.OTHER, host, port, f"{host} port {port}") for host, port in others))


def _compare(kind: Kind, seen: _Ask) -> Callable[[Run, str, float], Iterable[Check]]:
    def compare(run: Run, host: str, limit: float) -> Iterator[Check]:
        if run.settings.switch.outgoing:
            yield from checks(kind, {server: said for server, said in seen(run).items() if server.kind is kind})

    return compare


def checks(kind: Kind, seen: Mapping[Server, str | None]) -> Iterator[Check]:
    """One for each place that names some: which host that is stays in the settings, where the operator finds it."""
    for place in dict.fromkeys(server.named for server in seen):
        here = {server: said for server, said in seen.items() if server.named == place}
        words = dict.fromkeys(_why(server, said) for server, said in here.items() if said != "")
        silent = sum(said != "" for said in here.values())
        so = f"{silent} of {len(here)} do not: {'; '.join(words)}" if silent else _ANSWERS
        verdict = Verdict.UNKNOWN if None in here.values() else Verdict.of(not silent)
        yield Check(IDS[kind], _WHAT[kind].format(place), _ANSWERS, so, verdict, _hint(here.values()))


def _hint(said: Collection[str | None]) -> str:
    return "; ".join([*([_REMEDY] if any(said) else ()), *([_NOT_ASKED] if None in said else ())])


def _why(server: Server, said: str | None) -> str:
    if said is None:
        return "not asked" if server.can_be_asked else "not asked: no host and port"
    return said.replace(server.host, "its name or address")
