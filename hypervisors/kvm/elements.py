"""Read libvirt's XML, edit an element of it, and write it. Pure functions."""

from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hypervisors.errors import HypervisorError


def remove(parent: ET.Element, *tags: str) -> None:
    for element in [child for child in parent if child.tag in tags]:
        parent.remove(element)


def xml(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")


def parsed(text: str) -> ET.Element:
    """A definition as libvirt gives it. Raises HypervisorError for what is none."""
    try:
        found: ET.Element = fromstring(text, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError) as error:
        raise HypervisorError(
            f"what libvirt answers cannot be read: {error}", hint="is it libvirt that answers at this URL?"
        ) from error
    return found
