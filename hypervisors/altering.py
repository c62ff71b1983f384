"""What a call of the port alters in a virtual machine: how it was before, and how it is meant to be after."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypervisors.errors import NotFound, Problem
from hypervisors.port import Hypervisor
from hypervisors.types import DeploySpec, Network, Nic, VmRef

NOT_KNOWN, THERE, GONE = "not known", "there", "gone"
_SHOWN = 300  # characters


@dataclass(frozen=True)
class Altered:
    """`what` of `vm` was `before` and is `after`; NOT_KNOWN where nobody could look, or the call did not end well."""

    vm: VmRef
    what: str
    before: str
    after: str


Hears = Callable[[Altered], None]


def unheard(altered: Altered) -> None:
    """Nobody listens."""


class Call:
    """One call of a setter: looked at before it is made, reported after it."""

    def __init__(self, adapter: Hypervisor, name: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        look = _LOOKS.get(name)
        self._meant = tuple(look(adapter, *arguments, **named)) if look else ()
        self._makes = name == "deploy"

    def altered(self, result: Any) -> Iterator[Altered]:
        """What is otherwise than before, after it ended."""
        for each in self._meant:
            if each.before != each.after:
                yield replace(each, vm=result) if self._makes else each

    def broken_off(self) -> Iterator[Altered]:
        """The same, where it did not end well: whether it had its effect is not known."""
        for each in self._meant:
            if each.before != each.after:
                yield replace(each, after=NOT_KNOWN)


def _seen(look: Callable[[], str]) -> str:
    """A look beside the call: that it fails is for the call to say."""
    try:
        return look()
    except Problem:
        return NOT_KNOWN


def _nic(adapter: Hypervisor, vm: VmRef, mac: str) -> Nic | None:
    try:
        return next((nic for nic in adapter.inventory(vm).nics if nic.mac == mac), None)
    except Problem:
        return None


def _power(after: str) -> Callable[..., Iterator[Altered]]:
    def look(adapter: Hypervisor, vm: VmRef, *_: object, **__: object) -> Iterator[Altered]:
        yield Altered(vm, "power", _seen(lambda: adapter.power_state(vm).value), after)

    return look


def _set_nic(
    adapter: Hypervisor, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None
) -> Iterator[Altered]:
    nic = _nic(adapter, vm, mac)
    if link_up is not None:
        yield Altered(vm, f"link of {mac}", _links(nic), _link(link_up))
    if network is not None:
        yield Altered(vm, f"network of {mac}", nic.network.name if nic else NOT_KNOWN, network.name)


def _links(nic: Nic | None) -> str:
    """Of a running machine and of its stored definition, which may differ after a crash."""
    if nic is None:
        return NOT_KNOWN
    stored = _link(nic.stored_link_up)
    return stored if nic.link_up == nic.stored_link_up else f"{_link(nic.link_up)}, stored as {stored}"


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"


def _link(is_up: bool) -> str:
    return "up" if is_up else "down"


def _remove_nic(adapter: Hypervisor, vm: VmRef, mac: str, run_id: str) -> Iterator[Altered]:
    before = _seen(lambda: THERE if any(nic.mac == mac for nic in adapter.inventory(vm).nics) else GONE)
    yield Altered(vm, f"NIC {mac}", before, GONE)


def _set_notes(adapter: Hypervisor, vm: VmRef, notes: str, **_: object) -> Iterator[Altered]:
    before = _seen(lambda: adapter.inventory(vm).notes)
    yield Altered(vm, "notes", *((before, "written") if before == NOT_KNOWN else _other_lines(before, notes)))


def _other_lines(before: str, after: str) -> tuple[str, str]:
    """What only the one has and what only the other: the rest is the owner's, who may keep secrets there."""
    lines = before.splitlines(), after.splitlines()
    gone, new = ([line for line in mine if line not in other] for mine, other in (lines, lines[::-1]))
    return _shortened(gone), _shortened(new)


def _shortened(lines: list[str]) -> str:
    """The journal's room for a way back is reserved before the switch: no text of any length goes in."""
    text = " · ".join(lines)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def _set_autostart(adapter: Hypervisor, vm: VmRef, autostart: bool, entry: str = "") -> Iterator[Altered]:
    before = _seen(lambda: _on(adapter.inventory(vm).autostart))
    yield Altered(vm, "autostart", before, _on(autostart))


def _deploy(adapter: Hypervisor, spec: DeploySpec, *_: object) -> Iterator[Altered]:
    earlier = _seen(lambda: ", ".join(vm.name for vm in adapter.find_tagged(spec.run_id)))
    made = f"made from {spec.image.path.name}"
    yield Altered(
        VmRef("", spec.name), "virtual machine", f"an earlier attempt, {earlier}" if earlier else "none", made
    )


def _destroy(adapter: Hypervisor, vm: VmRef, run_id: str) -> Iterator[Altered]:
    try:
        before = f"there, {adapter.power_state(vm).value}"
    except NotFound:
        before = GONE
    except Problem:
        before = NOT_KNOWN
    yield Altered(vm, "virtual machine", before, GONE)


def _rename(adapter: Hypervisor, vm: VmRef, name: str) -> Iterator[Altered]:
    yield Altered(vm, "name", _seen(lambda: adapter.inventory(vm).vm.name), name)


def _snapshot(after: str) -> Callable[..., Iterator[Altered]]:
    def look(adapter: Any, vm: VmRef, name: str, *_: object) -> Iterator[Altered]:
        before = _seen(lambda: THERE if name in {each.name for each in adapter.snapshots(vm)} else GONE)
        yield Altered(vm, f"snapshot {name}", before, after)

    return look


def _revert(adapter: Any, vm: VmRef, name: str) -> Iterator[Altered]:
    """Whatever it was: nothing of it is kept."""
    yield Altered(vm, "disks, memory and settings", "as they were just before", f"as in the snapshot {name}")


_LOOKS: dict[str, Callable[..., Iterator[Altered]]] = {
    "start": _power("running"),
    "shut_down": _power("off"),
    "power_off": _power("off"),
    "set_nic": _set_nic,
    "remove_nic": _remove_nic,
    "set_notes": _set_notes,
    "set_autostart": _set_autostart,
    "deploy": _deploy,
    "destroy": _destroy,
    "rename": _rename,
    "create_snapshot": _snapshot(THERE),
    "remove_snapshot": _snapshot(GONE),
    "revert_snapshot": _revert,
}
SETTERS = frozenset(_LOOKS)  # all others of the port alter nothing
