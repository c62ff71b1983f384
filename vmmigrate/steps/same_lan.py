"""Prepare the new VM on the live network itself: its guest agent isolates it before its cable is plugged in."""

import shlex
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Interface

from hypervisors import GuestCommands, NotSupported, NotYet, Problem, Ran
from vmmigrate.appliance.net import beside, firewall
from vmmigrate.appliance.net.asking_for import who_has
from vmmigrate.appliance.net.beside import Beside
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import NeedsAttention
from vmmigrate.facts import NewVm, Opened
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import deploy, isolate, links

_SCREEN = "see its screen: does it boot, and does it have a guest agent?"


def host(run: Run) -> str:
    """The new VM's own address there, "" where staging is another network."""
    return run.plan.same_lan.partition("/")[0]


def plug_in_isolated(run: Run) -> None:
    """Its cable, once: whoever finds it plugged in for good finds that all before was done. Its own address is set
    again, until what runs in it is its administrator's.
    """
    new = run.facts.of(NewVm)
    if not run.plan.same_lan:
        return
    if _is_plugged(run, new):
        if not run.facts.last(Opened):
            set_up(run)
        return
    shell = _answering(run)
    _refuse_taken(run, new)
    firewall.isolate(shell, (_ours(run),), isolate.ports(run))
    beside.set_up(shell, _wanted(run))
    _refuse_exposed(run, shell)
    run.hypervisor.set_nic(deploy.ours(run), new.staging_mac, link_up=True)


def set_up(run: Run) -> None:
    """Its own address, apart from the network that it gets. Convergent. By the agent: whatever else configures that NIC
    by now is taken down, and our session with it, before the address is set again.
    """
    beside.set_up(_answering(run), _wanted(run))


def holds(run: Run) -> Iterator[Check]:
    """Its own address is the only one on that NIC, and neither NIC answers for the other's."""
    if run.plan.same_lan:
        wrong = "; ".join(beside.differences(run.new_shell, _wanted(run)))
        what, so = f"{run.plan.new_name} on the live network", f"{host(run)}, apart"
        yield Check("second-address", what, so, wrong or so, Verdict.of(not wrong))


def forget(run: Run) -> None:
    """Before that NIC is removed. By the agent, so without a password; where it does not answer, a remark says so."""
    if not run.plan.same_lan:
        return
    try:
        beside.remove(_by_agent(run))
    except Problem as problem:
        run.remark(
            f"{run.plan.new_name} keeps {beside.UNIT}, which does nothing without its NIC, and perhaps files that keep"
            f" its network's services off one of that name: {problem} → as root there: systemctl disable {beside.UNIT};"
            f" rm -f {shlex.join(beside.FILES)}"
        )


def _is_plugged(run: Run, new: NewVm) -> bool:
    nic = links.with_mac(run.hypervisor.inventory(new.vm).nics, new.staging_mac)
    return nic is not None and nic.link_up and nic.stored_link_up


def _by_agent(run: Run) -> Shell:
    agent, vm = run.hypervisor, run.facts.of(NewVm).vm
    if not isinstance(agent, GuestCommands):
        raise NotSupported("this hypervisor runs no commands in a guest", hint="name a staging network: new.staging")

    def execute(argv: Sequence[str], given: bytes, timeout: float) -> Ran:
        return agent.run_in_guest(vm, argv, run.run_id, given=given, timeout=timeout, pace=run.pace)

    return run.doors.new.by_agent(vm.name, execute)


def _answering(run: Run) -> Shell:
    run.wait("its guest agent", lambda: _answers(run), timeout=run.settings.limits.boot, clears=_SCREEN)
    return _by_agent(run)


def _answers(run: Run) -> None:
    agent = run.hypervisor
    if not isinstance(agent, GuestCommands) or not agent.agent_answers(run.facts.of(NewVm).vm):
        raise NotYet("no answer")


def _refuse_taken(run: Run, new: NewVm) -> None:
    """By anybody but itself: its cable may be plugged in, and that not stored."""
    taken = who_has(run.old_shell, host(run))
    if taken not in ("", new.staging_mac):
        raise NeedsAttention(
            f"{host(run)} is taken by now: {taken}, as the old gateway sees it. {run.plan.new_name} is not plugged in",
            hint="free that address, and run this again; or go back, and begin again with another new.staging_address",
        )


def _refuse_exposed(run: Run, shell: Shell) -> None:
    """As it is seen to be, not as it was asked to be."""
    look = firewall.look_at(shell)
    wrong = list(beside.differences(shell, _wanted(run)))
    wrong += [] if firewall.is_isolated(look) and firewall.is_isolated_at_boot(look) else ["it is not isolated"]
    if wrong:
        raise NeedsAttention(
            f"{run.plan.new_name} is not ready for the live network: {'; '.join(wrong)}. It is not plugged in",
            hint="see on its screen what else configures its network, then run this again",
        )


def _ours(run: Run) -> str:
    """Whom it speaks with there. The plan saw an address of IPv4; a resume may bring another `old.seen_as`."""
    ours = isolate.at_live(run)
    if ":" in ours:
        raise NeedsAttention(
            f"this workstation's address on the live network is given as {ours}, and {run.plan.new_name} has one of"
            " IPv4 alone there",
            hint="set old.seen_as to this workstation's IPv4 address as the old gateway sees it, and run this again",
        )
    return ours


def _wanted(run: Run) -> Beside:
    own, new = IPv4Interface(run.plan.same_lan), run.facts.of(NewVm)
    ours, router = IPv4Address(_ours(run)), run.plan.identity.addressing.router(4)
    behind = router if isinstance(router, IPv4Address) and ours not in own.network else None
    return Beside(new.staging_mac, new.live_mac, own.ip, ours, behind)
