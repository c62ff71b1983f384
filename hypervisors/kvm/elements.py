"""Edit an element of libvirt's XML, and write it. Pure functions."""

from xml.etree import ElementTree as ET


def remove(parent: ET.Element, *tags: str) -> None:
    for element in [child for child in parent if child.tag in tags]:
        parent.remove(element)


def xml(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")
