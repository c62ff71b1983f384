"""An image or package that claims more than any has is refused after as many bytes as its kind needs."""

import io
import struct
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from hypervisors import BadImage
from hypervisors.formats import extents, manifest, ova, ovf, qcow2, signature, vmdk
from hypervisors.formats.source import Source
from tests.limits.twin import Counted, most, sparse, steps, twin
from tests.unit.appliance.small_ca import certificate
from tests.unit.hypervisors import small_ova

_KIB = 1 << 10


def _source(path: Path) -> tuple[Source, Counted]:
    file = Counted(path)
    return Source(path, file, path.stat().st_size), file  # type: ignore[arg-type]


@twin("OVF")
def test_a_descriptor_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    source, file = _source(sparse(tmp_path / "x.ovf", most("OVF") + 1, (0, b"<Envelope>")))
    with pytest.raises(BadImage, match="is a descriptor of 4 MiB"):
        ovf.read(source)
    assert file.taken == 0


@pytest.mark.slow
@pytest.mark.parametrize("inner", [b"<a>" * 300_000, b"<a " + b"b='c' " * 200_000 + b"/>", b"&x;" * 90_000])
@twin("OVF")
def test_a_descriptor_within_its_size_costs_steps_in_proportion(tmp_path: Path, inner: bytes) -> None:
    source, file = _source(sparse(tmp_path / "x.ovf", 11 + len(inner), (0, b"<Envelope>"), (10, inner)))
    assert steps(ovf.read, source) < 4 * len(inner)
    assert file.taken <= source.size


_ITEM = "<Item><ResourceType>{}</ResourceType><HostResource>ovf:/disk/d</HostResource></Item>"


@pytest.mark.parametrize(("kind", "disks"), [(9, 0), (17, 1), (17, most("OVF_ITEMS") + 1)])
@twin("OVF_ITEMS")
def test_hardware_without_end_is_not_compared_item_by_item(tmp_path: Path, kind: int, disks: int) -> None:
    items = _ITEM.format(kind) * (most("OVF_ITEMS") + (disks < 2))
    hardware = f"<VirtualSystem><VirtualHardwareSection>{items}</VirtualHardwareSection></VirtualSystem>"
    text = f"<Envelope><DiskSection>{'<Disk/>' * disks}</DiskSection>{hardware}</Envelope>"
    (tmp_path / "x.ovf").write_text(text)
    with pytest.raises(BadImage, match=f"is damaged: its .* section has {most('OVF_ITEMS') + 1} entries"):
        ovf.read(_source(tmp_path / "x.ovf")[0])


@twin("MANIFEST")
def test_a_manifest_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    source, file = _source(sparse(tmp_path / "x.mf", most("MANIFEST") + 1))
    with pytest.raises(BadImage, match="has 1 MiB"):
        manifest.read_manifest(source)
    assert file.taken == 0


@twin("SIGNATURE_CHAIN")
def test_a_chain_of_authorities_ends(tmp_path: Path) -> None:
    now = datetime.now(UTC) - timedelta(days=1)
    root = upper = certificate("Root", ca=True, start=now)
    between = []
    for number in range(most("SIGNATURE_CHAIN") + 2):
        upper = certificate(f"Authority {number}", issuer=upper, ca=True, start=now)
        between.append(upper[0])
    signer, key = certificate("Publisher", issuer=upper, start=now)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signed = key.sign(b"what is signed", ec.ECDSA(hashes.SHA256())).hex()
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in (signer, *between))
    (tmp_path / "x.cert").write_bytes(f"SHA256(x.mf)= {signed}\n".encode() + pem)
    (tmp_path / "x.mf").write_bytes(b"what is signed")
    ca_file = tmp_path / "root.pem"
    ca_file.write_bytes(root[0].public_bytes(Encoding.PEM))
    with pytest.raises(BadImage, match="too many authorities above it"):
        signature.verify(_source(tmp_path / "x.mf")[0], _source(tmp_path / "x.cert")[0], ca_file)


@twin("OVA_MEMBERS")
def test_members_without_end_are_not_listed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.ova", "w") as archive:
        for number in range(most("OVA_MEMBERS") + 500):
            archive.addfile(tarfile.TarInfo(f"m{number}"), io.BytesIO())
    source, file = _source(tmp_path / "x.ova")
    with pytest.raises(BadImage, match="more than 1000 members"):
        ova.members(source)
    assert file.taken <= (most("OVA_MEMBERS") + 2) * 1024


@twin("OVA_HEADERS")
def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path) -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    source, file = _source(sparse(tmp_path / "x.ova", 9 << 30, (0, long_name.tobuf(tarfile.GNU_FORMAT))))
    with pytest.raises(BadImage, match="its tar headers are not valid"):
        ova.members(source)
    assert file.taken <= most("OVA_HEADERS")


def _qcow2(l1_entries: int, *, cluster_bits: int = 16, size: int = 1 << 20) -> bytes:
    head = struct.pack(">4sIQIIQIIQ", b"QFI\xfb", 3, 0, 0, cluster_bits, size, 0, l1_entries, 1 << 16)
    return head.ljust(104, b"\0")


@twin("QCOW2_TABLES")
def test_a_table_of_tables_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    source, file = _source(sparse(tmp_path / "x.qcow2", 64 << 30, (0, _qcow2((1 << 32) - 1))))
    with pytest.raises(BadImage, match="a qcow2 header with 4294967295 tables"):
        qcow2.virtual_size(source)
    assert file.taken <= _KIB


@pytest.mark.slow
@twin("QCOW2_TABLES")
def test_one_table_that_is_named_a_million_times_is_not_read_a_million_times(tmp_path: Path) -> None:
    named = struct.pack(">Q", 32 << 20) * (1 << 20)
    image = sparse(tmp_path / "x.qcow2", 40 << 20, (0, _qcow2(1 << 20, cluster_bits=21)), (1 << 16, named))
    source, file = _source(image)
    with pytest.raises(BadImage, match="more tables than the file has room for"):
        qcow2.virtual_size(source)
    assert file.taken <= len(named) + _KIB


def _vmdk(*, capacity: int = 8192, descriptor: int = 20, entries: int = 512) -> bytes:
    return struct.pack("<4sIIQQQQIQQ", b"KDMV", 3, 3, capacity, 128, 1, descriptor, entries, 0, 64)


_TEXT = b'# Disk DescriptorFile\nparentCID=ffffffff\ncreateType="monolithicSparse"\n'


@pytest.mark.parametrize(
    ("head", "said", "bytes_"),
    [
        (_vmdk(entries=1 << 31), "grain tables of 2147483648 entries", _KIB),
        (_vmdk(descriptor=1 << 30), "a descriptor of 1073741824 sectors", 11 * _KIB),
        (_vmdk(capacity=1 << 50), "grain tables", 24 * _KIB),
    ],
)
@twin("VMDK_TABLE", "VMDK_DESCRIPTOR", "VMDK_DIRECTORY")
def test_a_vmdk_that_claims_too_much_is_not_read(tmp_path: Path, head: bytes, said: str, bytes_: int) -> None:
    source, file = _source(sparse(tmp_path / "x.vmdk", 64 << 30, (0, head), (512, _TEXT)))
    with pytest.raises(BadImage, match=said):
        vmdk.virtual_size(source)
    assert file.taken <= bytes_


@twin("VMDK_DIRECTORY")
def test_one_grain_table_that_is_named_a_million_times_is_not_read_a_million_times(tmp_path: Path) -> None:
    tables = 1 << 20
    head = _vmdk(capacity=tables * 128 * 512)
    image = sparse(tmp_path / "x.vmdk", 64 << 20, (0, head), (512, _TEXT), (64 * 512, struct.pack("<I", 9) * tables))
    source, file = _source(image)
    with pytest.raises(BadImage, match="more tables than the file has room for"):
        vmdk.virtual_size(source)
    assert file.taken <= tables * 4 + 24 * _KIB


@twin("EXTENTS")
def test_a_long_file_beside_an_image_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    honest = Path.read_bytes

    def counting(path: Path) -> bytes:
        read.append(path.name)
        return honest(path)

    monkeypatch.setattr(Path, "read_bytes", counting)
    line = b'RW 1 FLAT "disk-f001.vmdk" 0\n'
    (tmp_path / "small.vmdk").write_bytes(line)
    sparse(tmp_path / "long.vmdk", most("EXTENTS") + 1, (0, line * 2))
    source, _ = _source(sparse(tmp_path / "disk-f001.vmdk", 1024))
    assert extents.refusal_of_part(source) is None
    assert read == ["small.vmdk"]


@twin("DISK")
def test_a_disk_larger_than_any_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ovf").write_text(small_ova.OVF.replace("@SIZE@", "1").replace('="4"', '="99999999999"'))
    with pytest.raises(BadImage, match="is said to have 104857599998951424 bytes"):
        ovf.read(_source(tmp_path / "x.ovf")[0])
