"""OVA and OVF as images: identified in place, described, checked against their manifests, refused where they lie."""

import hashlib
import re
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from small_ova import DISK, DISK_SIZE, MEBI, NAME, OVF, descriptor, manifest, members, packed, write_folder, write_ova
from small_ova import stream_optimized as disk

from hypervisors import (
    BadImage,
    Extent,
    OvfDescription,
    OvfDisk,
    OvfNic,
    OvfProperty,
    Progress,
    identify_image,
    no_progress,
)

AGREES = "its manifest (SHA256) agrees; it is not signed"
LICENCE = "it has a licence agreement; whoever deploys it accepts that"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def refusal(path: Path, sha256: str | None = None, ca_file: Path | None = None) -> tuple[str, str]:
    """The message with the file's path as PATH, and the hint."""
    with pytest.raises(BadImage) as caught:
        identify_image(path, no_progress, sha256=sha256, ca_file=ca_file)
    return str(caught.value).replace(str(path), "PATH"), caught.value.hint


class TestArchive:
    def test_an_ova_is_its_disk_in_place(self, tmp_path: Path) -> None:
        data = packed(members())
        path = write_ova(tmp_path / "named-as-you-like.img")
        image = identify_image(path, no_progress)
        assert (image.path, image.format, image.file_size, image.virtual_size) == (path, "vmdk", len(data), DISK_SIZE)
        assert image.sha256 == sha256(data)
        assert image.disk == Extent(path, data.index(disk()), len(disk()), sha256(disk()))
        assert image.remarks == (AGREES, LICENCE)

    def test_its_description(self, tmp_path: Path) -> None:
        path = write_ova(tmp_path / "x.ova")
        text = descriptor()
        assert identify_image(path, no_progress).ovf == OvfDescription(
            name="mailgw",
            product="Mail Gateway",
            version="5.5.3-1",
            vendor="Example",
            vcpus=2,
            memory=4096 * MEBI,
            disk=OvfDisk(DISK, DISK_SIZE, "scsi", "VirtualSCSI"),
            networks=("Mail", "Management"),
            nics=(
                OvfNic("Network adapter 1", "Mail", "VmxNet3"),
                OvfNic("Network adapter 2", "Management", "E1000"),
            ),
            firmware="efi",
            guest_os="Debian GNU/Linux 12 (64-bit)",
            guest_os_id="debian12_64Guest",
            properties=(
                OvfProperty("net.ip.0", "string", "Ip", True, False, "", "Address"),
                OvfProperty("net.mtu.0", "uint16", "MinValue(576)", False, False, "1500", ""),
                OvfProperty("net.secret.0", "string", "", True, True, "", ""),
            ),
            licence=True,
            descriptor=Extent(path, 512, len(text), sha256(text)),
        )

    @pytest.mark.parametrize("mark", ['ovf:type="string" ovf:password="1"', 'ovf:type="password"'])
    def test_a_password_is_known_by_its_mark_or_its_type(self, tmp_path: Path, mark: str) -> None:
        ovf = OVF.replace('ovf:type="string" ovf:password="true"', mark)
        image = identify_image(write_ova(tmp_path / "x.ova", members(ovf)), no_progress)
        assert image.ovf is not None
        assert [each.key for each in image.ovf.properties if each.password] == ["net.secret.0"]

    def test_the_whole_file_is_read_once(self, tmp_path: Path) -> None:
        path = write_ova(tmp_path / "x.ova")
        seen: list[Progress] = []
        identify_image(path, seen.append)
        size = path.stat().st_size
        assert seen == [Progress(size, size)]

    @pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
    def test_manifests_of_every_age(self, tmp_path: Path, algorithm: str) -> None:
        path = write_ova(tmp_path / "x.ova", members(algorithm=algorithm))
        assert identify_image(path, no_progress).remarks[0] == f"its manifest ({algorithm}) agrees; it is not signed"

    @pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_archives_of_every_tar(self, tmp_path: Path, form: int) -> None:
        long = "a" * 120 + ".vmdk"
        files = {NAME: descriptor(OVF.replace(DISK, long)), long: disk()}
        if form == tarfile.USTAR_FORMAT:
            files = {NAME: descriptor(), DISK: disk()}
        path = tmp_path / "x.ova"
        path.write_bytes(packed(files, form))
        assert identify_image(path, no_progress).disk.size == len(disk())

    def test_an_archive_of_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        write_folder(tmp_path / "in")
        with tarfile.open(tmp_path / "x.ova", "w") as archive:
            archive.add(tmp_path / "in", ".")
        assert identify_image(tmp_path / "x.ova", no_progress).virtual_size == DISK_SIZE

    @pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    @pytest.mark.parametrize("folder", ["gateway", "./gateway", "mail gateway 5.5"])
    def test_an_archive_with_all_in_one_folder(self, tmp_path: Path, folder: str, form: int) -> None:
        """As `tar -cf x.ova FOLDER` packs it, with macOS' forks."""
        inside = {f"{folder}/{name}": data for name, data in members().items()}
        path = tmp_path / "x.ova"
        path.write_bytes(packed({f"{folder}/._{NAME}": b"fork", **inside}, form))
        image = identify_image(path, no_progress)
        assert (image.virtual_size, image.remarks[0]) == (DISK_SIZE, "its manifest (SHA256) agrees; it is not signed")

    def test_an_archive_of_a_named_folder(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        write_folder(tmp_path / "in")
        with tarfile.open(tmp_path / "x.ova", "w") as archive:
            archive.add(tmp_path / "in", "gateway")
        assert identify_image(tmp_path / "x.ova", no_progress).virtual_size == DISK_SIZE

    @pytest.mark.parametrize("stray", ["other/more", "gateway/../more", "/gateway/more", "gateway/b/more"])
    def test_one_file_elsewhere_than_the_others(self, tmp_path: Path, stray: str) -> None:
        files = {f"gateway/{name}": data for name, data in members().items()}
        with pytest.raises(BadImage, match="names a file"):
            identify_image(write_ova(tmp_path / "x.ova", {**files, stray: b""}), no_progress)

    def test_what_is_told_and_borne(self, tmp_path: Path) -> None:
        iso = OVF.replace("</References>", '<File ovf:href="tools%20.iso" ovf:id="file2"/></References>')
        files = {"._" + NAME: b"fork", DISK: disk(), "tools .iso": b"CD", NAME: descriptor(iso), "README": b""}
        assert identify_image(write_ova(tmp_path / "x.ova", files), no_progress).remarks == (
            "it has no manifest: nothing in it shows whether it is complete and unchanged",
            "its descriptor is not its first member; other programs may refuse that",
            "only its disk is deployed; left out: tools .iso",
            LICENCE,
        )

    def test_a_qcow2_inside(self, tmp_path: Path, qcow2: bytes) -> None:
        ovf = OVF.replace("http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized", "x/qcow2.html")
        files = {NAME: descriptor(ovf.replace(' ovf:size="@SIZE@"', "")), DISK: qcow2}
        assert identify_image(write_ova(tmp_path / "x.ova", files), no_progress).format == "qcow2"

    def test_a_footer_is_looked_for_at_the_end_of_the_member(self, tmp_path: Path) -> None:
        """As VMware writes it: the header says that the directory is told at the end."""
        marker = bytes(4) + b"\3" + bytes(507)
        footed = disk()[:56] + b"\xff" * 8 + disk()[64:] + marker + disk()[:512] + bytes(512)
        files = {NAME: descriptor(OVF.replace(' ovf:size="@SIZE@"', "")), DISK: footed, "z.txt": b"more"}
        assert identify_image(write_ova(tmp_path / "x.ova", files), no_progress).virtual_size == DISK_SIZE


class TestFolder:
    def test_an_ovf_beside_its_files(self, tmp_path: Path) -> None:
        path = write_folder(tmp_path)
        image = identify_image(path, no_progress)
        assert (image.path, image.file_size, image.virtual_size) == (path, len(descriptor()), DISK_SIZE)
        assert image.disk == Extent(tmp_path / DISK, 0, len(disk()), sha256(disk()))
        lines = f"{sha256(descriptor())}  {NAME}\n{sha256(disk())}  {DISK}\n"
        assert image.sha256 == sha256(lines.encode())
        assert image.ovf is not None
        assert image.ovf.descriptor == Extent(path, 0, len(descriptor()), sha256(descriptor()))
        assert image.remarks == (AGREES, LICENCE)

    def test_another_disk_gives_another_digest(self, tmp_path: Path) -> None:
        path = write_folder(tmp_path, {NAME: descriptor(), DISK: disk()})
        before = identify_image(path, no_progress).sha256
        altered = bytearray(disk())
        altered[len(altered) // 2] ^= 1
        (tmp_path / DISK).write_bytes(altered)
        assert identify_image(path, no_progress).sha256 != before

    def test_each_file_is_counted(self, tmp_path: Path) -> None:
        seen: list[Progress] = []
        identify_image(write_folder(tmp_path), seen.append)
        total = len(descriptor()) + len(disk())
        assert seen == [Progress(len(descriptor()), total), Progress(total, total)]

    def test_without_its_disk(self, tmp_path: Path) -> None:
        path = write_folder(tmp_path, {NAME: descriptor()})
        assert refusal(path) == (
            f"PATH lacks {DISK}, which its descriptor names",
            "an .ovf needs its files in the same folder: give the .ovf in that folder, or the .ova",
        )

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_descriptors_in_other_encodings(self, tmp_path: Path, encoding: str) -> None:
        text = descriptor().decode().replace('encoding="UTF-8"', "")
        path = write_folder(tmp_path, {NAME: text.encode(encoding), DISK: disk()})
        assert identify_image(path, no_progress).virtual_size == DISK_SIZE


TOOLS = (
    ("sha256sum",),
    ("sha512sum", "--binary"),
    ("sha1sum",),
    ("sha384sum", "--tag"),
    ("openssl", "dgst", "-sha256"),
    ("openssl", "dgst", "-r", "-sha384"),
)


class TestManifest:
    def ova(self, tmp_path: Path, text: bytes) -> Path:
        return write_ova(tmp_path / "x.ova", {**members(), "mailgw.mf": text})

    def test_an_altered_disk(self, tmp_path: Path) -> None:
        altered = bytearray(disk())
        altered[len(altered) // 2] ^= 1
        message, hint = refusal(write_ova(tmp_path / "x.ova", {**members(), DISK: bytes(altered)}))
        assert message == (
            f"{DISK} in PATH is damaged: its SHA256 is {sha256(altered)}, its manifest says {sha256(disk())}"
        )
        assert hint == "fetch it again and compare its checksum with the publisher's"

    def test_an_altered_descriptor(self, tmp_path: Path) -> None:
        files = {**members(), NAME: descriptor(OVF.replace("debian12", "windows9"))}
        assert refusal(write_ova(tmp_path / "x.ova", files))[0].startswith(f"{NAME} in PATH is damaged: its SHA256 is ")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"", "mailgw.mf in PATH is damaged: it names no file"),
            (b"\xff\xfe", "mailgw.mf in PATH is damaged: it names no file"),
            (b"\xff\x00", "mailgw.mf in PATH is damaged: '\xff\\x00' is no line of a manifest"),
            (b"MD5(a)= 00\n", "mailgw.mf in PATH uses MD5, which is not supported"),
            (
                manifest([(NAME, b""), (NAME, b"x")]),
                "mailgw.mf in PATH is damaged: it names a file twice",
            ),
            (b"SHA256(../../etc/passwd)= 00", f"mailgw.mf in PATH says nothing of {NAME}"),
            (b"SHA256(gone.iso)= 00\n", f"mailgw.mf in PATH says nothing of {NAME}"),
            (manifest([(NAME, b"")]), f"mailgw.mf in PATH says nothing of {DISK}"),
            (bytes(2 * MEBI), "mailgw.mf in PATH has 2 MiB"),
        ],
    )
    def test_one_that_vouches_for_nothing(self, tmp_path: Path, text: bytes, message: str) -> None:
        seen, hint = refusal(self.ova(tmp_path, text))
        assert seen == message
        assert hint

    @pytest.mark.parametrize("tool", TOOLS, ids=" ".join)
    @pytest.mark.parametrize("disk_too", ["as it is", "altered"])
    def test_as_the_tool_itself_writes_it(self, tmp_path: Path, tool: Sequence[str], disk_too: str) -> None:
        files = {name: data for name, data in members().items() if not name.endswith(".mf")}
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        written = subprocess.run([*tool, *files], cwd=tmp_path, check=True, capture_output=True).stdout
        text = b"# made by hand\r\n\r\n" + written.replace(b"\n", b"\r\n")
        if disk_too == "as it is":
            remark = identify_image(self.ova(tmp_path, text), no_progress).remarks[0]
            assert re.fullmatch(r"its manifest \(SHA[0-9]+\) agrees; it is not signed", remark)
            return
        altered = {**members(), DISK: disk()[:-1] + b"\1", "mailgw.mf": text}
        assert refusal(write_ova(tmp_path / "x.ova", altered))[0].startswith(f"{DISK} in PATH is damaged: its SHA")

    @pytest.mark.parametrize("digest", ["0" * 41, "0" * 32, "0" * 63], ids=len)
    def test_a_digest_of_no_known_length_is_none(self, tmp_path: Path, digest: str) -> None:
        seen, _ = refusal(self.ova(tmp_path, f"{digest}  {NAME}\n".encode()))
        assert seen.endswith("is no line of a manifest")

    def test_every_digest_of_a_file_is_checked(self, tmp_path: Path) -> None:
        both = members()["mailgw.mf"] + manifest([(DISK, b"another")], "SHA512")
        assert "its SHA512 is" in refusal(self.ova(tmp_path, both))[0]


class TestExpectedDigest:
    def test_in_either_case(self, tmp_path: Path) -> None:
        path = write_ova(tmp_path / "x.ova")
        expected = sha256(path.read_bytes())
        assert identify_image(path, no_progress, sha256=f" {expected.upper()}\n").sha256 == expected

    @pytest.mark.parametrize("make", [write_ova, lambda path: write_folder(path.parent)])
    def test_another_one(self, tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
        path = make(tmp_path / "x.ova")
        found = identify_image(path, no_progress).sha256
        message, hint = refusal(path, sha256="0" * 64)
        assert message == f"PATH has the SHA-256 {found}, not {'0' * 64} as expected"
        assert hint.endswith("correct --sha256 (image.sha256)")

    def test_of_a_disk_image(self, tmp_path: Path) -> None:
        path = tmp_path / "disk.vmdk"
        path.write_bytes(disk())
        assert identify_image(path, no_progress, sha256=sha256(disk())).format == "vmdk"
        assert refusal(path, sha256="0" * 64)[0].startswith("PATH has the SHA-256")


DISKS = """<Disk ovf:capacity="4" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1"
     ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>"""
SECOND = (
    "</Item><Item><rasd:HostResource>/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>9</rasd:InstanceID>"
    "<rasd:ResourceType>17</rasd:ResourceType></Item>"
)

OTHERWISE = [
    ("<VirtualSystem ", "<VirtualSystemCollection/><VirtualSystem ", "describes a collection of virtual machines (1)"),
    ("</Envelope>", "<VirtualSystem/></Envelope>", "describes a collection of virtual machines (2)"),
    ("VirtualSystem", "VirtualThing", "is damaged: it describes no virtual machine"),
    ("VirtualHardwareSection", "Hardware", "is damaged: its virtual machine has no hardware section"),
    ("<rasd:ResourceType>17", "<rasd:ResourceType>16", "describes a machine without a disk"),
    ("</Item>\n      <vmw:Config", SECOND + "<vmw:Config", "describes a machine with 2 disks"),
    ("ovf:/disk/vmdisk1", "ovf:/file/file9", "is damaged: its disk section has 0 disks of the file 'file9'"),
    (
        "ovf:/disk/vmdisk1",
        "ovf:/network/x",
        "a disk of its hardware is backed by 'ovf:/network/x', which names no disk",
    ),
    ("ovf:/disk/vmdisk1", "ovf:/disk/other", "is damaged: its disk section has 0 disks 'other'"),
    (DISKS, DISKS + DISKS, "is damaged: its disk section has 2 disks 'vmdisk1'"),
    ('ovf:fileRef="file1"', "", "describes a machine whose disks are all empty"),
    ('ovf:fileRef="file1"', 'ovf:fileRef="x"', "is damaged: its disk 'vmdisk1' has no file 'x' among its references"),
    ('ovf:fileRef="file1"', 'ovf:fileRef="file1" ovf:parentRef="x"', "has a disk that is only a delta of another"),
    ('ovf:capacity="4"', 'ovf:capacity="${size}"', "takes its disk's size from a property: '${size}'"),
    ('ovf:capacity="4"', 'ovf:capacity="four"', "is damaged: 'four' is no number"),
    ('ovf:capacity="4"', 'ovf:capacity="-4"', "is damaged: '-4' is no number"),
    ('ovf:capacity="4"', "", "is damaged: its disk is said to have 0 bytes"),
    ('ovf:capacity="4"', 'ovf:capacity="999999999"', "is damaged: its disk is said to have 1048575998951424 bytes"),
    ('ovf:capacity="4"', f'ovf:capacity="{"9" * 5000}"', f"is damaged: '{'9' * 40}' is no number"),
    ("byte * 2^20", "furlong", "is damaged: 'furlong' is not a unit of bytes"),
    *(("byte * 2^20", unit, None) for unit in ("mebibyte", "MegaByte", "MiB", "byte * 2 ^ 20", "byte*1024*1024")),
    ("vmdk.html", "vhdx.html", None),
    ('ovf:size="@SIZE@"', 'ovf:compression="gzip"', f"has its disk in a compressed file ('gzip'): {DISK}"),
    ('ovf:size="@SIZE@"', 'ovf:chunkSize="1000"', f"has its disk in a file in pieces: {DISK}"),
    ("<DiskSection>", "<EncryptionSection/><DiskSection>", "has encrypted parts"),
    (f'ovf:href="{DISK}"', 'ovf:href="../disk.vmdk"', "'../disk.vmdk' in its references, which leads out of its"),
    (f'ovf:href="{DISK}"', 'ovf:href="%2e%2e%2fdisk.vmdk"', "'../disk.vmdk' in its references, which leads out of"),
    (f'ovf:href="{DISK}"', 'ovf:href="/etc/shadow"', "'/etc/shadow' in its references, which is an absolute path"),
    (f'ovf:href="{DISK}"', 'ovf:href="C:\\x.vmdk"', "'C:\\\\x.vmdk' in its references, which is an absolute path"),
    (f'ovf:href="{DISK}"', 'ovf:href="https://x/disk"', "'https://x/disk' in its references, which lies elsewhere"),
    (f'ovf:href="{DISK}"', 'ovf:href="in/disk"', "'in/disk' in its references, which is in a folder of its own"),
    (f'ovf:href="{DISK}"', 'ovf:href=""', "names a file '' in its references, which is not a file name"),
    (f'ovf:href="{DISK}"', 'ovf:href="other.vmdk"', "lacks other.vmdk, which its descriptor names"),
    ("?>", "?><!DOCTYPE x>", "has its own document type or entities (DTDForbidden), which no OVF needs"),
    ("<Envelope", "<Letter", "its XML cannot be read (mismatched tag"),
    ("</Envelope>", "", "its XML cannot be read (no element found"),
    ("UTF-8", "UTF-99", "its XML cannot be read (unknown encoding"),
    ("http://schemas.dmtf.org/ovf/envelope/1", "http://schemas.dmtf.org/ovf/envelope/2", None),
    ('xmlns:vmw="http://www.vmware.com/schema/ovf"', 'xmlns:vmw="urn:any"', None),
]


@pytest.mark.parametrize(("old", "new", "message"), OTHERWISE)
def test_descriptors_that_say_otherwise(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    assert old in OVF
    files = {NAME: descriptor(OVF.replace(old, new)), DISK: disk()}
    path = write_ova(tmp_path / "x.ova", files)
    if message is None:
        assert identify_image(path, no_progress).virtual_size == DISK_SIZE
    else:
        seen, hint = refusal(path)
        assert message in seen
        assert hint


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ENTITIES = [
    f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>',
    '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
]


@pytest.mark.parametrize("trick", ENTITIES)
def test_entity_tricks(tmp_path: Path, trick: str) -> None:
    text = OVF.replace("?>", f"?>{trick}").replace("Do as you please.", "&l9;")
    path = write_ova(tmp_path / "x.ova", {NAME: descriptor(text), DISK: disk()})
    seen, hint = refusal(path)
    assert re.fullmatch(rf"{NAME} in PATH has its own document type or entities \(\w+\), which no OVF needs", seen)
    assert hint == "a publisher's file does not look like this: fetch it again from its publisher"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b" " * (5 * MEBI), f"{NAME} in PATH is a descriptor of 5 MiB"),
        (b"<a>" * 200_000, f"{NAME} in PATH is damaged: its XML cannot be read (no element found"),
        (b"<html/>", f"{NAME} in PATH is XML, but not an OVF: its root is 'html'"),
    ],
)
def test_what_is_no_descriptor(tmp_path: Path, text: bytes, message: str) -> None:
    assert refusal(write_ova(tmp_path / "x.ova", {NAME: text, DISK: disk()}))[0].startswith(message)


class TestDisagreement:
    def ova(self, tmp_path: Path, ovf: str, image: bytes) -> Path:
        return write_ova(tmp_path / "x.ova", {NAME: descriptor(ovf), DISK: image})

    def test_over_the_size_of_the_disk(self, tmp_path: Path) -> None:
        path = self.ova(tmp_path, OVF.replace('capacity="4"', 'capacity="5"'), disk())
        assert refusal(path)[0] == (
            f"{DISK} in PATH is damaged: its disk has {DISK_SIZE} bytes, its descriptor says {5 * MEBI}"
        )

    @pytest.mark.parametrize(("capacity", "unit"), [("1", "byte * 2^30"), ("1", "GigaBytes"), ("4194304", "byte")])
    def test_a_size_rounded_up_to_its_unit_agrees(self, tmp_path: Path, capacity: str, unit: str) -> None:
        ovf = OVF.replace('capacity="4"', f'capacity="{capacity}"').replace('Units="byte * 2^20"', f'Units="{unit}"')
        assert identify_image(self.ova(tmp_path, ovf, disk()), no_progress).virtual_size == DISK_SIZE

    def test_over_the_size_of_the_file(self, tmp_path: Path) -> None:
        path = self.ova(tmp_path, OVF.replace("@SIZE@", "77"), disk())
        assert refusal(path)[0] == f"{DISK} in PATH is damaged: it has {len(disk())} bytes, its descriptor says 77"

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (b"\x1f\x8bmore", f"{DISK} in PATH is a gzip file, not a disk image"),
            (b"", f"{DISK} in PATH is empty"),
            (bytes(510) + b"\x55\xaa", f"{DISK} in PATH is damaged: its format is raw, its descriptor says vmdk"),
        ],
    )
    def test_over_the_format(self, tmp_path: Path, image: bytes, message: str) -> None:
        assert refusal(self.ova(tmp_path, OVF.replace(' ovf:size="@SIZE@"', ""), image))[0] == message


class TestHiddenFiles:
    """A VMDK that would have QEMU open another file of this machine is refused, wherever it hides the name."""

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"parentCID=ffffffff", b"parentCID=12345678"),
            (b"# Extent description", b'parentFileNameHint="'),
            (b"# Extent description", b"#parentFileNameHint="),
        ],
    )
    def test_a_parent(self, tmp_path: Path, old: bytes, new: bytes) -> None:
        path = write_ova(tmp_path / "x.ova", members(disk=disk().replace(old, new.ljust(len(old)), 1)))
        assert refusal(path)[0] == f"{DISK} in PATH is only a delta: a VMDK with a parent disk"

    def test_a_parent_beyond_the_length_that_the_header_tells(self, tmp_path: Path) -> None:
        image = bytearray(disk())
        assert image[512:].startswith(b"# Disk DescriptorFile")
        image[36:44] = (1).to_bytes(8, "little")  # one sector of descriptor
        end = image.index(0, 512)
        hint = b'\nparentFileNameHint="/etc/shadow"\n'
        image[end : end + len(hint)] = hint
        path = write_ova(tmp_path / "x.ova", members(disk=bytes(image)))
        assert refusal(path)[0] == f"{DISK} in PATH is only a delta: a VMDK with a parent disk"

    def test_a_parent_where_qemu_searches_although_the_header_names_another_place(self, tmp_path: Path) -> None:
        """QEMU reads the second sector; this one's header names a harmless text at the end."""
        image = bytearray(disk())
        image += bytes(-len(image) % 512)
        image[28:36] = (len(image) // 512).to_bytes(8, "little")
        text = bytes(image[512 : image.index(0, 512)])
        hint = text + b'parentFileNameHint="/etc/shadow"\n'
        image[512 : 512 + len(hint)] = hint
        moved = bytes(image) + text.ljust(20 * 512, b"\0")
        path = write_ova(tmp_path / "x.ova", members(OVF.replace(' ovf:size="@SIZE@"', ""), moved))
        assert refusal(path)[0] == f"{DISK} in PATH is only a delta: a VMDK with a parent disk"

    def test_a_header_without_capacity_for_which_qemu_reads_extents_from_the_text(self, tmp_path: Path) -> None:
        image = disk()[:12] + bytes(8) + disk()[20:]
        path = write_ova(tmp_path / "x.ova", members(disk=image))
        assert refusal(path)[0] == f"{DISK} in PATH is damaged: a VMDK header without capacity or grain size"


@pytest.fixture
def qcow2(tmp_path: Path) -> bytes:
    import subprocess

    (tmp_path / "in.vmdk").write_bytes(disk())
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", tmp_path / "in.vmdk", tmp_path / "out"], check=True)
    return (tmp_path / "out").read_bytes()
