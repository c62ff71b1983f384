"""Find a value in a JSON document by its pointer (RFC 6901), and put an id into a path."""

from urllib.parse import quote

from vmmigrate.appliance.rest.profile import ID
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import REST_ID
from vmmigrate.reading import whole

_LONGEST = REST_ID.most


def find(document: object, pointer: str) -> object:
    """The value there; None if there is none."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and (at := whole(key)) is not None and at < len(document):
            document = document[at]
        else:
            return None
    return document


def as_text(value: object) -> str | None:
    """A string, number or boolean as JSON writes it, without quotes; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def fill(place: str, id_: str | None) -> str:
    """Put a server's `id_` into a path as one segment. Raises ApplianceError if it cannot be one."""
    if ID not in place:
        return place
    if not id_ or len(id_) > _LONGEST or id_ in (".", ".."):
        raise ApplianceError(
            f"the back end's id {(id_ or '')[:40]!r} cannot be used in the path {place}",
            hint="does the profile's pointer to the id point to the right value?",
        )
    return place.replace(ID, quote(id_, safe=""))
