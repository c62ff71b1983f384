"""Give a machine another name. Hyper-V takes a name twice, so it is looked for before and after."""

from hypervisors import refusals
from hypervisors.hyperv import machines, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.session import Session
from hypervisors.types import VmRef


def rename(session: Session, vm: VmRef, name: str) -> VmRef:
    """Its folder keeps the name that it was made with. Raises NameTaken."""
    present = reading.ref_of(machines.one(session, vm))
    if present.name != name:
        rehearse(session, vm, name)
        _rename(session, present, name)
        if _others(session, vm, name):
            _rename(session, present, present.name)
            raise refusals.name_taken(name)
    return VmRef(vm.id, name)


def rehearse(session: Session, vm: VmRef, name: str) -> None:
    if _others(session, vm, name):
        raise refusals.name_taken(name)


def _others(session: Session, vm: VmRef, name: str) -> bool:
    return any(reading.ref_of(facts).id != vm.id for facts in machines.named(session, name))


def _rename(session: Session, vm: VmRef, name: str) -> None:
    with door(f"name of {vm.name}"):
        machines.there(session.ask("rename", vm=vm.id, name=name), vm)
