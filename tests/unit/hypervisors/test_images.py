"""identify_image: formats known by their bytes; what cannot be deployed is refused with what it is."""

import gzip
import hashlib
import os
import random
import shlex
import shutil
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from hypervisors import BadImage, Image, Progress, identify_image, no_progress, unchanged
from hypervisors.formats import scattered

MEBI = 1 << 20
NOISE = random.Random(1).randbytes(MEBI)  # noqa: S311 -- no secret: bytes that compression leaves as they are
DISK_SIZE = 3 * MEBI + 512  # no multiple of a cluster: the last one is written in part


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk with a boot sector, data here and there, and data at its very end."""
    path = tmp_path_factory.mktemp("images") / "disk.raw"
    with path.open("wb") as file:
        file.truncate(DISK_SIZE)
        for offset, data in ((510, b"\x55\xaa"), (MEBI, NOISE), (DISK_SIZE - 512, NOISE[:512])):
            file.seek(offset)
            file.write(data)
    return path


def converted(disk: Path, folder: Path, form: str, *options: str) -> Path:
    if not shutil.which("qemu-img"):
        pytest.skip("needs qemu-img to make the image")
    target = folder / f"disk.{form}"
    subprocess.run(["qemu-img", "convert", "-O", form, *options, disk, target], check=True)
    return target


def refusal(path: Path) -> tuple[str, str]:
    """The message after the file's path, and the hint."""
    with pytest.raises(BadImage) as caught:
        identify_image(path, no_progress)
    assert str(path) in str(caught.value)
    return str(caught.value).replace(f"{path} ", ""), caught.value.hint


FORMATS = [
    ("qcow2", ()),
    ("qcow2", ("-c",)),
    ("qcow2", ("-o", "compat=0.10")),
    ("qcow2", ("-o", "cluster_size=4k")),
    ("qcow2", ("-o", "extended_l2=on")),
    ("qcow2", ("-o", "preallocation=metadata")),
    ("qcow2", ("-c", "-o", "compression_type=zstd")),
    ("vmdk", ()),
    ("vmdk", ("-o", "subformat=streamOptimized")),
]


@pytest.mark.parametrize(("form", "options"), FORMATS, ids=str)
class TestWholeAndCut:
    def test_is_identified(self, disk: Path, tmp_path: Path, form: str, options: tuple[str, ...]) -> None:
        path = converted(disk, tmp_path, form, *options)
        data = path.read_bytes()
        size = DISK_SIZE
        assert identify_image(path, no_progress) == Image(path, form, len(data), size, hashlib.sha256(data).hexdigest())

    @pytest.mark.parametrize("kept", [0.9, 0.7, 0.3])
    def test_cut_short_is_refused(
        self, disk: Path, tmp_path: Path, form: str, options: tuple[str, ...], kept: float
    ) -> None:
        if "preallocation=metadata" in options and kept > 0.8:
            pytest.skip("only room for zeros is missing, which changes nothing")
        path = converted(disk, tmp_path, form, *options)
        with path.open("r+b") as file:
            file.truncate(int(path.stat().st_size * kept))
        message, hint = refusal(path)
        assert message.startswith("is cut short: it refers to byte ")
        assert hint == "fetch it again and compare its checksum with the publisher's"


def test_qcow2_that_lacks_one_byte_of_data_is_cut_short(tmp_path: Path) -> None:
    raw = tmp_path / "full.raw"
    raw.write_bytes(NOISE)
    path = converted(raw, tmp_path, "qcow2")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    assert refusal(path)[0].startswith("is cut short")


@pytest.mark.parametrize(
    "options",
    ["extended_l2=on", "extended_l2=on,cluster_size=128k", "extended_l2=on,cluster_size=2M", "cluster_size=2M"],
)
def test_qcow2_whose_data_end_within_a_cluster_is_whole(tmp_path: Path, options: str) -> None:
    """With extended L2 QEMU writes those of its 32 parts that have data: the file may end before the cluster."""
    raw = tmp_path / "partial.raw"
    raw.write_bytes(NOISE + b"end" + bytes(5 << 20))
    path = converted(raw, tmp_path, "qcow2", "-o", options)
    assert identify_image(path, no_progress).virtual_size == -(-raw.stat().st_size // 512) * 512
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - (1 << 20) // 2)
    assert refusal(path)[0].startswith("is cut short")


def test_qcow2_header_alone_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"QFI\xfb\x00\x00\x00\x03")
    assert refusal(path)[0] == "is cut short: it refers to byte 48 and has 8"


def test_vmdk_without_its_footer_is_damaged(disk: Path, tmp_path: Path) -> None:
    path = converted(disk, tmp_path, "vmdk", "-o", "subformat=streamOptimized")
    with path.open("r+b") as file:
        file.seek(56)
        file.write(b"\xff" * 8)  # as VMware writes it: the directory is told at the end
    assert refusal(path)[0] == "is damaged: no VMDK header at its place; the end of the file is missing"


def test_vmdk_with_a_footer_is_identified(disk: Path, tmp_path: Path) -> None:
    path = converted(disk, tmp_path, "vmdk", "-o", "subformat=streamOptimized")
    header = path.read_bytes()[:512]
    with path.open("r+b") as file:
        file.seek(56)
        file.write(b"\xff" * 8)
        file.seek(0, 2)
        file.write(header + bytes(512))  # footer, end-of-stream marker
    assert identify_image(path, no_progress).virtual_size == DISK_SIZE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-b", "base.raw", "-F", "raw"), "is only an overlay: a qcow2 with a backing file"),
        (("-o", "data_file=other.raw"), "keeps its data in another file (qcow2 with an external data file)"),
    ],
)
def test_qcow2_that_needs_another_file(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    if not shutil.which("qemu-img"):
        pytest.skip("needs qemu-img to make the image")
    (tmp_path / "base.raw").write_bytes(bytes(MEBI))
    path = tmp_path / "image.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, path, "1M"], check=True, cwd=tmp_path)
    seen, hint = refusal(path)
    assert seen == message
    assert hint.startswith("make one file of it: qemu-img convert")


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (4, struct.pack(">I", 1), "is a qcow image of version 1, which is not supported"),
        (20, struct.pack(">I", 60), "is damaged: a qcow2 header with clusters of 2^60 bytes"),
        (32, struct.pack(">I", 2), "is an encrypted qcow2"),
        (36, struct.pack(">I", 0), "is damaged: a qcow2 header with 0 tables, where its disk needs 1"),
        (24, struct.pack(">Q", 1 << 50), "is damaged: a qcow2 header with 1 tables, where its disk needs 2097152"),
        (24, struct.pack(">Q", 0), "is damaged: its qcow2 header says a disk of 0 bytes"),
        (72, struct.pack(">Q", 2), "is damaged: its qcow2 header is marked corrupt"),
        (72, struct.pack(">Q", 64), "uses qcow2 features that are not supported (0x40)"),
    ],
)
def test_qcow2_that_cannot_be_read(disk: Path, tmp_path: Path, offset: int, value: bytes, message: str) -> None:
    path = converted(disk, tmp_path, "qcow2")
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(value)
    assert refusal(path)[0] == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"monolithicSparse", b"twoGbMaxExtentSparse"[:16], "is part of a VMDK of type twoGbMaxExtentSp"),
        (b"parentCID=ffffffff", b"parentCID=12345678", "is only a delta: a VMDK with a parent disk"),
    ],
)
def test_vmdk_that_needs_another_file(disk: Path, tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = converted(disk, tmp_path, "vmdk")
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    assert refusal(path)[0] == message


def test_raw_disk_with_boot_sector(disk: Path) -> None:
    image = identify_image(disk, no_progress)
    assert (image.format, image.virtual_size, image.file_size) == ("raw", DISK_SIZE, DISK_SIZE)


def test_raw_disk_with_gpt_alone(tmp_path: Path) -> None:
    path = tmp_path / "gpt"
    path.write_bytes(bytes(512) + b"EFI PART" + bytes(24) + struct.pack("<Q", 3) + bytes(2048 - 552))
    assert identify_image(path, no_progress).format == "raw"


def test_raw_disk_shorter_than_its_backup_gpt(tmp_path: Path) -> None:
    path = tmp_path / "gpt"
    path.write_bytes(bytes(512) + b"EFI PART" + bytes(24) + struct.pack("<Q", 4) + bytes(2048 - 552))
    assert refusal(path)[0] == "is cut short: it refers to byte 2560 and has 2048"


def test_raw_disk_shorter_than_its_partitions(tmp_path: Path) -> None:
    entry = struct.pack("<B3xB3xII", 0x80, 0x83, 2048, 4096)
    path = tmp_path / "mbr"
    path.write_bytes(bytes(446) + entry + bytes(48) + b"\x55\xaa" + bytes(MEBI))
    assert refusal(path)[0] == f"is cut short: it refers to byte {6144 * 512} and has {MEBI + 512}"


def test_raw_size_is_in_whole_sectors(tmp_path: Path) -> None:
    path = tmp_path / "odd"
    path.write_bytes(bytes(510) + b"\x55\xaa" + b"x")
    assert identify_image(path, no_progress).virtual_size == 1024


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "appliance.vmdk")


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("disk.vmdk", b"KDMV")


def _iso(path: Path) -> None:
    path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(32769 - 512) + b"CD001" + bytes(100))


OTHERS = [
    (lambda path: path.write_bytes(gzip.compress(b"disk")), "is a gzip file, not a disk image"),
    (_zip, "is a zip archive, not a disk image"),
    (_tar, "is a tar archive without an OVF descriptor"),
    (_iso, "is a CD or DVD image (ISO 9660), not a disk image"),
    (
        lambda path: path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(32769 - 512) + b"BEA01" + bytes(100)),
        "is a DVD or Blu-ray image (UDF), not a disk image",
    ),
    (lambda path: path.write_bytes(b"\xfd7zXZ\x00more"), "is an xz file, not a disk image"),
    (lambda path: path.write_bytes(b"\x04\x22\x4d\x18more"), "is an lz4 file, not a disk image"),
    (lambda path: path.write_bytes(b"]\0\0\x80\0more"), "is an lzma file, not a disk image"),
    (lambda path: path.write_bytes(b"070701000"), "is a cpio archive, not a disk image"),
    (lambda path: path.write_bytes(b"Rar!\x1a\x07\x01\0"), "is a RAR archive, not a disk image"),
    (lambda path: path.write_bytes(b"!<arch>\ndebian-binary   "), "is a Debian package, not a disk image"),
    (lambda path: path.write_bytes(b"\xed\xab\xee\xdb\3\0"), "is an RPM package, not a disk image"),
    (lambda path: path.write_bytes(b"version https://git-lfs.x\n"), "is a pointer of Git LFS, not a disk image"),
    (
        lambda path: path.write_bytes(b"\xbe\xba\xfe\xca\0\0\0\0"),
        "is one extent of a VMware snapshot (SESparse), not a disk image",
    ),
    (lambda path: path.write_bytes(b"vhdxfile"), "is a Hyper-V disk (VHDX), not a disk image"),
    (lambda path: path.write_bytes(b"\n <!DOCTYPE HTML><html>"), "is a web page, not a disk image"),
    (
        lambda path: path.write_bytes(b"# Disk DescriptorFile\nversion=1"),
        "is only the descriptor of a VMDK, a page of text",
    ),
    (lambda path: path.write_bytes(b""), "is empty"),
    (
        lambda path: path.write_bytes(b"plain text"),
        "is not a disk image: neither qcow2 nor VMDK, and without a boot sector",
    ),
    (lambda path: path.mkdir(), "is a folder"),
]


@pytest.mark.parametrize(("make", "message"), OTHERS, ids=[message for _, message in OTHERS])
def test_what_is_no_image(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "image"
    make(path)
    seen, hint = refusal(path)
    assert seen == message
    assert hint


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="there is no file") as caught:
        identify_image(tmp_path / "missing", no_progress)
    assert caught.value.hint == "check the path of the image"


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(bytes(510) + b"\x55\xaa")
        file.truncate(9 * MEBI)
    seen: list[Progress] = []
    identify_image(path, seen.append)
    assert seen == [Progress(done * MEBI, 9 * MEBI) for done in (4, 8, 9)]


HINTS_WITH_A_COMMAND = [
    ("vpc", (), "is a Hyper-V or Virtual PC disk (VHD), not a disk image"),
    ("vpc", ("-o", "subformat=fixed"), "is a Hyper-V or Virtual PC disk (VHD), not a disk image"),
    ("vhdx", (), "is a Hyper-V disk (VHDX), not a disk image"),
    ("vhdx", ("-o", "subformat=fixed"), "is a Hyper-V disk (VHDX), not a disk image"),
    ("vdi", (), "is a VirtualBox disk (VDI), not a disk image"),
    ("qed", (), "is a QEMU disk of an old format (QED), not a disk image"),
    ("parallels", (), "is a Parallels disk (HDD), not a disk image"),
    ("qcow", (), "is a qcow image of version 1, which is not supported"),
]


def run_hint(hint: str, image: Path) -> Path:
    """The command that a hint gives, run where it says; what it made."""
    command = shlex.split(hint[hint.index("qemu-img") :].replace("THIS-IMAGE", image.name))
    subprocess.run(command, check=True, cwd=image.parent)
    return image.parent / command[-1]


class TestHintsThatWork:
    """What a hint makes of the file is an image that holds the same disk."""

    @pytest.mark.parametrize(("form", "options", "message"), HINTS_WITH_A_COMMAND, ids=str)
    def test_of_another_format(
        self, disk: Path, tmp_path: Path, form: str, options: tuple[str, ...], message: str
    ) -> None:
        path = converted(disk, tmp_path, form, *options)
        seen, hint = refusal(path)
        assert seen == message
        self.holds(disk, run_hint(hint, path))

    @pytest.mark.parametrize("form", ["twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "monolithicFlat"])
    def test_of_a_vmdk_in_several_files(self, disk: Path, tmp_path: Path, form: str) -> None:
        path = converted(disk, tmp_path, "vmdk", "-o", f"subformat={form}")
        seen, hint = refusal(path)
        assert seen == "is only the descriptor of a VMDK, a page of text"
        assert hint.startswith(
            "make one file of it and its data, in their folder: qemu-img convert -O qcow2 disk.vmdk "
        )
        self.holds(disk, run_hint(hint, path))

    def test_of_an_extent_whose_descriptor_is_beside_it(self, disk: Path, tmp_path: Path) -> None:
        path = converted(disk, tmp_path, "vmdk", "-o", "subformat=twoGbMaxExtentSparse").with_name("disk-s001.vmdk")
        seen, hint = refusal(path)
        assert seen == "is one extent of the VMDK disk.vmdk"
        self.holds(disk, run_hint(hint, path))

    def test_of_one_whose_descriptor_has_a_name_with_blanks(self, disk: Path, tmp_path: Path) -> None:
        path = converted(disk, tmp_path, "vmdk", "-o", "subformat=twoGbMaxExtentSparse")
        path.rename(tmp_path / "my disk.vmdk")
        hint = refusal(tmp_path / "disk-s001.vmdk")[1]
        self.holds(disk, run_hint(hint, tmp_path / "disk-s001.vmdk"))

    def test_of_the_first_of_several_flat_extents(self, disk: Path, tmp_path: Path) -> None:
        """Its bytes are the beginning of the disk, so it looks like a raw one that is cut short."""
        whole = disk.read_bytes()
        (tmp_path / "gw-f001.vmdk").write_bytes(whole[:MEBI])
        (tmp_path / "gw-f002.vmdk").write_bytes(whole[MEBI:])
        extents = [
            f'RW {(len(part)) // 512} FLAT "gw-f00{n}.vmdk" 0' for n, part in enumerate((whole[:MEBI], whole[MEBI:]), 1)
        ]
        head = '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="twoGbMaxExtentFlat"\n'
        (tmp_path / "gw.vmdk").write_text(head + "\n".join([*extents, 'ddb.adapterType = "ide"', ""]))
        seen, hint = refusal(tmp_path / "gw-f001.vmdk")
        assert seen == "is one extent of the VMDK gw.vmdk"
        self.holds(disk, run_hint(hint, tmp_path / "gw-f001.vmdk"))

    def test_of_an_extent_without_its_descriptor(self, disk: Path, tmp_path: Path) -> None:
        path = converted(disk, tmp_path, "vmdk", "-o", "subformat=twoGbMaxExtentSparse")
        path.unlink()
        (tmp_path / "other.vmdk").write_text('# Disk DescriptorFile\nRW 8 SPARSE "other-s001.vmdk"\n')
        seen, hint = refusal(tmp_path / "disk-s001.vmdk")
        assert seen == "is one extent of a VMDK, without its descriptor"
        assert hint == (
            "with that (a .vmdk of text) and its other files in one folder: qemu-img convert -O qcow2 DESCRIPTOR.vmdk "
            "whole.qcow2"
        )

    def holds(self, disk: Path, made: Path) -> None:
        """The sizes of some formats are in cylinders: zeros may follow."""
        assert identify_image(made, no_progress).format == "qcow2"
        subprocess.run(["qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", disk, made], check=True)


def test_the_one_flat_extent_of_a_vmdk_is_a_whole_raw_disk(disk: Path, tmp_path: Path) -> None:
    converted(disk, tmp_path, "vmdk", "-o", "subformat=monolithicFlat")
    assert identify_image(tmp_path / "disk-flat.vmdk", no_progress).format == "raw"


MAGIC_AT_THE_END = [
    (b"conectix".ljust(512, b"\0"), "is a Hyper-V or Virtual PC disk (VHD), not a disk image"),
    (b"conectix".ljust(511, b"\0"), "is a Hyper-V or Virtual PC disk (VHD), not a disk image"),
    (b"koly".ljust(512, b"\0"), "is a macOS disk image (DMG), not a disk image"),
]


@pytest.mark.parametrize(("footer", "message"), MAGIC_AT_THE_END, ids=["VHD", "old VHD", "DMG"])
def test_a_format_that_shows_only_at_the_end(tmp_path: Path, footer: bytes, message: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(MEBI) + footer)
    assert refusal(path)[0] == message


def test_a_raw_disk_shorter_than_a_footer(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"koly".ljust(510, b"\0") + b"\x55\xaa")
    assert refusal(path)[0] == "is a macOS disk image (DMG), not a disk image"


@pytest.mark.parametrize("form", ["qcow2", "vmdk"])
def test_a_disk_of_no_bytes(tmp_path: Path, form: str) -> None:
    if not shutil.which("qemu-img"):
        pytest.skip("needs qemu-img to make the image")
    path = tmp_path / "image"
    subprocess.run(["qemu-img", "create", "-q", "-f", form, path, "0"], check=True)
    assert refusal(path)[0].startswith("is damaged: ")


def bytes_read() -> int:
    """By this process, through any call."""
    counters = Path("/proc/self/io").read_text().split()
    return int(counters[counters.index("rchar:") + 1])


class TestSparse:
    """What a file does not hold is not read."""

    LARGE = 2 << 40

    @pytest.fixture
    def raw(self, tmp_path: Path) -> Path:
        return self.sparse(tmp_path / "large.raw", {0: NOISE, self.LARGE // 2: NOISE, self.LARGE - 512: b"end"})

    def sparse(self, path: Path, pieces: dict[int, bytes], size: int = LARGE) -> Path:
        with path.open("wb") as file:
            try:
                file.truncate(size)
            except OSError:
                pytest.skip(f"the file system here holds no file of {size} bytes")
            for offset, data in {**pieces, 510: b"\x55\xaa"}.items():
                file.seek(offset)
                file.write(data)
        return path

    def test_a_disk_of_two_tebibytes_is_not_read_to_its_end(self, raw: Path) -> None:
        seen: list[Progress] = []
        before = bytes_read()
        image = identify_image(raw, seen.append)
        assert bytes_read() - before < 24 * MEBI
        assert (image.format, image.virtual_size, image.file_size) == ("raw", self.LARGE, self.LARGE)
        assert seen[-1] == Progress(self.LARGE, self.LARGE)
        assert image.remarks == (
            "it is large: its SHA-256 is that of its pieces with data (--sha256 is compared with that of all of it)",
        )

    @pytest.mark.slow
    def test_a_preallocated_qcow2_neither(self, tmp_path: Path) -> None:
        if not shutil.which("qemu-img"):
            pytest.skip("needs qemu-img to make the image")
        path = tmp_path / "large.qcow2"
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, "20G"]
        subprocess.run(command, check=True)
        assert path.stat().st_size > 20 << 30
        before = bytes_read()
        assert identify_image(path, no_progress).virtual_size == 20 << 30
        assert bytes_read() - before < 256 * MEBI  # a piece for each of its 40 tables

    @pytest.mark.parametrize("offset", [MEBI, LARGE // 2 + 5, LARGE - 1])
    def test_any_other_byte_gives_another_digest(self, raw: Path, offset: int) -> None:
        before = identify_image(raw, no_progress).sha256
        with raw.open("r+b") as file:
            file.seek(offset)
            file.write(b"\1")
        assert identify_image(raw, no_progress).sha256 != before

    def test_the_same_bytes_elsewhere_give_another_digest(self, tmp_path: Path) -> None:
        places = (1 << 30, 2 << 30)
        one, other = (self.sparse(tmp_path / str(at), {0: bytes(512), at: NOISE}, 17 << 30) for at in places)
        assert identify_image(one, no_progress).sha256 != identify_image(other, no_progress).sha256

    def test_a_copy_with_fewer_holes_has_the_same_digest(self, tmp_path: Path) -> None:
        one, other = (self.sparse(tmp_path / name, {0: NOISE, 17 << 30: b""}, 17 << 30) for name in ("one", "other"))
        with other.open("r+b") as file:
            file.seek(8 << 30)
            file.write(bytes(9 * MEBI))  # zeros that are written
        assert other.stat().st_blocks > one.stat().st_blocks
        found = identify_image(one, no_progress).sha256
        assert identify_image(other, no_progress).sha256 == found
        assert found.startswith("pieces:")

    def test_a_change_after_it_was_identified_is_noticed(self, raw: Path) -> None:
        image = identify_image(raw, no_progress)
        unchanged.refuse_other_bytes(image, no_progress)
        with raw.open("r+b") as file:
            file.seek(self.LARGE - 4096)
            file.write(b"changed")
        with pytest.raises(BadImage, match="its bytes have changed since it was identified"):
            unchanged.refuse_other_bytes(image, no_progress)

    def test_a_smaller_one_has_the_digest_of_all_its_bytes_without_reading_its_holes(self, tmp_path: Path) -> None:
        path = self.sparse(tmp_path / "small.raw", {0: NOISE, 40 * MEBI + 7: NOISE}, 100 * MEBI + 3)
        expected = hashlib.sha256(path.read_bytes()).hexdigest()
        before = bytes_read()
        assert identify_image(path, no_progress).sha256 == expected
        assert bytes_read() - before < 20 * MEBI

    def test_the_digest_that_is_asked_for_is_that_of_all_bytes(
        self, raw: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a smaller file here: an hour of hashing zeros shows no more."""
        monkeypatch.setattr(scattered, "_LARGE", MEBI)
        path = self.sparse(raw.with_name("asked.raw"), {0: NOISE}, 9 * MEBI)
        expected = hashlib.sha256(path.read_bytes()).hexdigest()
        by_pieces = identify_image(path, no_progress).sha256
        assert identify_image(path, no_progress, sha256=expected).sha256 == by_pieces
        with pytest.raises(BadImage, match=f"has the SHA-256 {expected}, not {'0' * 64} as expected"):
            identify_image(path, no_progress, sha256="0" * 64)

    @pytest.mark.parametrize("size", [MEBI, 50 * MEBI])
    @pytest.mark.parametrize("large", [MEBI, 1 << 40])
    def test_one_that_is_cut_while_it_is_read_is_noticed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, large: int
    ) -> None:
        """What is gone from its end looks like a hole."""
        monkeypatch.setattr(scattered, "_LARGE", large)
        path = self.sparse(tmp_path / "cut.raw", {0: NOISE, 30 * MEBI: NOISE}, 64 * MEBI)

        def cut(now: Progress) -> None:
            os.truncate(path, size)

        with pytest.raises(BadImage, match=f"it changed while it was read \\({64 * MEBI} bytes, then {size}\\)"):
            identify_image(path, cut)
