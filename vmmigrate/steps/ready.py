"""Start the new VM, find it on staging, and verify its identity before trusting it."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from hypervisors import GuestAgent, NotYet, PowerState, Problem, TlsTrust, TrustRefused, Unreachable, patient
from hypervisors.wire.ssh import fingerprint_of_key
from vmmigrate import hardware
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.net.guest import interfaces
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.units import wait_until_active
from vmmigrate.errors import ApplianceError
from vmmigrate.facts import NewGuest, NewVm, Opened
from vmmigrate.findings import Check, Verdict
from vmmigrate.run import apart
from vmmigrate.run.stage import Run
from vmmigrate.run.whereabouts import is_ipv6, leases
from vmmigrate.steps import deploy, guards, same_lan

HOST_KEY_FILE = "/etc/ssh/ssh_host_ed25519_key.pub"
_LOOK, _AGAIN = 5.0, 10.0  # seconds: for its first answer, and for one from a guest that has answered before
BOOTS = "check the new VM's screen: does it boot, does it get an address on the staging network?"


def do(run: Run) -> None:
    new = run.facts.of(NewVm)
    if guards.refuse_paused(run, new.vm) is not PowerState.RUNNING:
        ours = deploy.ours(run)
        guards.before_starting(run, ours)  # last: nothing is asked between it and the start
        run.hypervisor.start(ours)
    same_lan.plug_in_isolated(run)
    address = same_lan.host(run) or run.settings.new.staging_address or _leased(run, new)
    host_key, trusted_by = _first_contact(run, new, address)
    shell = run.staging_shell(address, host_key)
    software = _answering(run, shell)
    _refuse_another(shell, run.plan.new_name, new)
    refuse_six(software)
    _refuse_older(run.plan.old_version, software.version)
    known = run.facts.find(NewGuest)
    if known and run.facts.last(Opened):  # what runs in it is its administrator's by now
        run.learn(replace(known, staging_address=shell.host))
        return
    wait_until_active(shell, software.units.restart_order, timeout=run.settings.limits.boot, pace=run.pace)
    trust = run.doors.new.trust(shell)
    url = _console(run, shell.host, trust)
    run.learn(
        NewGuest(
            staging_address=shell.host,
            host_key=host_key,
            trusted_by=trusted_by,
            console_url=url,
            console_fingerprint=run.doors.new.console_pin(shell, url),
            workstation=shell.seen_address(),
            packages=software.packages,
        )
    )


def holds(run: Run) -> Iterator[Check]:
    """It runs, and the machine at its address is this one."""
    new, guest, what = run.facts.of(NewVm), run.facts.of(NewGuest), f"the new VM {run.plan.new_name}"
    power = run.hypervisor.power_state(new.vm)
    yield Check("new-vm-runs", what, "running", guards.power_in_words(power), Verdict.of(power is PowerState.RUNNING))
    if power is PowerState.RUNNING:
        try:
            seen = run.new_host_key(run.new_guest.staging_address, timeout=_AGAIN)
        except Unreachable:
            if not run.found_again(guest.host_key, run.new_guest.staging_address):
                if run.plan.same_lan and not run.facts.last(Opened):  # by the agent it may be given its address again
                    yield Check("new-vm-answers", what, f"SSH at {same_lan.host(run)}", "no answer", Verdict.FAIL)
                    return
                raise
            seen = run.new_host_key(run.new_guest.staging_address, timeout=_AGAIN)
        address = run.new_guest.staging_address
        is_it = Verdict.of(apart.is_new_at(run, address, seen))
        yield Check("new-vm-answers", f"SSH host key at {address}", guest.host_key, seen, is_it)
        yield from same_lan.holds(run)


def _leased(run: Run, new: NewVm) -> str:
    known = run.facts.find(NewGuest)

    def probe(seconds: float) -> str:
        """One of IPv6 must answer: a guest has several, and an IPv4 address may still be coming."""
        found = leases(run.hypervisor, new)
        for address in found:
            if known is None and not is_ipv6(address):
                return address
            with suppress(Unreachable):
                seen = run.new_host_key(address, timeout=seconds)
                if known is None or run.is_new_guest(seen):
                    return address
        raise NotYet(f"nothing answers at {', '.join(found)}" if found else "no address on the staging NIC")

    clears = f"{_boots(run, new)} If the hypervisor cannot find the address, set new.staging_address."
    limit = run.settings.limits.boot
    look = patient(probe, first=_LOOK, timeout=limit, clock=run.pace.clock)
    return run.wait_for_answer("the new VM's address on staging", look, timeout=limit, clears=clears)


def _boots(run: Run, new: NewVm) -> str:
    """What to check if nothing answers, and what to change if it never booted."""
    guessed = hardware.guesses(run.settings.new, run.plan.image, run.hypervisor.inventory(new.vm))
    return f"{BOOTS} {guessed}".rstrip()


def _first_contact(run: Run, new: NewVm, address: str) -> tuple[str, str]:
    """The host key's fingerprint, and who vouches for it. Raises TrustRefused if nobody does."""
    limit, clears = run.settings.limits.boot, _boots(run, new)
    # a lease is no proof: it exists before the guest has booted
    shown = run.wait_for_host_key("SSH on the new VM", address, first=_LOOK, timeout=limit, clears=clears)
    seen = shown.fingerprint
    if known := run.facts.find(NewGuest):
        return known.host_key, known.trusted_by  # the same VM as before: nobody may vouch for another key
    pinned = run.settings.new.ssh.host_key
    if pinned:
        return pinned if pinned.startswith("SHA256:") else fingerprint_of_key(pinned), "the operator"
    reported = _reported_by_agent(run, new)
    if reported:
        return reported, "the guest agent"
    if run.settings.new.trust_staging:
        return seen, "--trust-staging"
    raise TrustRefused(
        f"the new VM's SSH host key at {address} cannot be verified: {seen}. No guest agent reported it, and this VM"
        " will receive every private key",
        hint="use an image whose SSH host key you know, and set new.ssh.host_key to it; "
        + ("or one with qemu-guest-agent; " if isinstance(run.hypervisor, GuestAgent) else "")
        + "or add --trust-staging, which trusts the key seen on the staging network",
    )


def _reported_by_agent(run: Run, new: NewVm) -> str | None:
    """The key read through the hypervisor, independent of the network. None without an agent."""
    agent = run.hypervisor
    if not isinstance(agent, GuestAgent):
        return None

    def probe() -> None:
        if not agent.agent_answers(new.vm):
            raise NotYet("no answer")

    try:
        run.wait("the guest agent", probe, timeout=run.settings.limits.answer, clears=BOOTS)
        line = agent.read_guest_file(new.vm, HOST_KEY_FILE).decode()
    except Problem as problem:
        run.remark(f"no guest agent: {problem}")
        return None
    return fingerprint_of_key(line)


def _refuse_another(shell: Shell, name: str, new: NewVm) -> None:
    """Raises ApplianceError where the machine is another one. Which address the new VM has, and which host key, is
    said by what runs in it; that may be another's, such as the old gateway's, where our password may fit as well.
    """
    macs = [each.mac for each in interfaces(shell, detailed=False)]
    if new.staging_mac not in macs:
        raise ApplianceError(
            f"the machine at {shell.host} is not the new VM {name}: it has {', '.join(macs) or 'no NIC'}, and not"
            f" {new.staging_mac}",
            hint="nothing was changed in it. Find out which machine has that address, or set new.staging_address",
        )


def refuse_six(software: Software) -> None:
    """Raises ApplianceError, whatever a profile says about its console [F-BACKUP-7]."""
    if software.family == "6.x":
        raise ApplianceError(
            f"the image has version {software.version or '6.x'}: it is not known whether an older backup can be"
            " imported and where it keeps its TLS keys",
            hint="give an image of 5.x; `vmmigrate backup import` tries a backup on an empty 6.x machine (docs/six.md)",
        )


def _refuse_older(old: str, new: str) -> None:
    """Raises ApplianceError for a release older than the old gateway's: an import only goes to a newer one."""
    before, now = (tuple(map(int, re.findall(r"\d+", version)[:3])) for version in (old, new))
    if now < before:
        raise ApplianceError(f"the image has version {new}, the old gateway {old}", hint="give a newer image")


def _console(run: Run, address: str, trust: TlsTrust) -> str:
    """A unit is active before its program listens."""
    timeout = run.settings.limits.boot
    return run.wait_for_answer(
        "the new console", lambda: run.doors.new.console_url(address, trust), timeout=timeout, clears=BOOTS
    )


def _answering(run: Run, shell: Shell) -> Software:
    """The first log-in: once SSH answers it is tried once, and a refusal is final."""
    timeout = run.settings.limits.boot
    return run.wait_for_answer(
        "a log-in on the new VM", lambda: run.doors.new.software(shell), timeout=timeout, clears=BOOTS
    )
