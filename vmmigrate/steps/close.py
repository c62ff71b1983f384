"""Hand over what only one of both may have: the host's autostart, and a note on each VM for the next person."""

from vmmigrate.model import Claim, NewVm
from vmmigrate.run import Run
from vmmigrate.steps import claim


def do_autostart(run: Run) -> None:
    run.hypervisor.set_autostart(run.facts.of(NewVm).vm, run.facts.of(Claim).autostart)


def undo_autostart(run: Run) -> None:
    for vm in run.hypervisor.find_tagged(run.run_id):
        run.hypervisor.set_autostart(vm, autostart=False)


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
