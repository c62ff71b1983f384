"""Deploy an image as a new machine: ask everything, define it with its tag, convert and upload its disk, attach it."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypervisors import qemu_img, refusals, unchanged
from hypervisors.carried import Carried
from hypervisors.description import Image
from hypervisors.errors import HypervisorError, Problem
from hypervisors.hyperv import asking, carrying, machines, notes, reading, removing, sending
from hypervisors.hyperv.asking import Shape
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.session import Session
from hypervisors.roomy import folders, roomy_folder
from hypervisors.types import DeploySpec, NicSpec, Progress, ProgressListener, VmRef

# Microsoft's advice for Linux guests; qemu-img's own default would be far larger
_BY_HAND = "qemu-img convert -O vhdx -o subformat=dynamic"
_NEARLY = 16  # a volume with less room than that part of what was sent is taken for full
_INTO = ("-O", "vhdx", "-o", "subformat=dynamic,block_size=1M")


def deploy(session: Session, spec: DeploySpec, progress: ProgressListener) -> VmRef:
    """A complete machine of this run is returned unchanged; any other of its name is recreated."""
    done = _look_for_earlier(session, spec)
    if done is not None:
        return done
    shape = asking.shape_of(session, spec)
    asking.refuse_full(shape, spec.image.virtual_size)
    with _converted(spec.image, progress) as disk:
        vm = _create(session, shape)
        _fill(session, shape, vm, disk, progress)
    _add_empty_disks(session, shape, vm)
    _stay_alone(session, vm, spec.run_id)  # by now, what ran on has made its own
    _mark_complete(session, vm)
    return vm


def rehearse(session: Session, spec: DeploySpec) -> tuple[Problem, ...]:
    """All that can be asked without making anything; whether the account may is only seen in the act."""
    if machines.named(session, spec.name):
        raise refusals.name_taken(spec.name)
    shape = asking.shape_of(session, spec)
    asking.refuse_full(shape, spec.image.virtual_size)
    return tuple(asking.problems(shape))


def carried(session: Session, spec: DeploySpec) -> tuple[Carried, ...]:
    return carrying.carried(machines.details(session, spec.like), spec)


def _look_for_earlier(session: Session, spec: DeploySpec) -> VmRef | None:
    """The machine, if an earlier call finished it; what an interrupted one left is removed."""
    for facts in machines.named(session, spec.name):
        vm = reading.ref_of(facts)
        if not reading.is_of(facts, spec.run_id):
            raise refusals.name_taken(spec.name)
        if reading.is_complete(facts):
            return vm
        removing.destroy(session, vm, spec.run_id)
    return None


def _create(session: Session, shape: Shape) -> VmRef:
    spec = shape.spec
    with door(f"definition of {spec.name}"):
        made = session.ask("create", **_asked(shape))
    vm = reading.ref_of(made)
    _stay_alone(session, vm, spec.run_id)
    return vm


def _stay_alone(session: Session, vm: VmRef, run_id: str) -> None:
    """Hyper-V takes a name twice. A script whose connection broke may run on, and make one beside the next call's."""
    for facts in machines.named(session, vm.name):
        other = reading.ref_of(facts)
        if other.id == vm.id:
            continue
        if not reading.is_of(facts, run_id):
            removing.destroy(session, vm, run_id)
            raise refusals.name_taken(vm.name)
        removing.destroy(session, other, run_id)


def _asked(shape: Shape) -> dict[str, Any]:
    spec, old = shape.spec, shape.old
    firmware = reading.of(old, "firmware", dict)
    kept = ("dynamic_memory", "memory_minimum", "memory_maximum", "stop_action", "checkpoint_type")
    processor = ("compatible_processor", "nested", "reserve", "maximum", "weight")
    return {
        **{name: old[name] for name in (*kept, *processor)},
        **_memory(shape),
        "folder": shape.above,
        "name": spec.name,
        "generation": shape.generation,
        "notes": notes.line_of(spec.run_id, "<id>", complete=False),
        "processors": spec.vcpus or reading.of(old, "processors", int),
        "secure_boot": reading.of(firmware, "secure_boot", str) if shape.generation == 2 else "",
        "template": carrying.template_of(firmware),
        "nics": [_nic(shape, nic) for nic in spec.nics],
    }


def _memory(shape: Shape) -> dict[str, int]:
    """The bounds of dynamic memory enclose what it starts with."""
    least, most = (reading.of(shape.old, f"memory_{end}", int) for end in ("minimum", "maximum"))
    start = shape.memory
    return {"memory": start, "memory_minimum": min(least, start), "memory_maximum": max(most, start)}


def _nic(shape: Shape, nic: NicSpec) -> dict[str, Any]:
    like = _like(shape.old, nic.mac)
    return {
        "mac": reading.bare(nic.mac or _own_mac()),
        "connected": nic.link_up,
        "switch_id": nic.network.id,
        "vlan": nic.network.vlan,
        "spoofing": reading.of(like, "spoofing", str) if like else "",
    }


def _own_mac() -> str:
    """Locally administered: what Hyper-V gives itself is zeros until the first start, and then not promised to stay."""
    return f"02{secrets.token_hex(5)}"


def _like(old: Facts, mac: str | None) -> Facts | None:
    return reading.nic_facts(reading.of(old, "machine", dict), mac) if mac else None


@contextmanager
def _converted(image: Image, progress: ProgressListener) -> Iterator[Path]:
    """A VHDX of it. Counted as the first of two times the disk's bytes: converted, then sent."""
    size = image.disk.size
    folder = roomy_folder(qemu_img.measured(image, "qcow2"), folders(), by_hand=_BY_HAND)
    with tempfile.TemporaryDirectory(prefix="vmmigrate.", dir=folder) as private:  # 0700
        target = Path(private, "disk.vhdx")
        qemu_img.convert(image, target, _INTO, lambda now: progress(Progress(now.done, 2 * size)))
        unchanged.refuse_changed(image)
        yield target


def _fill(session: Session, shape: Shape, vm: VmRef, disk: Path, progress: ProgressListener) -> None:
    size = shape.spec.image.disk.size
    path = f"{shape.folder}\\{shape.spec.name}.vhdx"

    def sent(now: Progress) -> None:
        progress(Progress(size + (size * now.done // now.total if now.total else size), 2 * size))

    try:
        sending.send(session, disk, f"{path}.part", sent)
    except HypervisorError:  # SFTP has one word for all that can go wrong
        asking.refuse_full(asking.with_room_now(session, shape), disk.stat().st_size // _NEARLY)
        raise
    _attach(session, shape, vm, path)


def _attach(session: Session, shape: Shape, vm: VmRef, path: str) -> None:
    asked: dict[str, Any] = {"vm": vm.id, "uploaded": f"{path}.part", "path": path}

    def attach() -> Facts:
        return session.ask("attach", **asked, controller=shape.controller, location=0)

    machines.there(sending.let_go(f"disk of {vm.name}", attach), vm)


def _add_empty_disks(session: Session, shape: Shape, vm: VmRef) -> None:
    """At the SCSI controller, which both generations have; one of IDE takes two in all."""
    for number, disk in enumerate(shape.spec.image.empty_disks, start=1):
        path = f"{shape.folder}\\{shape.spec.name}-empty{number}.vhdx"
        with door(f"empty disk {number} of {vm.name}"):
            asked: dict[str, Any] = {"vm": vm.id, "path": path, "size": disk.capacity}
            machines.there(session.ask("empty-disk", **asked, controller="SCSI", location=number), vm)


def _mark_complete(session: Session, vm: VmRef) -> None:
    before = reading.of(machines.one(session, vm), "notes", str)
    with door(f"notes of {vm.name}"):
        asked: dict[str, Any] = {"notes": notes.completed(before), "over": notes.folded(before)}
        found = machines.there(session.ask("set-notes", vm=vm.id, **asked), vm)
    if reading.of(found, "changed", bool):
        raise refusals.changed(vm.name)
