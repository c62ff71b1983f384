"""The virtual machine that a host is, where its hypervisor is given: that it is this one, and its snapshots."""

from collections.abc import Iterator

from hypervisors import GuestAgent, Hypervisor, NotSupported, PowerState, Snapshots, VmRef
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.units import BOOT_ID, boot_id
from vmmigrate.findings import Check, Finding, Verdict, error, warning

_MACS = ("sh", "-c", "cat /sys/class/net/*/address")
_DAY = 86_400.0  # seconds


def snapshots_of(hypervisor: Hypervisor) -> Snapshots:
    """Raises NotSupported."""
    if not isinstance(hypervisor, Snapshots):
        raise NotSupported(f"{hypervisor.url} makes no snapshots", hint="give --no-snapshot in place of --vm")
    return hypervisor


def is_the_host(hypervisor: Hypervisor, vm: VmRef, shell: Shell) -> Iterator[Check]:
    """A live NIC of the machine is in the guest at that address, no other live machine has it; by its agent too.

    A clone can have the MAC and the disk: two kernels never have one boot's id.
    """
    seen = hypervisor.inventory(vm)
    inside = {line.strip().lower() for line in shell.run(_MACS).stdout.splitlines()}
    macs = [nic.mac for nic in seen.nics if nic.link_up and nic.mac in inside]
    other = f"another machine answers at {shell.host}: is --vm the right one?"
    runs = seen.power is PowerState.RUNNING
    found = (", ".join(macs) or "none") if runs else f"{vm.name} does not run"
    what = f"NICs of {vm.name} that are plugged in and in {shell.host}"
    yield Check("vm-is-host", what, "at least one", found, Verdict.of(macs and runs), "" if macs and runs else other)
    holders = [one for mac in macs for one in hypervisor.holders(mac) if one.is_live and one.vm.id != vm.id]
    twins = ", ".join(one.vm.name for one in holders) or "none"
    hint = f"unplug {twins}, or shut it down" if holders else ""
    yield Check("vm-is-alone", "other live machines with its MAC", "none", twins, Verdict.of(not holders), hint)
    if by_agent := boot_by_agent(hypervisor, vm):
        same = by_agent == boot_id(shell)
        said = "the same" if same else "another"
        yield Check("vm-boot", f"the boot of {vm.name}", "the same", said, Verdict.of(same), "" if same else other)


def boot_by_agent(hypervisor: Hypervisor, vm: VmRef) -> str:
    """The kernel's id of this boot, past any network; "" where no agent answers."""
    if not isinstance(hypervisor, GuestAgent) or not hypervisor.agent_answers(vm):
        return ""
    return hypervisor.read_guest_file(vm, BOOT_ID[1]).decode().strip()


def findings(hypervisor: Hypervisor, vm: VmRef, shell: Shell, wall: float) -> Iterator[Finding]:
    """What is in the way of a snapshot, and which there are. `wall`: Unix seconds now."""
    for check in is_the_host(hypervisor, vm, shell):
        if check.verdict is not Verdict.PASS:
            yield error(check.id, str(check), check.hint)
    snapshots = snapshots_of(hypervisor)
    if why := snapshots.snapshot_fault(vm):
        yield error(
            "snapshot-impossible",
            f"{vm.name} can have no snapshot: {why}",
            "type the command in the message, if it has one; else copy it in another way, and give --no-snapshot",
        )
    if there := snapshots.snapshots(vm):
        ages = ", ".join(f"{one.name} ({_age(wall - one.taken) if one.taken else 'of unknown age'})" for one in there)
        yield warning(
            "snapshots-there",
            f"{vm.name} has snapshots: {ages}",
            "remove those that nobody needs: they fill its storage, and make writing slower",
        )


def _age(seconds: float) -> str:
    days, hours = int(seconds // _DAY), int(seconds // 3600)
    return f"{days} days old" if days > 1 else f"{hours} hours old" if hours > 1 else "of just now"
