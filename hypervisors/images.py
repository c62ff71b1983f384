"""Identify an image by its bytes (a disk, an OVA or an OVF) and check that it is complete and as described."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256 as new_sha256
from pathlib import Path

from hypervisors.description import Extent, Image
from hypervisors.errors import BadImage
from hypervisors.formats import disk, ova, ovf, package, scattered
from hypervisors.formats.digests import Wanted, make_digests
from hypervisors.formats.package import Package, Parts
from hypervisors.formats.source import Source
from hypervisors.types import ProgressListener
from hypervisors.unchanged import stamp_of

_GIB = 1 << 30
_PIECES = ("it is large: its SHA-256 is that of its pieces with data (--sha256 is compared with that of all of it)",)


@dataclass(frozen=True)
class _Demands:
    """What the operator requires of the image; see identify_image."""

    sha256: str | None
    ca_file: Path | None
    progress: ProgressListener


def identify_image(
    path: Path, progress: ProgressListener, *, sha256: str | None = None, ca_file: Path | None = None
) -> Image:
    """The image at `path`; `progress` counts the bytes read for its checksum. Raises BadImage, Problem (`ca_file`).

    `sha256`: the digest that it must have (see Image), in hexadecimal. `ca_file`: an OVF package must be signed by
    somebody for whom an authority in this PEM file vouches.
    Refused before the checksum is computed: what is not an image, is cut short, inconsistent, or needs another file.
    """
    path = path.absolute()
    refuse_unreadable(path)
    demands = _Demands(sha256 and sha256.strip().lower(), ca_file, progress)
    with ExitStack() as opened, _read(path):
        return _identified(_open(opened, path), opened, demands)


def refuse_unreadable(path: Path) -> None:
    """Raises BadImage if there is no such file, or it may not be read. Cheap: the content is not checked."""
    path = path.absolute()
    if not path.is_file():
        raise _no_file(path)
    with _read(path), path.open("rb"):
        pass


@contextmanager
def _read(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadImage(
            f"{error.filename or path} cannot be read: {error.strerror}", hint="check the file's owner, mode and disk"
        ) from error


def _no_file(path: Path) -> BadImage:
    if path.is_dir():
        return BadImage(f"{path} is a folder", hint="give the image file itself")
    if path.exists():
        return BadImage(f"{path} is not a regular file", hint="give a disk image file")
    return BadImage(f"there is no file {path}", hint="check the path of the image")


def _open(opened: ExitStack, path: Path) -> Source:
    file = opened.enter_context(path.open("rb"))
    return Source(path, file, os.fstat(file.fileno()).st_size)


def _identified(source: Source, opened: ExitStack, demands: _Demands) -> Image:
    if ova.is_archive(source):
        return _packaged(package.in_archive(source), demands)
    if ovf.is_descriptor(source):
        return _packaged(package.in_folder(source, cache(partial(_open_beside, opened, source))), demands)
    return _bare(source, demands)


def _open_beside(opened: ExitStack, descriptor: Source, name: str) -> Source | None:
    if name == descriptor.path.name:
        return descriptor
    path = descriptor.path.with_name(name)
    return _open(opened, path) if path.is_file() else None


def _bare(source: Source, demands: _Demands) -> Image:
    form, size = disk.format_and_size(source)
    if demands.ca_file is not None:
        raise source.refused(
            "is only a disk image, which has no signature", hint="leave image.ca_file out, or give a signed OVA"
        )
    stamp = stamp_of(source.file.fileno())  # before the bytes are read: a write in the meantime changes it
    if scattered.suits(form, source.size):
        return Image(source.path, form, source.size, size, _by_pieces(source, demands), remarks=_PIECES, stamp=stamp)
    digest = _plain_digest(source, demands)
    return Image(source.path, form, source.size, size, digest, stamp=stamp)


def _by_pieces(source: Source, demands: _Demands) -> str:
    """All of it is read only where that is asked for."""
    if demands.sha256 is not None:
        _plain_digest(source, demands)
    digest = scattered.digest(source.file, source.size, demands.progress)
    source.refuse_resized()
    return digest


def _plain_digest(source: Source, demands: _Demands) -> str:
    digest = make_digests([source], [Wanted(source)], demands.progress)[Wanted(source)]
    _compare(source, digest, demands)
    return digest


def _packaged(parts: Parts, demands: _Demands) -> Image:
    found = package.read_package(parts)
    signer = _signer(parts, demands)
    stamp = stamp_of(found.disk.file.fileno())
    digest, of_disk = _checked(found, demands)
    place = Extent(found.disk.path, found.disk.start, found.disk.size, of_disk)
    return Image(
        path=parts.named.path,
        format=found.format,
        file_size=parts.named.size,
        virtual_size=found.virtual_size,
        sha256=digest,
        ovf=found.descriptor.description,
        inside=place,
        remarks=tuple(_remarks(found, signer)),
        stamp=stamp,
    )


def _signer(parts: Parts, demands: _Demands) -> str | None:
    """Who signed the package, if that was requested."""
    if demands.ca_file is None:
        return None
    if parts.manifest is None or parts.certificate is None:
        raise parts.named.refused(
            "is not signed: it has no manifest with a certificate (.mf, .cert)",
            hint="leave image.ca_file out, or get the signed package from its publisher",
        )
    from hypervisors.formats import signature  # loads cryptography, which few images need

    return signature.verify(parts.manifest, parts.certificate, demands.ca_file)


def _checked(found: Package, demands: _Demands) -> tuple[str, str]:
    """The digests of the image and of its disk, from one pass. Raises BadImage if one is not as promised."""
    named, descriptor = found.parts.named, found.parts.descriptor
    promised = [Wanted(each.file, each.entry.algorithm) for each in found.promises]
    wanted = [Wanted(named), Wanted(descriptor), Wanted(found.disk), *promised]
    files = list(dict.fromkeys(each.source for each in wanted)) if found.parts.in_folder else [named]
    digests = make_digests(files, wanted, demands.progress)
    of_disk = digests[Wanted(found.disk)]
    whole = digests[Wanted(named)]
    if found.parts.in_folder:
        whole = _together([(whole, named.path.name), (of_disk, found.disk.path.name)])
    _compare(named, whole, demands)
    for promise, want in zip(found.promises, promised, strict=True):
        if digests[want] != promise.entry.digest:
            raise package.broken(promise, digests[want])
    return whole, of_disk


def _together(files: Sequence[tuple[str, str]]) -> str:
    """As `sha256sum a.ovf a.vmdk | sha256sum`."""
    lines = "".join(f"{digest}  {name}\n" for digest, name in files)
    return new_sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _compare(source: Source, digest: str, demands: _Demands) -> None:
    if demands.sha256 is not None and digest != demands.sha256:
        raise source.refused(
            f"has the SHA-256 {digest}, not {demands.sha256} as expected",
            hint="it is not the expected file: fetch it again, or correct --sha256 (image.sha256)",
        )


def _remarks(found: Package, signer: str | None) -> list[str]:
    """What was checked, what was not, and what may surprise the operator."""
    parts, description = found.parts, found.descriptor.description
    remarks = [_trust(found, signer)]
    if not parts.descriptor_first:
        remarks.append("its descriptor is not its first member; other programs may refuse that")
    if found.left_out:
        remarks.append(f"only its disk is deployed; left out: {', '.join(found.left_out)}")
    if found.absent:
        remarks.append(f"not there, and not needed: {', '.join(found.absent)}")
    if description.empty_disks:
        sizes = ", ".join(f"{each.capacity / _GIB:.1f} GiB" for each in description.empty_disks)
        remarks.append(f"besides its disk the new VM gets the empty disks that it asks for: {sizes}")
    if description.licence:
        remarks.append("it has a licence agreement; whoever deploys it accepts that")
    return remarks


def _trust(found: Package, signer: str | None) -> str:
    if signer is not None:
        return f"its manifest is signed by {signer}, and agrees"
    if not found.promises:
        return "it has no manifest: nothing in it shows whether it is complete and unchanged"
    kinds = ", ".join(sorted({promise.entry.algorithm.upper() for promise in found.promises}))
    unsigned = "its signature was not checked" if found.parts.certificate else "it is not signed"
    return f"its manifest ({kinds}) agrees; {unsigned}"
