"""Deploy the new image as a virtual machine with the old one's hardware, and with both its NICs."""

from collections.abc import Iterator, Mapping

from hypervisors import DeploySpec, NicSpec, NotFound, Secret, VmRef
from vmmigrate import properties
from vmmigrate.errors import NeedsAttention
from vmmigrate.facts import NewVm
from vmmigrate.findings import Check, Verdict
from vmmigrate.model import Plan
from vmmigrate.run.stage import Run
from vmmigrate.steps import inside


def do(run: Run) -> None:
    known = run.facts.find(NewVm)
    if known is not None and is_ours(run, known.vm):
        return
    handed = properties.values(run.plan.properties, run.doors.secrets)
    vm = run.hypervisor.deploy(spec(run.plan, run.run_id, handed), run.pace.moves)
    run.learn(_learnt(run, vm))


def undo(run: Run) -> None:
    """By the tag: a crash may have come before it was recorded which VM was made. A copy has the tag too."""
    for vm in run.hypervisor.find_tagged(run.run_id):
        if inside.is_a_copy(run, vm):
            run.remark(f"{vm.name} has the tag of this run, which made another VM: it is left as it is")
        else:
            inside.refuse_to_lose(run, vm)
            run.hypervisor.destroy(vm, run.run_id)
    for digests in (run.rundir.imported, run.rundir.verified):  # of a VM that is gone
        digests.unlink(missing_ok=True)


def ours(run: Run) -> VmRef:
    """The new VM, asked for right before it is changed. Raises NeedsAttention where it has not our tag any more."""
    vm = run.facts.of(NewVm).vm
    if not is_ours(run, vm):
        raise NeedsAttention(
            f"{vm.name} does not have the tag of this run any more: nobody knows whose it is, so it is left as it is",
            hint=f"set the tag on it again, then run this again; or end the run: vmmigrate rollback {run.run_id}",
        )
    return vm


def holds(run: Run) -> Iterator[Check]:
    """The same VM is there, ours, with both NICs."""
    new = run.facts.of(NewVm)
    try:
        macs = {nic.mac for nic in run.hypervisor.inventory(new.vm).nics}
    except NotFound:
        yield _check(run, "deleted", Verdict.FAIL)
        return
    if not is_ours(run, new.vm):
        yield _check(run, "without the tag of this run: nobody knows any more whose it is", Verdict.UNKNOWN)
    missing = {new.live_mac, new.staging_mac} - macs
    yield _check(run, f"without the NIC {', '.join(sorted(missing))}" if missing else "there", Verdict.of(not missing))


def is_ours(run: Run, vm: VmRef) -> bool:
    """Whether it has this run's tag, whatever it is called by now."""
    return any(tagged.id == vm.id for tagged in run.hypervisor.find_tagged(run.run_id))


def _check(run: Run, seen: str, verdict: Verdict) -> Check:
    hint = "" if verdict is Verdict.PASS else f"was it changed by hand? to end the run: vmmigrate rollback {run.run_id}"
    return Check(
        "new-vm", f"the new VM {run.plan.new_name}", "there, as it was made, with both NICs", seen, verdict, hint
    )


def spec(plan: Plan, run_id: str, handed: Mapping[str, str | Secret]) -> DeploySpec:
    """The live NIC has the plan's MAC and stays unplugged; staging is only for us: on the live network it is unplugged
    too, until the guest is isolated. `handed`: vApp properties.
    """
    live = NicSpec(plan.identity.network, plan.live_mac, link_up=False)
    staging = NicSpec(plan.staging, None, link_up=not plan.same_lan)
    nics = (staging, live) if plan.staging_first else (live, staging)
    return DeploySpec(
        run_id=run_id,
        name=plan.new_name,
        image=plan.image,
        like=plan.old,
        store=plan.store,
        nics=nics,
        vcpus=plan.vcpus,
        memory=plan.memory,
        firmware=plan.firmware,
        disk_bus=plan.disk_bus,
        properties=handed,
        folder=plan.folder or "",
        like_old=plan.like_old,
    )


def _learnt(run: Run, vm: VmRef) -> NewVm:
    nics = run.hypervisor.inventory(vm).nics
    live = run.plan.live_mac
    staging = next((nic.mac for nic in nics if nic.mac != live), None)
    if staging is None:
        raise NeedsAttention(
            f"{vm.name} has no NIC on staging any more, though it was made with one",
            hint=f"find out who changes this VM; to begin again: vmmigrate rollback {run.run_id}",
        )
    return NewVm(vm, live, staging)
