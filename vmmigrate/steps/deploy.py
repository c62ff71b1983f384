"""Deploy the new image as a virtual machine shaped like the old one, with both its NICs."""

from hypervisors import DeploySpec, NicSpec, VmRef
from vmmigrate.model import NewVm
from vmmigrate.run import Run


def do(run: Run) -> None:
    known = run.facts.find(NewVm)
    if known is not None and known.vm in run.hypervisor.find_tagged(run.run_id):
        return
    vm = run.hypervisor.deploy(spec(run), run.progress)
    run.learn(_learnt(run, vm))


def undo(run: Run) -> None:
    """By the tag, not by what was learnt: a crash may have come before that."""
    for vm in run.hypervisor.find_tagged(run.run_id):
        run.hypervisor.destroy(vm, run.run_id)


def spec(run: Run) -> DeploySpec:
    """The live NIC bears the old MAC and stays unplugged; staging is for us alone."""
    plan = run.plan
    live = NicSpec(plan.identity.network, plan.identity.mac, link_up=False)
    staging = NicSpec(plan.staging, None, link_up=True)
    nics = (staging, live) if plan.staging_first else (live, staging)
    return DeploySpec(run.run_id, plan.new_name, plan.image, plan.old, plan.store, nics, plan.vcpus, plan.memory)


def _learnt(run: Run, vm: VmRef) -> NewVm:
    nics = run.hypervisor.inventory(vm).nics
    live = run.plan.identity.mac
    staging = next(nic.mac for nic in nics if nic.mac != live)
    return NewVm(vm, live, staging)
