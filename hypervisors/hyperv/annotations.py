"""Write a machine's notes over a known text, and keep our tag in them."""

from hypervisors import refusals
from hypervisors.hyperv import machines, notes, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.session import Session
from hypervisors.types import VmRef


def write(session: Session, vm: VmRef, text: str, over: str | None) -> None:
    """The script compares before it writes: between its look and its write are milliseconds. Raises Changed."""
    facts = machines.one(session, vm)
    before = reading.of(facts, "notes", str)
    if over is not None and notes.text_of(before) not in (over.strip("\n"), text.strip("\n")):
        raise refusals.changed(vm.name)
    wanted = notes.with_text(before, text)
    with door(f"notes of {vm.name}"):
        found = session.ask("set-notes", vm=vm.id, notes=wanted, over=notes.folded(before))
    if reading.of(machines.there(found, vm), "changed", bool):
        raise refusals.changed(vm.name)
