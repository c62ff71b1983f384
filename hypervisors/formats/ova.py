"""OVA, a tar archive: find each member in it. Nothing is unpacked, and forged headers are not trusted."""

import tarfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from hypervisors import limits
from hypervisors.errors import printable
from hypervisors.formats.names import is_plain, plain_name
from hypervisors.formats.source import Source

RESOURCE_FORK = "._"  # macOS adds one for each file
_AT, _MAGIC = 257, b"ustar"
_BLOCK = tarfile.BLOCKSIZE
_MOST_MEMBERS = limits.OVA_MEMBERS.most
_MOST_HEADER_BYTES = limits.OVA_HEADERS.most
# what tarfile raises for an invalid header: it parses octal, decimal, lists and nested headers without checks
_NONSENSE = (tarfile.TarError, ValueError, LookupError, ArithmeticError, RecursionError)


def is_archive(source: Source) -> bool:
    """By its magic, or in the oldest format, which has none, by the checksum of its first header."""
    return source.peek(_AT, len(_MAGIC)) == _MAGIC or _is_header(source.peek(0, _BLOCK))


def _is_header(block: bytes) -> bool:
    try:
        return bool(tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").name)
    except _NONSENSE:
        return False


def members(source: Source) -> dict[str, Source]:
    """Each file of the archive by its name, in place and in order; of one folder with all files, as if they lay beside.

    Raises BadImage.
    """
    found: dict[str, Source] = {}
    try:
        with tarfile.open(fileobj=cast(BinaryIO, _Headers(source)), mode="r:") as archive:
            infos = list(_infos(source, archive))
            folder = _only_folder(infos)
            for info in infos:
                if not _is_own_folder(info, folder):
                    _add(source, found, info, folder)
            _require_end(source, archive.offset)
    except _NONSENSE as error:
        raise source.damaged(f"its tar headers are not valid ({error})") from error
    return found


class _Headers:
    """The archive for tarfile: it may read headers, but not the gigabytes that a forged header claims."""

    def __init__(self, source: Source) -> None:
        self._source, self._at, self._left = source, 0, _MOST_HEADER_BYTES

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int) -> int:
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self._left or self._at < 0:
            raise tarfile.ReadError(f"a header of {size} bytes at byte {self._at}")
        data = self._source.peek(self._at, size) if self._at < self._source.size else b""
        self._at += len(data)
        self._left -= len(data)
        return data


def _infos(source: Source, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Each is looked at before the next one is read: it says where that is."""
    while (info := archive.next()) is not None:
        if _is_plain(info):
            if info.size < 0:
                raise source.damaged(f"the member {printable(info.name)} has a negative size")
            source.require(info.offset_data + info.size)
        yield info


def _is_plain(info: tarfile.TarInfo) -> bool:
    return info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not info.issparse()


def _only_folder(infos: Sequence[tarfile.TarInfo]) -> str:
    """In which `tar -c FOLDER` packed all files; '' where they are not in one."""
    names = [info.name.removeprefix("./") for info in infos if not info.isdir()]
    heads = {name.rpartition("/")[0] for name in names if not name.rpartition("/")[2].startswith(RESOURCE_FORK)}
    head = heads.pop() if len(heads) == 1 else ""
    return head if is_plain(head) else ""


def _is_own_folder(info: tarfile.TarInfo, folder: str) -> bool:
    """The first member of `tar -c .`, or of that folder."""
    return info.isdir() and info.name in (".", "./", folder, f"./{folder}")


def _add(source: Source, found: dict[str, Source], info: tarfile.TarInfo, folder: str) -> None:
    written = info.name.removeprefix("./").removeprefix(f"{folder}/") if folder else info.name
    name = plain_name(source, written, "its archive")
    if not _is_plain(info):
        raise source.refused(
            f"has a member {name!r} that is not a plain file ({_kind(info)})",
            hint="an OVA contains only plain files: pack it again with `tar --format=ustar -cf`, or fetch it again",
        )
    if name in found:
        raise source.refused(
            f"has two members {name!r}, and programs differ in which one they use",
            hint="fetch it again from its publisher",
        )
    if len(found) == _MOST_MEMBERS:
        raise source.refused(f"has more than {_MOST_MEMBERS} members", hint="is it an OVA? those have a few")
    found[name] = source.part(info.offset_data, info.size, name)


def _kind(info: tarfile.TarInfo) -> str:
    kinds = {
        tarfile.SYMTYPE: "a symbolic link",
        tarfile.LNKTYPE: "a hard link",
        tarfile.DIRTYPE: "a folder",
        tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device",
        tarfile.FIFOTYPE: "a pipe",
    }
    return "a sparse file, in pieces" if info.issparse() else kinds.get(info.type, f"type {info.type!r}")


def _require_end(source: Source, offset: int) -> None:
    """An archive ends with zeros: without them its last members may be missing."""
    block = source.peek(offset, _BLOCK)
    if len(block) < _BLOCK:
        raise source.cut_short(offset + _BLOCK)
    if any(block):
        raise source.damaged(f"at byte {offset} there is neither a tar header nor the end of the archive")
