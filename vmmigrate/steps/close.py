"""Hand over what only one of both may have: the host's autostart, and a note on each VM for the next person."""

from hypervisors import NotSupported, VmRef
from vmmigrate.facts import Claim, NewVm, Plugged
from vmmigrate.run.stage import Run
from vmmigrate.steps import claim


def do_autostart(run: Run) -> None:
    """In the old one's place among what the host starts, with its delays."""
    if run.facts.of(Claim).autostart:
        start_at_boot(run, run.facts.of(NewVm).vm, run.facts.of(Plugged).old_autostart_entry)


def undo_autostart(run: Run) -> None:
    for vm in run.hypervisor.find_tagged(run.run_id):
        run.hypervisor.set_autostart(vm, autostart=False)


def start_at_boot(run: Run, vm: VmRef, entry: str) -> None:
    """Where its host does not do that, a person is told: it hinders nothing else, and no second attempt helps."""
    try:
        run.hypervisor.set_autostart(vm, True, entry)
    except NotSupported as problem:
        run.remark(f"{vm.name} will not start with its host: {problem} → {problem.hint}")


def do_notes(run: Run) -> None:
    plan = run.plan
    replaced = f"run {run.run_id}: replaced by {plan.new_name}; kept, unplugged, until `vmmigrate finish {run.run_id}`"
    run.hypervisor.set_notes(plan.old, claim.note_line(run, replaced))
    run.hypervisor.set_notes(
        run.facts.of(NewVm).vm, f"made by vmmigrate, run {run.run_id}, in place of {plan.old.name}"
    )


def undo_notes(run: Run) -> None:
    for vm in run.hypervisor.find_tagged(run.run_id):
        run.hypervisor.set_notes(vm, "")
    kept = f"run {run.run_id}: switched back; {run.plan.new_name} is kept, unplugged, until finish"
    run.hypervisor.set_notes(run.plan.old, claim.note_line(run, kept))
