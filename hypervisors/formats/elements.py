"""XML by local names: the versions of a format differ in their namespaces, and little else."""

from xml.etree.ElementTree import Element


def local(name: str) -> str:
    """The name without its namespace."""
    return name.rpartition("}")[2]


def children(element: Element, name: str) -> list[Element]:
    return [child for child in element if local(child.tag) == name]


def child(element: Element, name: str) -> Element | None:
    return next(iter(children(element, name)), None)


def descendants(element: Element, *names: str) -> list[Element]:
    return [each for each in element.iter() if local(each.tag) in names]


def text(element: Element | None, name: str) -> str:
    """The text of the first child with that name, '' if there is none."""
    found = None if element is None else child(element, name)
    return "" if found is None else (found.text or "").strip()


def attribute(element: Element, name: str) -> str:
    """The attribute's value, '' if there is none."""
    return next(iter(attributes(element, name)), "")


def attributes(element: Element, name: str) -> list[str]:
    """The attribute's values in all namespaces."""
    return [value.strip() for key, value in element.attrib.items() if local(key) == name]
