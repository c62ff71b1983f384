"""Finish a migration: ask the old guest to shut down, write the final text into its notes, remove the staging NIC."""

from hypervisors import TimedOut
from vmmigrate.facts import NewVm
from vmmigrate.run.stage import Run
from vmmigrate.steps import claim

# Each act looks first, so a `finish` that was interrupted is simply run again.


def shut_down_old(run: Run) -> None:
    run.hypervisor.shut_down(run.plan.old, run.settings.limits.shutdown)


def release_old(run: Run) -> None:
    claim.release(run, f"Replaced by {run.plan.new_name} (vmmigrate run {run.run_id}, finished).")


def remove_staging(run: Run) -> None:
    new = run.facts.of(NewVm)
    try:
        run.hypervisor.remove_nic(new.vm, new.staging_mac, run.run_id)
    except TimedOut as late:
        run.remark(f"the new guest does not release its staging NIC: {late} → {late.hint}")
