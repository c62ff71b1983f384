"""The notes of a machine: the administrator's text, and below it our tag, which the port's notes do not show."""

import re

from hypervisors.tag import Tag

# New-VM takes no notes, so the id in the tag is the machine's own: a copy has that of what it was made from.
_LINE = re.compile(r"^\[vmmigrate run=([A-Za-z0-9._-]+) vm=([0-9A-Fa-f-]*|<id>) (complete|incomplete)\]$", re.MULTILINE)
ABOVE = "vmmigrate-"
"""A run's folder begins with this: it is the first sign of whose a machine is, before there are notes."""


def text_of(notes: str) -> str:
    """Without our tag."""
    return _LINE.sub("", folded(notes)).strip("\n")


def tag_of(notes: str, path: str, *, unnamed: bool) -> Tag | None:
    """By the notes; by the folder, without an id, for one that was left in the act (`unnamed`: neither notes nor disk).

    Who empties or replaces the notes of a machine has made it another's.
    """
    found = _LINE.search(folded(notes))
    if found:
        return Tag(found.group(1), complete=found.group(3) == "complete", vm=found.group(2).lower())
    run_id = run_of_path(path) if unnamed else ""
    return Tag(run_id, complete=False) if run_id else None


def run_of_path(path: str) -> str:
    """The run whose folder holds the machine's own, '' where none does."""
    parts = re.split(r"[\\/]", path.rstrip("\\/"))
    above = parts[-2] if len(parts) > 1 else ""
    return above.removeprefix(ABOVE) if above.startswith(ABOVE) else ""


def line_of(run_id: str, vm_id: str, *, complete: bool) -> str:
    """The tag as it stands in the notes."""
    return f"[vmmigrate run={run_id} vm={vm_id} {'complete' if complete else 'incomplete'}]"


def prefix_of(run_id: str, vm_id: str) -> str:
    """What the tag of that machine has whether it is complete or not."""
    return f"[vmmigrate run={run_id} vm={vm_id} "


def with_text(notes: str, text: str) -> str:
    """`notes` with another text of the administrator's."""
    found = _LINE.search(folded(notes))
    return "\n".join(part for part in (text, found.group(0) if found else "") if part)


def completed(notes: str) -> str:
    return folded(notes).replace(" incomplete]", " complete]")


def folded(notes: str) -> str:
    """With the line breaks that we write."""
    return notes.replace("\r\n", "\n").replace("\r", "\n")
