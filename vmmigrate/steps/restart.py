"""Restart the new VM after the import, as the vendor requires, with the network settings of the plan."""

from collections.abc import Iterator

from hypervisors import NotYet, PowerState, Unreachable
from vmmigrate.appliance.units import boot_id, unit_states, wait_until_active
from vmmigrate.facts import NewGuest, NewVm, Reboot
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import address, deploy, guards
from vmmigrate.steps.ready import BOOTS


def do(run: Run) -> None:
    """Off and on by the hypervisor, not a restart of services: the state after it is that of a host's reboot."""
    seen: list[str] = []
    if run.facts.find(Reboot) is None:
        address.do(run)  # an archive may contain network settings: that is unknown, so they are set again
        seen.append(boot_id(run.new_shell))
        run.learn(Reboot(seen[0]))
    timeout = run.settings.limits.restart
    run.wait("the new VM to restart", lambda: _another_boot(run, seen), timeout=timeout, clears=BOOTS)
    shell = run.new_shell
    units = run.doors.new.software(shell).units.restart_order
    wait_until_active(shell, units, timeout=timeout, pace=run.pace)


def holds(run: Run) -> Iterator[Check]:
    """What the gateway consists of runs."""
    states = unit_states(run.new_shell, run.doors.new.software(run.new_shell).units.restart_order)
    down = ", ".join(f"{unit} {state}" for unit, state in states.items() if state != "active")
    yield Check("new-units", "the new gateway's units", "active", down or "active", Verdict.of(not down))


def _another_boot(run: Run, seen: list[str]) -> None:
    """Check the state and do the next action; after a crash anywhere in between it is checked again.

    `seen`: the boot that the guest had a moment ago, so that it is not asked twice.
    """
    vm = run.facts.of(NewVm).vm
    if guards.refuse_paused(run, vm) is PowerState.OFF:
        ours = deploy.ours(run)
        guards.before_starting(run, ours)  # last: nothing is asked between it and the start
        run.hypervisor.start(ours)
        raise NotYet("it boots")
    try:
        same = (seen.pop() if seen else boot_id(run.new_shell)) == run.facts.of(Reboot).boot_id
    except Unreachable as error:
        raise NotYet(str(error)) from error
    if same:
        run.doors.hang_up(run.facts.of(NewGuest).staging_address)
        run.hypervisor.shut_down(deploy.ours(run), run.settings.limits.shutdown)
        raise NotYet("it is switched off")
