"""Compare an old definition with the new one, element by element: nothing of the old one is left out. Pure."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from hypervisors.carried import Fate
from hypervisors.kvm.reading import attribute, boot_disk_of, mac_of

_OPEN = ("domain", "devices", "metadata")  # whose children are things of their own
_OF_ITS_TYPE = ("controller", "sysinfo", "input", "graphics", "hostdev", "filesystem")


@dataclass(frozen=True)
class Found:
    """One thing of the old definition. `attribute`: where it is one of `old`; `new`: the element that it became."""

    fate: Fate
    old: ET.Element
    new: ET.Element | None = None
    attribute: str = ""


def compare(old: ET.Element, new: ET.Element) -> list[Found]:
    """In the old one's order. An element that is kept stands for all in it, but for what follows of it."""
    boots = [disk for disk in map(boot_disk_of, (old, new)) if disk is not None]
    return list(_Comparison(boots).of(old, new))


def places(domain: ET.Element) -> dict[ET.Element, str]:
    """Each element's XPath from the domain, numbered where several have its name; the domain's own is ''."""
    found = {domain: ""}
    for parent in domain.iter():
        named = [(_named(child), child) for child in parent]
        for name, child in named:
            alike = [other for same, other in named if same == name]
            number = f"[{alike.index(child) + 1}]" if len(alike) > 1 else ""
            found[child] = f"{found[parent]}/{name}{number}".lstrip("/")
    return found


def _named(element: ET.Element) -> str:
    """A step of a path: xmllint and virsh know no prefix of QEMU's arguments, nor those of other programs."""
    space, _, name = element.tag.rpartition("}")
    return f"*[local-name()='{name}']" if space else name


@dataclass(frozen=True)
class _Comparison:
    """`boots`: the disks from which the two boot."""

    boots: list[ET.Element]
    _facts: dict[ET.Element, set[str]] = field(default_factory=dict)

    def of(self, old: ET.Element, new: ET.Element) -> Iterator[Found]:
        inside = [*_own(old, new), *self._children(old, new)]
        differing = [one for one in inside if one.fate is not Fate.KEPT]
        if old.tag in _OPEN:
            yield from inside
        else:
            if not any(one.old is old and not one.attribute for one in differing):  # its text is another
                yield Found(Fate.KEPT, old, new)
            yield from differing

    def _children(self, old: ET.Element, new: ET.Element) -> Iterator[Found]:
        pairs = self._pairs(old, new)
        for child in old:
            if child in pairs:
                yield from self.of(child, pairs[child])
            else:
                yield Found(Fate.DROPPED, child)

    def _pairs(self, old: ET.Element, new: ET.Element) -> dict[ET.Element, ET.Element]:
        """Those that are most alike come first, so that a copy finds what it was made of."""
        fitting = [(one, other) for one in old for other in new if self._may_be(one, other)]
        fitting.sort(key=lambda pair: -len(self._said(pair[0]) & self._said(pair[1])))
        pairs: dict[ET.Element, ET.Element] = {}
        for one, other in fitting:
            if one not in pairs and other not in pairs.values():
                pairs[one] = other
        return pairs

    def _may_be(self, one: ET.Element, other: ET.Element) -> bool:
        return one.tag == other.tag and self._key(one) == self._key(other)

    def _key(self, element: ET.Element) -> Hashable:
        """What two elements share that are the same thing."""
        match element.tag:
            case "disk":
                return "boot" if element in self.boots else element
            case "interface":
                return mac_of(element) or element
            case "channel":
                return attribute(element, "target", "name") or element.get("type")
            case "source" | "driver":
                return None
        return (element.get("name"), element.get("type") if element.tag in _OF_ITS_TYPE else None)

    def _said(self, element: ET.Element) -> set[str]:
        if element not in self._facts:
            self._facts[element] = set(_facts(element, ""))
        return self._facts[element]


def _own(old: ET.Element, new: ET.Element) -> Iterator[Found]:
    """What the element itself says: its text, with the unit of it, and its attributes."""
    same_text = (old.text or "").strip() == (new.text or "").strip()
    if not same_text:
        yield Found(Fate.CHANGED, old, new)
    for name, value in old.attrib.items():
        if new.get(name) == value:
            yield Found(Fate.KEPT, old, new, name)
        elif new.get(name) is None:
            yield Found(Fate.DROPPED, old, new, name)
        elif same_text:
            yield Found(Fate.CHANGED, old, new, name)


def _facts(element: ET.Element, above: str) -> Iterator[str]:
    here = f"{above}/{element.tag}"
    yield f"{here}={(element.text or '').strip()}"
    yield from (f"{here}@{name}={value}" for name, value in element.attrib.items())
    for child in element:
        yield from _facts(child, here)
