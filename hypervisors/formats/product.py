"""The product sections of an OVF: what the appliance is, and the vApp properties that it needs. Pure."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from hypervisors.description import OvfProperty
from hypervisors.formats.elements import attribute, attributes, children, text


def read_product(system: Element) -> tuple[str, str, str]:
    """Product, version and vendor, from the first section that names a product."""
    for section in children(system, "ProductSection"):
        if text(section, "Product"):
            version = text(section, "FullVersion") or text(section, "Version")
            return text(section, "Product"), version, text(section, "Vendor")
    return "", "", ""


def read_properties(system: Element, configuration: str) -> tuple[OvfProperty, ...]:
    """In order, those of the deployment option `configuration` with its defaults."""
    return tuple(
        _property(section, each, configuration)
        for section in children(system, "ProductSection")
        for each in children(section, "Property")
        if _counts(section, configuration) and _counts(each, configuration)
    )


def _counts(element: Element, configuration: str) -> bool:
    options = attribute(element, "configuration").split()
    return not options or configuration in options


def _property(section: Element, element: Element, configuration: str) -> OvfProperty:
    parts = (attribute(section, "class"), attribute(element, "key"), attribute(section, "instance"))
    kind = attribute(element, "type") or "string"
    return OvfProperty(
        key=".".join(part for part in parts if part),
        type=kind,
        qualifiers=" ".join(attributes(element, "qualifiers")),  # the standard's and VMware's
        user_configurable=_is_true(element, "userConfigurable"),
        password=_is_true(element, "password") or kind.lower().startswith("password"),  # VMware's own type
        default=next(_defaults(element, configuration), ""),
        label=text(element, "Label"),
    )


def _is_true(element: Element, name: str) -> bool:
    return attribute(element, name).lower() in ("true", "1")


def _defaults(element: Element, configuration: str) -> Iterator[str]:
    """The one for this deployment option, the attribute, the one for all options."""
    values = [
        (attribute(each, "configuration").split(), attribute(each, "value")) for each in children(element, "Value")
    ]
    yield from (value for options, value in values if configuration in options)
    yield from attributes(element, "value")
    yield from (value for options, value in values if not options)
