"""Which ports a gateway serves to the world, as it is set and as it answers, and which of them another one does not."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from hypervisors import Dial, NotYet, Pace, TimedOut, wait_for
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.tls import postfix, server_xml
from vmmigrate.appliance.tls.bundle import look_at
from vmmigrate.appliance.tls.handshake import is_closed
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.findings import Check, Verdict

_WHAT = "ports that the old gateway serves"
_USUAL = (443,)  # what is led to the console by a rule of the firewall is set nowhere else


def served(shell: Shell, software: Software, host: str, dial: Dial) -> tuple[int, ...]:
    """Those that its Postfix and Tomcat are set to, and that answer from here."""
    look = look_at(shell, software, web=True, smtp=True)
    named = {*_USUAL, *_of_postfix(look), *_of_tomcat(look, software)}
    return tuple(port for port in sorted(named) if not is_closed(host, port, dial))


def compared(ports: Sequence[int], host: str, dial: Dial, limit: float, pace: Pace) -> Iterator[Check]:
    """One check of all; each port is waited for up to `limit` seconds, one that is late decides for the others."""
    if not ports:
        return
    missing: list[int] = []
    for port in ports:
        if not _answers(host, port, dial, 0.0 if missing else limit, pace):
            missing.append(port)
    seen = f"no connection at {_words(missing)}" if missing else _words(ports)
    yield Check("ports", _WHAT, _words(ports), seen, Verdict.of(not missing))


def _of_postfix(shell: Shell) -> set[int]:
    with suppress(ApplianceError, CommandFailed):
        found = postfix.read_postfix(shell)
        return {service.port for service in (found.main, *found.services) if service.port}
    return set()


def _of_tomcat(shell: Shell, software: Software) -> set[int]:
    with suppress(ApplianceError, CommandFailed):
        return set(server_xml.ports(shell, software))
    return set()


def _answers(host: str, port: int, dial: Dial, limit: float, pace: Pace) -> bool:
    def look() -> None:
        if is_closed(host, port, dial):
            raise NotYet("no connection")

    try:
        wait_for(f"port {port} of {host}", look, timeout=limit, clears="", pace=pace, pause=0.5)
    except TimedOut:
        return False
    return True


def _words(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports))
