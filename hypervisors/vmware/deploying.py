"""Deploy an image as a new virtual machine: ask everything, import it with its tag, fill its disk, say complete."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from pyVmomi import vim

from hypervisors import unchanged
from hypervisors.errors import NotSupported, Problem
from hypervisors.tag import Tag
from hypervisors.types import DeploySpec, Progress, ProgressListener, VmRef
from hypervisors.vmware import (
    autostart,
    building,
    comparing,
    describing,
    empty_disks,
    inventory,
    lease,
    likeness,
    neighbours,
    networks,
    placement,
    properties,
    reading,
    removing,
    sending,
    stores,
    streaming,
    tags,
    tasks,
    trusting,
    vapp,
)
from hypervisors.vmware.placement import Placement
from hypervisors.vmware.session import Session
from hypervisors.vmware.streaming import Stream


@dataclass(frozen=True)
class _Answers:
    """All that was asked before anything is made."""

    placement: Placement
    config: vim.vm.ConfigSpec


def deploy(session: Session, spec: DeploySpec, progress: ProgressListener) -> VmRef:
    """A complete machine of this run is returned unchanged; any other is recreated."""
    for vm, tag in _ours(session, spec):
        if tag.complete:
            return vm
    _remove_halves(session, spec)
    _check_properties(session, spec)
    answers = _ask(session, spec)
    with streaming.streamed(spec.image, progress) as stream:
        try:
            return _made(session, spec, answers, stream)
        except BaseException:
            with suppress(Problem):  # the first failure is reported; the tag finds what is left
                _remove_halves(session, spec)
            raise


def rehearse(session: Session, spec: DeploySpec) -> tuple[Problem, ...]:
    """Check everything that `deploy` checks, and change nothing."""
    place = _ask(session, spec, lately=True).placement  # a plan has just asked who holds the old one's MACs
    try:
        old = inventory.machine(session, spec.like)
        host = autostart.host_of(session, old, spec.like.name)
        if autostart.read(session, host, old, spec.like.name).is_on:
            autostart.check(session, place.host, spec.name)
    except NotSupported as missing:
        return (missing,)
    return ()


def _ours(session: Session, spec: DeploySpec) -> list[tags.Tagged]:
    """This run's machines of that name."""
    return [(vm, tag) for vm, tag in inventory.tagged(session, spec.run_id) if vm.name == spec.name]


def _remove_halves(session: Session, spec: DeploySpec) -> None:
    for vm, tag in _ours(session, spec):
        machine = None if tag.complete else inventory.machine_or_none(session, vm)
        if machine is not None:
            removing.remove(session, machine, vm.name)


def _check_properties(session: Session, spec: DeploySpec) -> None:
    """What a bare ESXi is not given is not demanded there."""
    if session.is_vcenter:
        vapp.check(spec.image, vapp.values(spec))
    elif spec.properties:
        raise NotSupported(
            f"{session.target.server} is a bare ESXi, which passes no vApp properties to a guest",
            hint="leave them out, or deploy through vCenter",
        )


def _ask(session: Session, spec: DeploySpec, *, lately: bool = False) -> _Answers:
    """Nothing is changed here; all that can be refused is refused here, but for properties."""
    unchanged.refuse_absent(spec.image)
    likeness.asked(session, spec)
    old = inventory.machine(session, spec.like)
    where = placement.facts_of(session, old, spec.like.name)
    folder = placement.folder_of(session, where, spec.folder)
    neighbours.check_name(session, folder, spec.name)
    there = networks.networks(session)
    wanted = {nic.network: networks.one_of(there, nic.network) for nic in spec.nics}
    neighbours.check_macs(session, spec, lately=lately)
    store = stores.usable(session, spec.store, streaming.data_size(spec.image))
    place = placement.place(session, where, folder, store, wanted)
    backings = [networks.backing_of(session, nic.network, wanted[nic.network]) for nic in spec.nics]
    shape = properties.of_one(session, old, reading.SHAPE, f"virtual machine {spec.like.name}")
    like = building.like_of(shape)
    if spec.image.ovf is None:
        return _Answers(place, building.bare(spec, like, backings))
    first = next(iter(wanted.values()))
    config = describing.described(session, spec, spec.image.ovf, place, store.thing, first)
    describing.adapt(config, spec, like, backings)
    return _Answers(place, config)


def _made(session: Session, spec: DeploySpec, answers: _Answers, stream: Stream) -> VmRef:
    machine = _filled(session, spec, answers, stream)
    empty_disks.add(session, machine, spec)
    vm = comparing.read_back(session, machine, spec, answers.config)
    likeness.carry(session, machine, spec)
    whole = vim.vm.ConfigSpec(extraConfig=tags.options(Tag(spec.run_id, complete=True, vm=vm.id)))
    tasks.run(session, f"tag of {spec.name}", partial(machine.ReconfigVM_Task, whole))
    return vm


def _filled(session: Session, spec: DeploySpec, answers: _Answers, stream: Stream) -> vim.VirtualMachine:
    place, extent = answers.placement, stream.extent
    what = f"import of {spec.name}"
    wanted = vim.vm.VmImportSpec(configSpec=answers.config)
    begun = session.write(what, lambda: place.pool.ImportVApp(wanted, place.folder, place.host))
    with lease.held(session, begun, spec.name) as held:

        def sent(done: int) -> None:
            held.check()
            held.percent = 100 * done // extent.size
            stream.progress(Progress(done, extent.size))

        slot = lease.only_disk(held, spec.name)
        sending.send(slot.url, extent, _context(session, slot), sent, stall=session.access.stall)
    return held.machine


def _context(session: Session, slot: lease.Slot) -> ssl.SSLContext:
    return trusting.context_behind(session.target, slot.url, slot.thumbprint, session.access.trust, session.context)
