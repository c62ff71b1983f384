"""An OVF's text without its empty disks, cut out where they stand: an adapter makes those by itself."""

import re
from collections.abc import Collection
from xml.etree.ElementTree import Element
from xml.parsers.expat import ParserCreate

from defusedxml.ElementTree import fromstring

from hypervisors.formats.elements import attribute, child, local
from hypervisors.formats.virtual_hardware import ITEMS, disk_reference, own_size


def without_empty_disks(text: str) -> str:
    """`text`: of a descriptor that was read already, declared as UTF-8."""
    root = fromstring(text, forbid_dtd=True)
    section = child(root, "DiskSection")
    disks = [] if section is None else [each for each in section if local(each.tag) == "Disk"]
    empty = {attribute(disk, "diskId") for disk in disks if not attribute(disk, "fileRef")}
    return _without(text, {place for place, each in enumerate(root.iter()) if _is_of(each, empty)})


def _is_of(element: Element, empty: Collection[str]) -> bool:
    """An entry of the disk section, or an item of the hardware."""
    if local(element.tag) == "Disk":
        return attribute(element, "diskId") in empty
    if local(element.tag) not in ITEMS:
        return False
    kind, reference = disk_reference(element)
    return own_size(element) > 0 or (kind == "disk" and reference in empty)


def _without(text: str, places: Collection[int]) -> str:
    """Without the elements that begin there, counted in the order of their beginnings. None is inside another."""
    data = text.encode()
    kept, seen, at = bytearray(), 0, 0
    inside: list[bool] = []
    parser = ParserCreate("utf-8")

    def begin(name: str, attributes: object) -> None:
        nonlocal seen
        inside.append(seen in places)
        if inside[-1]:
            kept.extend(data[at : parser.CurrentByteIndex])
        seen += 1

    def end(name: str) -> None:
        nonlocal at
        if inside.pop():
            at = parser.CurrentByteIndex  # of its end tag, or behind an element that is only one tag
            tag = re.compile(rb"</%s\s*>" % re.escape(name.encode())).match(data, at)
            at = tag.end() if tag else at

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.Parse(data, True)
    return (bytes(kept) + data[at:]).decode()
