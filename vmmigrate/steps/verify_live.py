"""Verify over the live network that the new gateway, and no other, answers at the old address."""

from hypervisors import TrustRefused
from vmmigrate.facts import NewGuest, VerifiedLive
from vmmigrate.run.stage import Run
from vmmigrate.steps.install_tls import prove_all
from vmmigrate.steps.verify import same_banner


def do(run: Run) -> None:
    host = run.plan.identity.host
    identity = _right_host_key(run, host)
    proofs = prove_all(run, host, run.settings.limits.network)
    run.learn(VerifiedLive((identity, *proofs, same_banner(run, host))))


def _right_host_key(run: Run, host: str) -> str:
    expected = run.facts.of(NewGuest).host_key

    def look() -> str:
        return run.new_host_key(host, timeout=3.0)

    clears = "is the new VM's NIC on the right network, and is its address configured?"
    seen = run.wait_for_answer(f"the new gateway at {host}", look, timeout=run.settings.limits.network, clears=clears)
    if seen != expected:
        raise TrustRefused(
            f"{host} shows the host key {seen}, the new VM has {expected}",
            hint="another machine answers at this address: find it before you try again",
        )
    return f"{host} is the new VM, by its host key"
