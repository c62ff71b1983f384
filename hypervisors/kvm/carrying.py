"""Say what becomes of each thing of an old definition: the differences found, with what is known of each. Pure."""

from collections.abc import Iterable, Iterator, KeysView
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypervisors.carried import Carried, Fate
from hypervisors.kvm import comparing
from hypervisors.kvm.comparing import Found
from hypervisors.kvm.firmware import is_secure
from hypervisors.kvm.known import KNOWN, NEW_STORE, NO_KEYS, UNKNOWN, Known
from hypervisors.kvm.reading import firmware_of, keeps_variables

_SAY_SECURE = ("os/loader", "os/firmware")  # where the lines that are there already say that Secure Boot is off
_SHOWN = ("bus", "dev", "device", "type", "model", "mode", "state", "autoport", "format", "enabled", "current")


def carried(old: ET.Element, new: ET.Element) -> tuple[Carried, ...]:
    """One line for each place of the old definition, in its order."""
    reasons = _Reasons(old, new)
    merged: dict[str, Carried] = {}
    for found in comparing.compare(old, new):
        line = reasons.of(found)
        before = merged.get(line.what, line)
        fate = line.fate if before.fate is line.fate else Fate.CHANGED  # some of it is there, some is not
        merged[line.what] = Carried(line.what, fate, line.why or before.why)
    return (*merged.values(), *_unwritten(old, new, merged.keys()))


def _unwritten(old: ET.Element, new: ET.Element, lines: KeysView[str]) -> Iterator[Carried]:
    """Of a password that it is kept; of what libvirt chose for UEFI, which some versions do not show."""
    for number, graphics in enumerate(found := old.findall("devices/graphics"), start=1):
        if graphics.get("passwd"):
            place = f"devices/graphics{f'[{number}]' if len(found) > 1 else ''}/@passwd"
            yield Carried(place, Fate.KEPT, "the same password opens the new VM's screen")
    if keeps_variables(old) and lines.isdisjoint({"os/nvram", "os/varstore"}):
        yield Carried("os/nvram", Fate.CHANGED, NEW_STORE)
    if is_secure(old) and firmware_of(new) == "efi" and not any(what.startswith(_SAY_SECURE) for what in lines):
        yield Carried("os/firmware", Fate.CHANGED, NO_KEYS)


@dataclass(frozen=True)
class _At:
    """What is known, and the element of the old definition that it is known of."""

    known: Known
    element: ET.Element


class _Reasons:
    def __init__(self, old: ET.Element, new: ET.Element) -> None:
        self._both = old, new
        self._places = comparing.places(old)
        self._known = {id(known): _below(known, old) for known in KNOWN}

    def of(self, found: Found) -> Carried:
        at = next(self._applying(found), None)
        if at is None:
            return Carried(self._place(found.old, found.attribute), found.fate, _plainly(found))
        known = at.known
        why = known.why if isinstance(known.why, str) else known.why(*self._both)
        return Carried(self._what(at, found), known.fate or found.fate, why)

    def _what(self, at: _At, found: Found) -> str:
        match at.known.line:
            case "of all":
                return at.known.at
            case "of each":
                return self._place(at.element, "")
        return self._place(found.old, found.attribute)

    def _applying(self, found: Found) -> Iterator[_At]:
        for known in KNOWN:
            element = self._known[id(known)].get(found.old)
            if element is not None and found.fate in known.of and _is_meant(known, element, found):
                yield _At(known, element)

    def _place(self, element: ET.Element, name: str) -> str:
        return (self._places[element] + (f"/@{name}" if name else "")).lstrip("/")


def _is_meant(known: Known, element: ET.Element, found: Found) -> bool:
    if known.line == "whole":
        return found.old is element and not found.attribute and found.new is None
    return known.attribute in ("", found.attribute)


def _below(known: Known, old: ET.Element) -> dict[ET.Element, ET.Element]:
    """Of each element that it is known of, and of each inside such a one, that one."""
    tops: Iterable[ET.Element] = old.findall(known.at)
    return {element: top for top in tops for element in top.iter()}


def _plainly(found: Found) -> str:
    """Where nothing is known. Values are not shown: a password may be among them."""
    if found.fate is Fate.KEPT:
        return ""
    if found.fate is Fate.DROPPED or found.new is None:
        return UNKNOWN
    if found.attribute in _SHOWN:
        return f"{found.old.get(found.attribute)} → {found.new.get(found.attribute)}"
    return "the new VM has another"
