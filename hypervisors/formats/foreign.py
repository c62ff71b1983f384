"""Files that are not disk images, recognised by their bytes, with what to do about each."""

from dataclasses import dataclass

from hypervisors.errors import BadImage
from hypervisors.formats.extents import in_one
from hypervisors.formats.source import Source

_UNPACK = "unpack it and give the disk image that is inside"
_CONVERT = "convert it first: qemu-img convert -O qcow2 THIS-IMAGE new.qcow2"

_PACKAGE = "give the new release's disk image; `vmmigrate update` takes packages"
_SYSTEM = "give the whole disk, with its boot loader"
_FROM_VMWARE = "export the machine without snapshots, as an OVF or OVA"
_DECRYPT = (
    "decrypt it first: qemu-img convert --object secret,id=k,file=PASSPHRASE-FILE --image-opts"
    " driver=luks,key-secret=k,file.filename=THIS-IMAGE -O qcow2 new.qcow2"
)
_CONVERT_VHD = "convert it first: qemu-img convert -f vpc -O qcow2 THIS-IMAGE new.qcow2"


@dataclass(frozen=True)
class _Kind:
    """`offset`: from the end where it is negative."""

    offset: int
    magic: bytes
    what: str
    hint: str


_KINDS = (
    _Kind(0, b"\x1f\x8b", "is a gzip file", "unpack it (gunzip, or tar -xzf) and give the disk image inside"),
    _Kind(0, b"PK\x03\x04", "is a zip archive", "unpack it (unzip) and give the disk image inside"),
    _Kind(0, b"PK\x05\x06", "is an empty zip archive", "fetch it again"),
    _Kind(257, b"ustar", "is a tar archive", "unpack it (tar -xf) and give the disk image inside"),
    _Kind(0, b"\xfd7zXZ\x00", "is an xz file", "unpack it (unxz) and give the disk image inside"),
    _Kind(0, b"\x28\xb5\x2f\xfd", "is a zstd file", "unpack it (unzstd) and give the disk image inside"),
    _Kind(0, b"BZh", "is a bzip2 file", "unpack it (bunzip2) and give the disk image inside"),
    _Kind(0, b"\x04\x22\x4d\x18", "is an lz4 file", "unpack it (unlz4) and give the disk image inside"),
    _Kind(0, b"LZIP", "is an lzip file", "unpack it (lzip -d) and give the disk image inside"),
    _Kind(0, b"]\0\0", "is an lzma file", "unpack it (unlzma) and give the disk image inside"),
    _Kind(0, b"\x1f\x9d", "is a file of compress", "unpack it (uncompress) and give the disk image inside"),
    _Kind(0, b"Rar!\x1a\x07", "is a RAR archive", _UNPACK),
    _Kind(0, b"07070", "is a cpio archive", _UNPACK),
    _Kind(0, b"!<arch>\ndebian", "is a Debian package", _PACKAGE),
    _Kind(0, b"\xed\xab\xee\xdb", "is an RPM package", _PACKAGE),
    _Kind(0, b"version https://git-lfs", "is a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    _Kind(0, b"hsqs", "is a file system (SquashFS)", _SYSTEM),
    _Kind(0, b"XFSB", "is a file system (XFS)", _SYSTEM),
    _Kind(0, b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive", _UNPACK),
    _Kind(0, b"vhdxfile", "is a Hyper-V disk (VHDX)", _CONVERT),
    _Kind(0, b"conectix", "is a Hyper-V or Virtual PC disk (VHD)", _CONVERT),
    # a fixed one has only this footer: its first sector is the disk's own, and qemu-img does not look for the last
    _Kind(-512, b"conectix", "is a Hyper-V or Virtual PC disk (VHD)", _CONVERT_VHD),
    _Kind(-511, b"conectix", "is a Hyper-V or Virtual PC disk (VHD)", _CONVERT_VHD),
    _Kind(-512, b"koly", "is a macOS disk image (DMG)", _CONVERT),
    _Kind(0, b"WithoutFreeSpace", "is a Parallels disk (HDD)", _CONVERT),
    _Kind(0, b"WithouFreSpacExt", "is a Parallels disk (HDD)", _CONVERT),
    _Kind(0, b"QED\0", "is a QEMU disk of an old format (QED)", _CONVERT),
    _Kind(0, b"LUKS\xba\xbe", "is an encrypted disk (LUKS)", _DECRYPT),
    _Kind(0x40, b"\x7f\x10\xda\xbe", "is a VirtualBox disk (VDI)", _CONVERT),
    _Kind(0, b"\xbe\xba\xfe\xca\0\0\0\0", "is one extent of a VMware snapshot (SESparse)", _FROM_VMWARE),
    _Kind(0, b"COWD", "is one extent of a VMware disk (COWD)", _CONVERT),
    _Kind(32769, b"BEA01", "is a DVD or Blu-ray image (UDF)", "give the appliance's disk image, not its installer"),
    # before the boot signature is checked: installation media have one too
    _Kind(
        32769,
        b"CD001",
        "is a CD or DVD image (ISO 9660)",
        "give the appliance's disk image, not its installer",
    ),
)

_DESCRIPTOR = b"# disk descriptorfile"
_HTML = (b"<!doctype html", b"<html", b"<head")
_XML = (b"<?xml", b"<domain", b"<domainsnapshot")


def refusal(source: Source) -> BadImage | None:
    """Why this file is not a disk image; None if its bytes do not show a reason."""
    for kind in _KINDS:
        if _bytes_at(source, kind) == kind.magic:
            return source.refused(f"{kind.what}, not a disk image", hint=kind.hint)
    return _text_refusal(source)


def _bytes_at(source: Source, kind: _Kind) -> bytes:
    offset = kind.offset if kind.offset >= 0 else max(source.size + kind.offset, 0)
    return source.peek(offset, len(kind.magic))


def _text_refusal(source: Source) -> BadImage | None:
    head = source.peek(0, 512).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(_DESCRIPTOR):
        return source.refused(
            "is only the descriptor of a VMDK, a page of text",
            hint=f"make one file of it and its data, in their folder: {in_one(source.member or source.path.name)}",
        )
    if head.startswith(_HTML) or (head.startswith(_XML) and b"<html" in head):
        return source.refused(
            "is a web page, not a disk image",
            hint="the download asked for a log-in or failed: open the address in a browser",
        )
    if head.startswith(_XML):
        return source.refused(
            "is XML and no OVF, not a disk image", hint="give the appliance's image: an OVA, an OVF, or a disk"
        )
    return None
