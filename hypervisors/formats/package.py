"""An OVF package, in one archive or in a folder: find its parts and compare them with its descriptor."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from hypervisors.errors import BadImage, printable
from hypervisors.formats import disk, manifest, ova, ovf
from hypervisors.formats.manifest import Entry
from hypervisors.formats.names import is_plain
from hypervisors.formats.references import File
from hypervisors.formats.source import FETCH_AGAIN, Source

Find = Callable[[str], Source | None]

_DESCRIPTOR, _MANIFEST, _CERTIFICATE = ".ovf", ".mf", ".cert"


@dataclass(frozen=True)
class Parts:
    """Access to a package. `named`: the file given by the operator; `find`: a file of the package by its name."""

    named: Source
    descriptor: Source
    manifest: Source | None
    certificate: Source | None
    find: Find
    descriptor_first: bool = True

    def there(self, name: str) -> Source | None:
        """The file, None if there is none, or if the name leads elsewhere: nothing there is ever opened."""
        return self.find(name) if is_plain(name) else None

    def meant(self, entry: Entry) -> Source | None:
        """The file that a manifest names, as it is or as the address that a descriptor writes ('%20')."""
        return self.there(entry.name) or self.there(unquote(entry.name))

    @property
    def in_folder(self) -> bool:
        return self.named is self.descriptor


@dataclass(frozen=True)
class Promise:
    """The manifest's entry for a file of the package."""

    file: Source
    entry: Entry


@dataclass(frozen=True)
class Package:
    """A package whose parts agree, as far as can be checked without reading all of it."""

    parts: Parts
    descriptor: ovf.Descriptor
    disk: Source
    format: str
    virtual_size: int
    promises: tuple[Promise, ...]
    left_out: tuple[str, ...]  # files in the package that are not deployed
    absent: tuple[str, ...]  # such files that are named and not there


def in_archive(archive: Source) -> Parts:
    """Raises BadImage."""
    members = {name: member for name, member in ova.members(archive).items() if not name.startswith(ova.RESOURCE_FORK)}
    descriptor = _only(archive, members, _DESCRIPTOR)
    if descriptor is None:
        raise archive.refused(
            "is a tar archive without an OVF descriptor",
            hint="an OVA has one: unpack this archive (tar -xf) and give the disk image inside",
        )
    return Parts(
        archive,
        descriptor,
        _only(archive, members, _MANIFEST),
        _only(archive, members, _CERTIFICATE),
        members.get,
        descriptor_first=next(iter(members)) == descriptor.member,
    )


def in_folder(descriptor: Source, find: Find) -> Parts:
    """`find` opens a file beside the descriptor, None if there is none."""

    def beside(suffix: str) -> Source | None:
        """Windows' tools write such names in capitals too."""
        stem = descriptor.path.stem
        return find(stem + suffix) or find(stem + suffix.upper())

    return Parts(descriptor, descriptor, beside(_MANIFEST), beside(_CERTIFICATE), find)


def _only(archive: Source, members: dict[str, Source], suffix: str) -> Source | None:
    found = [member for name, member in members.items() if name.lower().endswith(suffix)]
    if len(found) > 1:
        names = ", ".join(member.member for member in found)
        raise archive.refused(f"has {len(found)} files {suffix} ({names})", hint="unpack it and give one .ovf of them")
    return found[0] if found else None


def read_package(parts: Parts) -> Package:
    """Raises BadImage if something is missing, or differs from the descriptor."""
    descriptor = ovf.read(parts.descriptor)
    files = {file.name: _found(parts, file) for file in descriptor.files}
    image = files[descriptor.disk.file.name]
    if image is None:
        raise _missing(parts, descriptor.disk.file.name)
    form, size = disk.format_and_size(image)
    _compare(image, descriptor, form, size)
    entries = () if parts.manifest is None else manifest.read_manifest(parts.manifest)
    there = {**files, **{entry.name: parts.meant(entry) for entry in entries}}
    left_out = tuple(name for name, file in files.items() if file not in (None, image))
    absent = tuple(printable(name) for name, file in there.items() if file is None)
    return Package(parts, descriptor, image, form, size, _promises(parts, entries, image), left_out, absent)


def _found(parts: Parts, file: File) -> Source | None:
    """None if it is not there, or its name leads elsewhere: only the disk is needed."""
    found = parts.there(file.name) or parts.there(file.written)
    if found is not None and file.size and found.size != file.size:
        raise found.damaged(f"it has {found.size} bytes, its descriptor says {file.size}")
    return found


def _missing(parts: Parts, name: str) -> BadImage:
    return parts.named.refused(
        f"lacks {name}, which its descriptor names",
        hint="an .ovf needs its files in the same folder: give the .ovf in that folder, or the .ova"
        if parts.in_folder
        else FETCH_AGAIN,
    )


def _compare(file: Source, descriptor: ovf.Descriptor, form: str, size: int) -> None:
    said = descriptor.disk
    if said.format and form != said.format:
        raise file.damaged(f"its format is {form}, its descriptor says {said.format}")
    if not 0 <= said.disk.capacity - size < said.unit:
        raise file.damaged(f"its disk has {size} bytes, its descriptor says {said.disk.capacity}")


def _promises(parts: Parts, entries: tuple[Entry, ...], image: Source) -> tuple[Promise, ...]:
    """The digests to check; () without a manifest. A manifest without the files that matter is refused."""
    if parts.manifest is None:
        return ()
    found = [(parts.meant(entry), entry) for entry in entries]
    promises = tuple(Promise(file, entry) for file, entry in found if file is not None)
    for needed in (parts.descriptor, image):
        if needed not in [promise.file for promise in promises]:
            raise parts.manifest.refused(
                f"says nothing of {needed.member or needed.path.name}",
                hint="so it does not protect the package: fetch the package again from its publisher",
            )
    return promises


def broken(promise: Promise, digest: str) -> BadImage:
    entry = promise.entry
    kind = entry.algorithm.upper()
    return promise.file.damaged(f"its {kind} is {digest}, its manifest says {entry.digest}")
