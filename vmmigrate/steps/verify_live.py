"""Verify over the live network that the new gateway, and no other, answers at the old address."""

from collections.abc import Iterator

from hypervisors.wire.ssh import HostKey
from vmmigrate.facts import NewGuest, VerifiedLive
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run import apart
from vmmigrate.run.stage import Run
from vmmigrate.steps import decide, proof
from vmmigrate.steps.comparing import compare_all
from vmmigrate.steps.verify import CERTIFICATES, GREETING

SSH = 22
_LOOK, _AGAIN = 3.0, 10.0  # seconds: for its first answer, and for one from a guest that has answered before
_WHAT = "SSH host key at the live address"
_WHO = "who shows the old gateway's SSH host key at the live address"
_ANOTHER = "another machine answers at this address: find it before you try again"


def do(run: Run) -> None:
    """Where nobody answers the rest is not asked: nobody is live meanwhile."""
    host, checks = run.plan.identity.host, Checks()
    shown = checks.ask("live-host-key", _WHAT, lambda: _host_key(run, host))
    if shown is not None:
        seen, expected = shown.fingerprint, run.facts.of(NewGuest).host_key
        is_it = checks.ask("live-host-key", _WHO, lambda: apart.is_new_at(run, host, seen))
        if is_it is not None:
            verdict, hint = (Verdict.PASS, "") if is_it else (Verdict.FAIL, _ANOTHER)
            checks.all.append(Check("live-host-key", _WHAT, expected, seen, verdict, hint))
        compare_all((CERTIFICATES, GREETING, proof.MAIL), run, host, run.settings.limits.network, checks)
    run.learn(VerifiedLive(tuple(checks.all), _line(run, host, shown) if shown else ""))
    decide.require(run, checks)


def holds(run: Run) -> Iterator[Check]:
    """The new VM, and no other, is at the live address."""
    expected = run.facts.of(NewGuest).host_key
    host = run.plan.identity.host
    seen = run.new_host_key(host, timeout=_AGAIN)
    verdict = Verdict.of(apart.is_new_at(run, host, seen))
    yield Check("live-host-key", _WHAT, expected, seen, verdict, _ANOTHER)


def _line(run: Run, host: str, shown: HostKey) -> str:
    """As OpenSSH writes it: another port than 22 stands behind brackets (sshd(8))."""
    port = run.settings.new.ssh.port
    return f"{host if port == SSH else f'[{host}]:{port}'} {shown.line}"


def _host_key(run: Run, host: str) -> HostKey:
    clears, limit = "is the new VM's NIC on the right network, and is its address configured?", run.settings.limits
    return run.wait_for_host_key(f"the new gateway at {host}", host, first=_LOOK, timeout=limit.network, clears=clears)
