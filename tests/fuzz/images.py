"""Images, packages and descriptors: qcow2, VMDK, raw, OVA, OVF, manifests, signatures."""

import io
import struct
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from hypervisors import identify_image, no_progress
from hypervisors.formats import extents, manifest, ovf, signature
from hypervisors.formats.source import Source
from tests.fuzz.parser import SECTION, Parser, sections
from tests.unit.appliance.small_ca import certificate
from tests.unit.hypervisors.small_ova import NAME, OVF, packed

_VMDK_TEXT = b'# Disk DescriptorFile\nparentCID=ffffffff\ncreateType="monolithicSparse"\nRW 8 SPARSE "x.vmdk"\n'
_VMDK = struct.pack("<4sIIQQQQIQQ", b"KDMV", 1, 3, 8192, 128, 1, 20, 512, 0, 30).ljust(512, b"\0") + _VMDK_TEXT
_DISK = _VMDK.ljust(40 * 512, b"\0")
_SMALL = {NAME: OVF.replace("@SIZE@", str(len(_DISK))).encode(), "mailgw-disk1.vmdk": _DISK}


def _image(data: bytes) -> object:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / "image"
        path.write_bytes(data)
        return identify_image(path, no_progress)


def _images() -> Iterator[bytes]:
    yield struct.pack(">4sIQIIQIIQ", b"QFI\xfb", 3, 0, 0, 12, 1 << 20, 0, 1, 4096).ljust(4096, b"\0") + bytes(4096)
    yield _DISK
    yield bytes(446) + struct.pack("<B3xB3xII", 0x80, 0x83, 1, 7) + bytes(48) + b"\x55\xaa" + bytes(8 * 512)
    yield packed(_SMALL)
    yield packed({**_SMALL, "mailgw.mf": b"SHA256(mailgw.ovf)= " + b"0" * 64 + b"\n"})
    for magic in (
        b"vhdxfile",
        b"conectix",
        b"<<< Oracle VM VirtualBox Disk Image >>>\n",
        b"PK\3\4",
        b"\x1f\x8b",
        b"MZ",
    ):
        yield magic + bytes(1024)


def _package(data: bytes) -> object:
    """The descriptor and the manifest of a package that is unpacked."""
    text, listed = sections(data, 2)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for name, content in ((NAME, text), ("mailgw.mf", listed), ("mailgw-disk1.vmdk", _SMALL["mailgw-disk1.vmdk"])):
            if content:
                (Path(folder) / name).write_bytes(content)
        return identify_image(Path(folder) / NAME, no_progress)


def _source(data: bytes, name: str) -> Source:
    return Source(Path(f"/x/{name}"), io.BytesIO(data), len(data))


def _descriptor(data: bytes) -> object:
    return ovf.is_descriptor(_source(data, NAME)), ovf.read(_source(data, NAME))


def _manifest(data: bytes) -> object:
    return manifest.read_manifest(_source(data, "x.mf"))


def _signature(data: bytes) -> object:
    listed, cert = sections(data, 2)
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as file:
        file.write(_ROOT[0].public_bytes(Encoding.PEM))
        file.flush()
        return signature.verify(_source(listed, "x.mf"), _source(cert, "x.cert"), Path(file.name))


_ROOT = certificate("Root", ca=True)


def _signatures() -> Iterator[bytes]:
    leaf, key = certificate("Publisher", issuer=_ROOT)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    listed = b"SHA256(x.ovf)= " + b"0" * 64 + b"\n"
    signed = key.sign(listed, ec.ECDSA(hashes.SHA256())).hex().encode()
    yield SECTION.join((listed, b"SHA256(x.mf)= " + signed + b"\n" + leaf.public_bytes(Encoding.PEM)))


def _extents(data: bytes) -> object:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        (Path(folder) / "x.vmdk").write_bytes(data)
        path = Path(folder) / "x-f001.vmdk"
        path.write_bytes(bytes(512))
        with path.open("rb") as file:
            return extents.refusal_of_part(Source(path, file, 512))


def _tars() -> Iterator[bytes]:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for name, content in _SMALL.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                info.pax_headers = {"comment": "x"}
                archive.addfile(info, io.BytesIO(content))
        yield out.getvalue()


PARSERS = (
    Parser("image", _image, lambda: (*_images(), *_tars())),
    Parser("package", _package, lambda: (_SMALL[NAME], SECTION.join((_SMALL[NAME], b"SHA1(x)= 00\n")))),
    Parser("ovf", _descriptor, lambda: (_SMALL[NAME],)),
    Parser("manifest", _manifest, lambda: (b"SHA256(a.ovf)= 00\nSHA1 (b)=ff\n", "SHA512(x)= 0".encode("utf-16"))),
    Parser("signature", _signature, _signatures),
    Parser("extents", _extents, lambda: (_VMDK_TEXT, b'RW 1 FLAT "x-f001.vmdk" 0\nRW 1 FLAT "y" 0\n')),
)
