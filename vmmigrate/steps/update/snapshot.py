"""A snapshot of the machine while its gateway stands still, and the way back by it until mail is taken again.

It is made once the intake is closed and the services are stopped, not before: then no mail that was accepted is newer
than it. It has the memory (hypervisors/port.py), so a guest that went back stands where it stood, its intake closed:
going back twice loses nothing. A guest that booted since, or whose intake is not seen to be closed, may have taken mail
and does not go back by it.
"""

from collections.abc import Iterator

from hypervisors import Problem, VmRef, in_one_line
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.units import boot_id
from vmmigrate.errors import ApplianceError, NeedsAttention
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.reading import whole
from vmmigrate.run.stage import Run
from vmmigrate.steps.update.facts import HostSnapshot, Installing, OpenedHost
from vmmigrate.steps.update.host import plan_of, shell_of
from vmmigrate.updating import machine

_CLOCK = ("date", "+%s")
_SHOWN = 100  # characters
_OFF = 2.0  # seconds: less is what the way there takes


def do(run: Run) -> None:
    """Always another one: what an interrupted attempt left may be older than what was stopped since."""
    vm = plan_of(run).vm
    if vm is None:
        return
    shell = shell_of(run)
    checks = Checks()
    checks.compare("vm", f"{vm.name} and {shell.host}", "", lambda: machine.is_the_host(run.hypervisor, vm, shell))
    checks.refuse_if_failed()
    release(run)
    shell.run(("sync",), user="root")
    ahead = _clock(shell) - run.wall()
    run.learn(HostSnapshot(_next_name(run), boot_id(shell, user="root"), ahead))
    said = f"before the update of {shell.host}, by vmmigrate run {run.run_id}, which removes it"
    machine.snapshots_of(run.hypervisor).create_snapshot(vm, run.facts.of(HostSnapshot).name, said)


def _clock(shell: Shell) -> int:
    """Raises ApplianceError."""
    said = shell.run(_CLOCK).stdout
    seconds = whole(said.strip())
    if seconds is None:
        hint = "set its clock by hand, then run this again: date -u -s TIME"
        raise ApplianceError(
            f"{shell.host}: `{' '.join(_CLOCK)}` prints no time: {in_one_line(said)[:_SHOWN]}", hint=hint
        )
    return seconds


def _next_name(run: Run) -> str:
    last = run.facts.last(HostSnapshot)
    return f"{_prefix(run)}{int(last.name.removeprefix(_prefix(run))) + 1 if last else 1}"


def _prefix(run: Run) -> str:
    return f"vmmigrate-{run.run_id}-"


def _names(run: Run, vm: VmRef) -> tuple[str, ...]:
    return tuple(one.name for one in machine.snapshots_of(run.hypervisor).snapshots(vm))


def release(run: Run) -> None:
    """Each that this run made."""
    if (vm := plan_of(run).vm) is not None:
        for name in _names(run, vm):
            if name.startswith(_prefix(run)):
                machine.snapshots_of(run.hypervisor).remove_snapshot(vm, name)


def undo(run: Run) -> None:
    """Not while what was installed is not undone: then it is the only whole copy. Raises NeedsAttention."""
    known = run.facts.find(HostSnapshot)
    if known is None:
        return
    if run.facts.find(Installing) is not None:
        raise NeedsAttention(
            f"the snapshot {known.name} is kept: the old release is not back without it",
            hint="it is removed as soon as the old release is back",
        )
    release(run)


def holds(run: Run) -> Iterator[Check]:
    vm, known = plan_of(run).vm, run.facts.find(HostSnapshot)
    if vm is not None and known is not None:
        there = known.name in _names(run, vm)
        yield Check("snapshot", f"the snapshot of {vm.name}", "there", "there" if there else "gone", Verdict.of(there))


def brings_back(run: Run) -> bool:
    """Whether going back to it loses no mail. What is not known is no.

    That the intake is closed is looked at each time: a person may have opened it, and so may a way back that was not
    complete. Postfix alone shows nothing: the packages' scripts start it, and a closed intake lets nobody in.
    """
    vm, known, opened = plan_of(run).vm, run.facts.find(HostSnapshot), run.facts.last(OpenedHost)
    if vm is None or known is None or (opened and opened.snapshot == known.name):
        return False
    try:
        shell = shell_of(run)
        same_boot = boot_id(shell, user="root") == known.boot_id
        return known.name in _names(run, vm) and same_boot and firewall.intake_closed(shell)
    except Problem:
        return False


def brought_back(run: Run) -> bool:
    """Whether the machine is as in its snapshot now. Where that failed it goes back by packages."""
    vm = plan_of(run).vm
    if vm is None or not brings_back(run):
        return False
    try:
        _go_back(run, vm, run.facts.of(HostSnapshot))
    except Problem as problem:
        run.remark(f"{vm.name} does not go back by its snapshot, so it does by packages: {problem}")
        return False
    return True


def _go_back(run: Run, vm: VmRef, known: HostSnapshot) -> None:
    """The guest's end of each connection is of then, so none of now is used."""
    host = plan_of(run).host
    run.doors.hang_up(host)
    machine.snapshots_of(run.hypervisor).revert_snapshot(vm, known.name)
    run.hypervisor.start(vm)  # one whose memory was not kept is off
    run.wait_for_answer(
        f"{host} to answer after it went back",
        lambda: boot_id(shell_of(run), user="root"),
        timeout=run.settings.limits.restart,
        clears=f"see the console of {vm.name}",
    )
    _set_clock(run, known.ahead)


def _set_clock(run: Run, ahead: float) -> None:
    """It stands where the snapshot was made; a time daemon may take hours for a jump of minutes."""
    shell = shell_of(run)
    behind = run.wall() + ahead - _clock(shell)
    if abs(behind) > _OFF:
        shell.run(("date", "-u", "-s", f"@{run.wall() + ahead:.0f}"), user="root")
