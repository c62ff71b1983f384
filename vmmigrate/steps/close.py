"""Hand over the host's autostart, which only one of both may have, and leave a note on each VM."""

from hypervisors import NotSupported, VmRef
from vmmigrate.facts import Claim, NewVm, Plugged
from vmmigrate.run.stage import Run
from vmmigrate.steps import claim


def do_autostart(run: Run) -> None:
    """In the old VM's place in the host's autostart list, with its delays."""
    if run.facts.of(Claim).autostart:
        start_at_boot(run, run.facts.of(NewVm).vm, run.facts.of(Plugged).old_autostart_entry)


def undo_autostart(run: Run) -> None:
    for vm in run.hypervisor.find_tagged(run.run_id):
        run.hypervisor.set_autostart(vm, autostart=False)


def start_at_boot(run: Run, vm: VmRef, entry: str) -> None:
    """If its host does not support it, a remark says so: it blocks nothing else, and a second attempt does not help."""
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
