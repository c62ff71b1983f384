"""Ask one service once, as its clients do: a greeting, or the certificate of a handshake. Nothing else is sent."""

from collections.abc import Callable
from dataclasses import dataclass

from hypervisors import Dial, dial_straight
from hypervisors.wire import bracketed
from vmmigrate.appliance import mail
from vmmigrate.appliance.smtp_begun import IMPLICIT_TLS
from vmmigrate.appliance.tls.handshake import served
from vmmigrate.errors import UsageProblem
from vmmigrate.limits.seconds import WATCHED_ANSWER
from vmmigrate.reading import whole

PATIENCE = WATCHED_ANSWER.most
OFTEN, RARELY = 0.25, 2.0  # seconds between two questions: a greeting costs a gateway little, a handshake more

Ask = Callable[[str, int, float, Dial], str]


def _greeting(host: str, port: int, timeout: float, dial: Dial) -> str:
    return mail.banner(host, port, timeout=timeout, dial=dial)


def _after_starttls(host: str, port: int, timeout: float, dial: Dial) -> str:
    return served(host, port, starttls=True, timeout=timeout, dial=dial).fingerprint


def _at_once(host: str, port: int, timeout: float, dial: Dial) -> str:
    return served(host, port, starttls=False, timeout=timeout, dial=dial).fingerprint


@dataclass(frozen=True)
class Kind:
    """`every`: seconds between two questions. `ask`: its sign, by which one machine is known from another."""

    ask: Ask
    every: float
    port: int  # the usual one


KINDS = {
    "smtp": Kind(_greeting, OFTEN, 25),
    "starttls": Kind(_after_starttls, RARELY, 25),
    "smtps": Kind(_at_once, RARELY, IMPLICIT_TLS),
    "https": Kind(_at_once, RARELY, 443),
}


@dataclass(frozen=True)
class Service:
    """One port of the gateway, and how it is asked. `expected`: somebody named it; else it may never answer."""

    kind: str
    port: int
    expected: bool = True

    def __str__(self) -> str:
        return f"{self.kind}:{self.port}"

    @property
    def every(self) -> float:
        """Seconds."""
        return KINDS[self.kind].every

    def ask(self, host: str, dial: Dial = dial_straight, timeout: float = PATIENCE) -> str:
        """Its sign: the greeting, or the leaf's fingerprint. Raises Unreachable, OSError."""
        return KINDS[self.kind].ask(host, self.port, timeout, dial)


PAGES = (Service("https", 443, expected=False), Service("https", 8443, expected=False))


def of_mail(port: int) -> tuple[Service, ...]:
    """Of a gateway that takes mail at `port`. There alone a greeting is asked for; submission shows handshakes."""
    after = () if port == IMPLICIT_TLS else (Service("starttls", port, expected=False),)
    submission = (Service("smtps", IMPLICIT_TLS, expected=False), Service("starttls", 587, expected=False))
    return tuple(dict.fromkeys((Service("smtp", port), *after, *submission)))


USUAL = (*of_mail(25), *PAGES)


def service_of(text: str) -> Service:
    """`KIND` or `KIND:PORT`. Raises UsageProblem."""
    kind, _, port = text.partition(":")
    if kind not in KINDS:
        raise UsageProblem(f"{text!r} is no service", hint=f"give KIND or KIND:PORT; kinds: {', '.join(KINDS)}")
    if not port and ":" not in text:
        return Service(kind, KINDS[kind].port)
    number = whole(port) or 0
    if not 0 < number < 65536:
        raise UsageProblem(f"{text!r}: {port!r} is no port", hint=f"give {kind}:PORT, PORT from 1 to 65535")
    return Service(kind, number)


def at(host: str, service: Service) -> str:
    """For people."""
    return f"{service.kind} {bracketed(host)}:{service.port}"
