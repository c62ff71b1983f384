"""Our mark on what we make: the run's tag in a domain's metadata, and volume names that derive from it."""

from xml.etree import ElementTree as ET

from hypervisors.tag import Tag

NAMESPACE = "urn:vmmigrate:run"
PREFIX = "vmmigrate"

ET.register_namespace(PREFIX, NAMESPACE)


def tag_element(tag: Tag) -> ET.Element:
    complete = "yes" if tag.complete else "no"
    return ET.Element(f"{{{NAMESPACE}}}run", id=tag.run_id, complete=complete, vm=tag.vm)


def bare_tag(tag: Tag) -> str:
    """The tag for virDomainSetMetadata, which adds the namespace itself."""
    return ET.tostring(ET.Element("run", tag_element(tag).attrib), encoding="unicode")


def tag_of(domain: ET.Element) -> Tag | None:
    """The tag in a domain's definition; None if it has none."""
    element = domain.find(f"metadata/{{{NAMESPACE}}}run")
    if element is None:
        return None
    return Tag(element.get("id", ""), element.get("complete") == "yes", element.get("vm", ""))


def volume_name(run_id: str, vm_name: str) -> str:
    return f"{vm_name}{_suffix(run_id)}"


def empty_volume_name(run_id: str, vm_name: str, number: int) -> str:
    return volume_name(run_id, f"{vm_name}-empty{number}")


def is_volume_of(run_id: str, volume: str) -> bool:
    return volume.endswith(_suffix(run_id))


def _suffix(run_id: str) -> str:
    return f"-{run_id}.qcow2"
