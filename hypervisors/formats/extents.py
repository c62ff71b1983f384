"""A VMDK in several files: the descriptor, a page of text, that names this file as one of its extents."""

import os
import re
from pathlib import Path
from shlex import quote

from hypervisors import limits
from hypervisors.errors import BadImage
from hypervisors.formats.source import Source

_LARGEST = limits.EXTENTS.most
_EXTENT = re.compile(rb'^[ \t]*(?:RW|RDONLY|NOACCESS)\s+\d+\s+\w+\s+"([^"]+)"', re.MULTILINE)


def in_one(descriptor: str) -> str:
    """The command that makes one file of all of them."""
    return f"qemu-img convert -O qcow2 {quote(descriptor)} whole.qcow2"


def refusal_of_part(source: Source) -> BadImage | None:
    """For bytes that could be a whole raw disk: None unless a descriptor names this file beside others."""
    return _refusal(source, at_least=2)


def refusal_of_extent(source: Source) -> BadImage:
    """For a VMDK that has no descriptor of its own."""
    unpack = "unpack the package; then, " if source.member else ""
    return _refusal(source, at_least=1) or source.refused(
        "is one extent of a VMDK, without its descriptor",
        hint=f"{unpack}with that (a .vmdk of text) and its other files in one folder: {in_one('DESCRIPTOR.vmdk')}",
    )


def _refusal(source: Source, *, at_least: int) -> BadImage | None:
    name = os.fsencode(source.path.name)
    for path in [] if source.member else _beside(source.path):
        extents = _EXTENT.findall(path.read_bytes())
        if name in extents and len(extents) >= at_least:
            hint = f"make one file of its extents, in their folder: {in_one(path.name)}"
            return source.refused(f"is one extent of the VMDK {path.name}", hint=hint)
    return None


def _beside(path: Path) -> list[Path]:
    """Files that may be descriptors."""
    there = [each for each in path.parent.glob("*.vmdk") if each != path and each.is_file()]
    return sorted(each for each in there if each.stat().st_size <= _LARGEST)
