"""Look machines up: a complete listing is the only proof that one is gone."""

from hypervisors import refusals
from hypervisors.errors import Ambiguous
from hypervisors.hyperv import notes, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.session import Session
from hypervisors.types import VmRef

_SEE = "see: Get-VM"


def all_of(session: Session) -> tuple[Facts, ...]:
    with door("the list of virtual machines"):
        return reading.each(session.ask("machines", vm=""), "machines")


def find(session: Session, name_or_id: str) -> VmRef:
    """By id, else by name in any case. Raises NotFound, Ambiguous."""
    there = tuple(map(reading.ref_of, all_of(session)))
    wanted = name_or_id.lower()
    found = [vm for vm in there if vm.id == wanted] or [vm for vm in there if vm.name.lower() == wanted]
    if len(found) > 1:
        raise Ambiguous(
            f"{len(found)} virtual machines are called {name_or_id!r}",
            hint="name it by its id: Get-VM | Select Name, Id",
        )
    if not found:
        raise refusals.missing("virtual machine", name_or_id, (vm.name for vm in there))
    return found[0]


def one(session: Session, vm: VmRef) -> Facts:
    """Raises NotFound."""
    found = one_or_none(session, vm)
    if found is None:
        raise gone(vm)
    return found


def one_or_none(session: Session, vm: VmRef) -> Facts | None:
    with door(f"virtual machine {vm.name}"):
        return next(iter(reading.each(session.ask("machines", vm=vm.id), "machines")), None)


def details(session: Session, vm: VmRef) -> Facts:
    """Raises NotFound."""
    with door(f"virtual machine {vm.name}"):
        found = session.ask("machine", vm=vm.id)
    return there(found, vm)


def there(answered: Facts, vm: VmRef) -> Facts:
    """An answer about that machine. Raises NotFound where there is none."""
    if not reading.of(answered, "found", bool):
        raise gone(vm)
    return answered


def gone(vm: VmRef) -> Exception:
    return refusals.gone(vm, hint=_SEE)


def named(session: Session, name: str) -> tuple[Facts, ...]:
    """All of that name, in any case: Hyper-V takes a name twice."""
    return tuple(facts for facts in all_of(session) if reading.of(facts, "name", str).lower() == name.lower())


def require_ours(facts: Facts, run_id: str) -> str:
    """What a script looks for in its notes. Raises NotOurs."""
    vm = reading.ref_of(facts)
    if not reading.is_of(facts, run_id):
        raise refusals.not_ours(vm, reading.tag_of(facts), run_id, removal=f"Remove-VM; its id is {vm.id}")
    return notes.prefix_of(run_id, vm.id)


def tagged(session: Session, run_id: str) -> tuple[VmRef, ...]:
    return tuple(reading.ref_of(facts) for facts in all_of(session) if reading.is_of(facts, run_id))
