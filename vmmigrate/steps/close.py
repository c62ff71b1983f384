"""Hand over the host's autostart, which only one of both may have, and leave a note on each VM."""

from collections.abc import Iterator
from contextlib import suppress

from hypervisors import NotFound, NotSupported, VmRef
from vmmigrate.errors import NeedsAttention
from vmmigrate.facts import Claim, NewVm, Plugged, StartsAtBoot
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import claim, deploy, gone


def do_autostart(run: Run) -> None:
    """In the old VM's place in the host's autostart list, with its delays. At no time both have one."""
    starts = run.facts.of(Claim).autostart
    if starts:
        _take_it_again(run)
        starts = start_at_boot(run, deploy.ours(run), run.facts.of(Plugged).old_autostart_entry)
    run.learn(StartsAtBoot(starts))


def _take_it_again(run: Run) -> None:
    """Somebody may have given it back to the old VM since the switch took it."""
    old = run.plan.old
    if not gone.old_is_gone(run) and run.hypervisor.inventory(old).autostart:
        with suppress(NotSupported):  # by a host that starts nothing
            run.hypervisor.set_autostart(old, autostart=False)
            run.remark(f"{old.name} would have started with its host again: its autostart was switched off once more")


def autostart_holds(run: Run) -> Iterator[Check]:
    """The new VM starts with its host where the old one did. An earlier version did not note whether it can."""
    handed = run.facts.find(StartsAtBoot)
    if handed is not None:
        new = run.facts.of(NewVm).vm
        starts = run.hypervisor.inventory(new).autostart
        words = {True: "starts", False: "does not start"}
        what, so = f"{new.name} at a start of its host", starts == handed.new
        yield Check("new-autostart", what, words[handed.new], words[starts], Verdict.of(so))


def autostart_is_undone(run: Run) -> Iterator[Check]:
    """The new VM does not start with its host beside the old one."""
    new = run.facts.last(NewVm)
    if new is not None:
        starts = _starts(run, new.vm)
        seen = "starts" if starts else "does not start"
        yield Check(
            "new-autostart", f"{new.vm.name} at a start of its host", "does not start", seen, Verdict.of(not starts)
        )


def undo_autostart(run: Run) -> None:
    for vm in run.hypervisor.find_tagged(run.run_id):
        run.hypervisor.set_autostart(vm, autostart=False)


def give_back_autostart(run: Run, entry: str) -> None:
    """To the old VM, unless the new one would start with the host too: nobody may untag it and have two come back."""
    undo_autostart(run)  # an earlier version handed it over later, and its undo may have failed
    known = run.facts.find(NewVm)
    if known is not None and _starts(run, known.vm):
        raise NeedsAttention(
            f"{known.vm.name} starts with its host, and does not have the tag of this run any more",
            hint=f"switch its autostart off, then run `vmmigrate rollback {run.run_id}` again",
        )
    start_at_boot(run, run.plan.old, entry)


def _starts(run: Run, vm: VmRef) -> bool:
    try:
        return run.hypervisor.inventory(vm).autostart
    except NotFound:
        return False


def start_at_boot(run: Run, vm: VmRef, entry: str) -> bool:
    """If its host does not support it, a remark says so: it blocks nothing else, and a second attempt does not help."""
    try:
        run.hypervisor.set_autostart(vm, True, entry)
    except NotSupported as problem:
        run.remark(f"{vm.name} will not start with its host: {problem} → {problem.hint}")
        return False
    return True


def do_notes(run: Run) -> None:
    plan = run.plan
    replaced = f"run {run.run_id}: replaced by {plan.new_name}; kept, unplugged, until `vmmigrate finish {run.run_id}`"
    if gone.old_is_gone(run):
        run.remark(f"{plan.old.name} was deleted by hand: no note is left there, and nothing goes back to it any more")
    else:
        claim.note(run, replaced)
    new = run.facts.of(NewVm).vm
    if deploy.is_ours(run, new):  # without the tag it is somebody's
        run.hypervisor.set_notes(new, f"made by vmmigrate, run {run.run_id}, in place of {plan.old.name}")


def undo_notes(run: Run) -> None:
    for vm in run.hypervisor.find_tagged(run.run_id):
        run.hypervisor.set_notes(vm, "")
    note_went_back(run)


def note_went_back(run: Run) -> None:
    """On the old VM, of a run whose new one was open. Also where the record of the other note was lost."""
    words = f"run {run.run_id}: switched back; {run.plan.new_name} is kept, unplugged, until finish"
    if words not in run.hypervisor.inventory(run.plan.old).notes:
        claim.note(run, words)
