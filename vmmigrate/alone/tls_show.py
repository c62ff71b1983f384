"""Show the certificates of a gateway's ports, seen from outside: without a log-in or a change."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from hypervisors import Dial, Unreachable, dial_straight, fingerprint_of, printable
from hypervisors.wire import bracketed, plainly, root_of
from vmmigrate import limits
from vmmigrate.appliance.tls.certificates import from_der
from vmmigrate.appliance.tls.chains import check_public, name_of, names_of
from vmmigrate.appliance.tls.handshake import STARTTLS_PORTS, TLS_PORTS, Offer, PortClosed, Served, served
from vmmigrate.appliance.tls.keys import kind_of
from vmmigrate.errors import BadKeys, UsageProblem
from vmmigrate.limits.seconds import TLS_SHOWN
from vmmigrate.parts import Parts, doors_of
from vmmigrate.reading import whole
from vmmigrate.settings.models import Settings

_LONGEST = limits.SHOWN_CHAIN.most
_PATIENCE = TLS_SHOWN.most


@dataclass(frozen=True)
class Shown:
    """A certificate as a port shows it. Dates are ISO 8601 in UTC; `chain`: subjects as sent, the leaf first."""

    kind: str
    subject: str
    names: list[str]
    issuer: str
    not_before: str
    not_after: str
    days_left: int
    sha256: str
    tls: str
    chain: list[str]
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Port:
    """What a port shows: one certificate, or one for each kind of signature. `closed`: why there is none."""

    port: int
    starttls: bool
    closed: str = ""
    shown: tuple[Shown, ...] = ()


@contextmanager
def through(via: str | None, settings: Settings | None, parts: Parts) -> Iterator[Dial]:
    """How to dial: directly, or through a side's jump host. Raises UsageProblem if it has none."""
    if via is None or settings is None:
        yield dial_straight
        return
    with doors_of(settings, parts) as doors:
        side = next(each for each in doors.sides if each.name == via)
        if side.settings.via is None:
            hint = f'set it: {via}.via = "ssh://USER@HOST" in vmmigrate.toml, or VMMIGRATE_{via.upper()}__VIA'
            raise UsageProblem(f"{via}.via is not set, so there is no jump host to go through", hint=hint)
        yield side.dial


def look(host: str, port: int | None, now: datetime, dial: Dial = dial_straight) -> tuple[Port, ...]:
    """The known ports, or the one given. Raises Unreachable where none answers, or a jump host does not."""
    seen = tuple(_look_at(host, each, now, dial) for each in ((port,) if port else TLS_PORTS))
    if not any(each.shown for each in seen):
        closed_ports = "; ".join(f"{each.port}: {each.closed}" for each in seen)
        raise Unreachable(
            f"{host} shows no certificate: {closed_ports}",
            hint="is the address right, and are these ports open from here?",
        )
    return seen


def parse(where: str) -> tuple[str, int | None]:
    """HOST, HOST:PORT, [IPv6]:PORT. Raises UsageProblem."""
    host, colon, port = where.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = where, ""
    number = whole(port)
    if not host or (host != where and not 0 < (number or 0) < 65536):
        raise UsageProblem(f"{where!r} is not HOST or HOST:PORT", hint="for example: mailgw.example.test:8443")
    return host.strip("[]"), number


def lines(host: str, ports: tuple[Port, ...]) -> list[str]:
    """For people."""
    closed = [each for each in ports if not each.shown]
    made = [printable(line) for each in ports if each.shown for line in _port_lines(host, each)]
    return (
        [*made, "no certificate at " + "; ".join(f"{each.port} ({each.closed})" for each in closed)] if closed else made
    )


def to_json(host: str, ports: tuple[Port, ...]) -> dict[str, Any]:
    return {"host": host, "ports": [asdict(each) for each in ports]}


def _look_at(host: str, port: int, now: datetime, dial: Dial) -> Port:
    """An unknown port is tried with TLS first, then with STARTTLS."""
    ways = [port in STARTTLS_PORTS] if port in TLS_PORTS else [False, True]
    failed = ""
    for starttls in ways:
        try:
            first = served(host, port, starttls=starttls, timeout=_PATIENCE, dial=dial)
        except PortClosed as error:
            return Port(port, starttls, _why_closed(host, error))
        except Unreachable as error:
            if isinstance(error.__cause__, Unreachable):  # the jump host's own error: it would close every port
                raise
            failed = failed or plainly(error)
        else:
            return _read(host, Port(port, starttls), _each_kind(host, port, starttls, first, dial), now)
    return Port(port, ways[-1], f"no TLS: {failed}")


def _read(host: str, port: Port, served_: Iterator[Served], now: datetime) -> Port:
    try:
        return replace(port, shown=tuple(_shown(host, each, now) for each in served_))
    except BadKeys as error:
        return replace(port, closed=str(error))


def _why_closed(host: str, error: PortClosed) -> str:
    """Raises Unreachable for a name that is not known: that closes every port."""
    cause = root_of(error)
    if isinstance(cause, socket.gaierror):
        known = "cannot be asked for now" if cause.errno == socket.EAI_AGAIN else "is not known"
        raise Unreachable(f"the name {host} {known}", hint="correct the name, or give the address") from error
    return "accepts no connection" if isinstance(cause, ConnectionRefusedError) else plainly(error)


def _each_kind(host: str, port: int, starttls: bool, first: Served, dial: Dial) -> Iterator[Served]:
    """The certificate for every client, then what differs for clients of only RSA or only ECDSA."""
    yield first
    known = {first.fingerprint}
    for offer in (Offer.RSA, Offer.ECDSA):
        with suppress(Unreachable):
            other = served(host, port, starttls=starttls, timeout=_PATIENCE, offer=offer, dial=dial)
            if other.fingerprint not in known:
                known.add(other.fingerprint)
                yield other


def _shown(host: str, served_: Served, now: datetime) -> Shown:
    leaf, *above = (from_der(der) for der in served_.chain[:_LONGEST])
    end = leaf.not_valid_after_utc
    return Shown(
        kind=kind_of(leaf),
        subject=leaf.subject.rfc4514_string(),
        names=names_of(leaf),
        issuer=leaf.issuer.rfc4514_string(),
        not_before=leaf.not_valid_before_utc.isoformat(),
        not_after=end.isoformat(),
        days_left=(end - now).days,
        sha256=fingerprint_of(served_.chain[0]),
        tls=served_.version,
        chain=[name_of(cert.subject).strip("'") for cert in (leaf, *above)],
        findings=[finding.seen for finding in check_public(leaf, above, host, now)],
    )


def _port_lines(host: str, port: Port) -> Iterator[str]:
    for shown in port.shown:
        yield f"{bracketed(host)}:{port.port}{' STARTTLS' if port.starttls else ''}, {shown.kind}, {shown.tls}"
        yield f"  subject    {shown.subject}"
        yield f"  names      {', '.join(shown.names) or 'none'}"
        yield f"  issuer     {shown.issuer}"
        yield f"  valid      {shown.not_before[:10]} to {shown.not_after[:10]}, {_days(shown.days_left)}"
        yield f"  SHA-256    {shown.sha256}"
        yield f"  chain      {' ← '.join(shown.chain)}"
        for finding in shown.findings:
            yield f"  finding    {finding}"


def _days(left: int) -> str:
    return f"{left} days left" if left >= 0 else f"expired {-left} days ago"
