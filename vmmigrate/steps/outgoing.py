"""Ask, before the switch, whether the servers answer that the new gateway will need: from the old one's place.

The new guest is isolated, and until the switch it has no way out of the live network: its link there is down. The old
one stands where it will stand, with the same address and MAC, and nothing holds it back; so no hole is needed in any
isolation. Which servers these are, the new guest's own settings say.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

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
    Kind.RESOLVER: "the resolver {}, asked from the old gateway",
    Kind.MAIL: "mail servers named in {}, asked from the old gateway",
    Kind.LOOKUP: "servers named in {}, asked from the old gateway",
    Kind.CLOCK: "clocks named in {}, asked from the old gateway",
    Kind.OTHER: "{}, asked from the old gateway",
}
_REMEDY = (
    "see from the old gateway why, and whether the new one's settings name the right server (over staging); a host"
    " without brackets is asked by its address, not by its MX"
)
_ANSWERS = "answers"


def table(old: LookingShell, new: LookingShell) -> Iterator[Comparison]:
    """One comparison for each kind; all servers are asked at once, in one command. Nothing where nobody wants it."""

    known: list[Mapping[Server, str | None]] = []

    def seen(run: Run) -> Mapping[Server, str | None]:
        if not known:
            known.append(outgoing.ask(old, servers(run, new)))
        return known[0]

    for kind, id_ in IDS.items():
        yield Comparison(id_, f"servers that are needed ({kind.name.lower()})", _compare(kind, seen), _REMEDY)


def servers(run: Run, new: LookingShell) -> tuple[Server, ...]:
    """Those that the operator asks for: what the new guest's settings name, and others by host and port."""
    wanted = run.settings.switch.outgoing
    others = (host_and_port(each) for each in wanted if each != NAMED)
    resolvers = map(str, run.plan.identity.addressing.dns)
    named = outgoing_named.named(new, resolvers) if NAMED in wanted else ()
    return (*named, *(Server(Kind.OTHER, host, port, f"{host} port {port}") for host, port in others))


def _compare(
    kind: Kind, seen: Callable[[Run], Mapping[Server, str | None]]
) -> Callable[[Run, str, float], Iterable[Check]]:
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
        yield Check(IDS[kind], _WHAT[kind].format(place), _ANSWERS, so, verdict)


def _why(server: Server, said: str | None) -> str:
    if said is None:
        return "not asked" if server.can_be_asked else "no name or address, or no port, that could be asked"
    return said.replace(server.host, "its name or address")
