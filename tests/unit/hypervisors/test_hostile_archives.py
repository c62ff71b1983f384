"""Archives that lie: path tricks, links, devices, duplicates, forged headers, cut anywhere, altered anywhere."""

import os
import random
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from small_ova import DISK, DISK_SIZE, MEBI, NAME, descriptor, members, packed, write_ova
from small_ova import stream_optimized as disk

from hypervisors import BadImage, identify_image, no_progress

ODD = "a publisher's file does not look like this: fetch it again from its publisher, or give only the disk image"
APART = "unpack the package, put all its files into one folder, and give the .ovf there, or only the disk image"
Change = Callable[[tarfile.TarInfo], object]


def refusal(path: Path) -> tuple[str, str]:
    """The message with the file's path as PATH, and the hint."""
    with pytest.raises(BadImage) as caught:
        identify_image(path, no_progress)
    return str(caught.value).replace(str(path), "PATH"), caught.value.hint


def with_member(change: Change, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """A package with one member more, of five bytes, as `change` makes its header."""
    info = tarfile.TarInfo("more")
    info.size = 5
    change(info)
    end = packed(members()).rstrip(b"\0")
    return end + bytes(-len(end) % 512) + info.tobuf(form) + bytes(512 + 1024)


def named(name: str) -> Change:
    return lambda info: setattr(info, "name", name)


def typed(kind: bytes) -> Change:
    return lambda info: (setattr(info, "type", kind), setattr(info, "linkname", "/etc/passwd"))


def sized(size: int) -> Change:
    return lambda info: setattr(info, "size", size)


NAMES = [
    ("../more", "leads out of its folder"),
    ("a/../../more", "leads out of its folder"),
    ("..", "leads out of its folder"),
    ("/etc/cron.d/more", "is an absolute path"),
    ("C:more", "is an absolute path"),
    ("\\\\host\\more", "is an absolute path"),
    ("a\\..\\..\\more", "leads out of its folder"),
    ("a/more", "is in a folder of its own"),
    ("mo\nre", "is not a file name"),
    ("mo\x1b[31mre", "is not a file name"),
    ("mo\u202ere", "is not a file name"),
    (".", "is not a file name"),
]


@pytest.mark.parametrize(("name", "reason"), NAMES)
def test_path_tricks(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / "x.ova"
    path.write_bytes(with_member(named(name), tarfile.GNU_FORMAT))
    hint = APART if reason.endswith("folder of its own") else ODD
    assert refusal(path) == (f"PATH names a file {name!r} in its archive, which {reason}", hint)


KINDS = [
    (tarfile.SYMTYPE, "a symbolic link"),
    (tarfile.LNKTYPE, "a hard link"),
    (tarfile.CHRTYPE, "a device"),
    (tarfile.BLKTYPE, "a device"),
    (tarfile.FIFOTYPE, "a pipe"),
    (tarfile.DIRTYPE, "a folder"),
    (tarfile.CONTTYPE, "type b'7'"),
    (b"Z", "type b'Z'"),
]


@pytest.mark.parametrize(("kind", "what"), KINDS)
def test_members_that_are_no_plain_files(tmp_path: Path, kind: bytes, what: str) -> None:
    path = tmp_path / "x.ova"
    path.write_bytes(with_member(typed(kind)))
    message, hint = refusal(path)
    assert message == f"PATH has a member 'more' that is not a plain file ({what})"
    assert hint.startswith("an OVA contains only plain files")


def sparse_1_0(info: tarfile.TarInfo) -> None:
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}


def sparse_map(text: str) -> Change:
    return lambda info: info.pax_headers.update({"GNU.sparse.map": text, "GNU.sparse.size": "5"})


FORGED = [
    (sized(9 * MEBI), tarfile.GNU_FORMAT, "PATH is cut short: it refers to byte "),
    (sized(1 << 62), tarfile.GNU_FORMAT, "PATH is cut short: it refers to byte "),
    (sized(-512), tarfile.GNU_FORMAT, "PATH is damaged: the member more has a negative size"),
    (lambda info: info.pax_headers.update(size=str(1 << 70)), tarfile.PAX_FORMAT, "PATH is cut short: it refers to"),
    (lambda info: info.pax_headers.update(size="-7"), tarfile.PAX_FORMAT, "PATH is damaged: the member more has a neg"),
    (lambda info: info.pax_headers.update(path="../x"), tarfile.PAX_FORMAT, "PATH names a file '../x' in its archive"),
    (sparse_1_0, tarfile.PAX_FORMAT, "PATH is damaged: its tar headers are not valid ("),
    (sparse_map("0,1,2,3"), tarfile.PAX_FORMAT, "PATH has a member 'more' that is not a plain file (a sparse file"),
    (sparse_map("0,one"), tarfile.PAX_FORMAT, "PATH is damaged: its tar headers are not valid ("),
    (typed(tarfile.GNUTYPE_SPARSE), tarfile.GNU_FORMAT, "PATH has a member 'more' that is not a plain file (a sparse"),
]


@pytest.mark.parametrize(("change", "form", "message"), FORGED)
def test_forged_headers(tmp_path: Path, change: Change, form: int, message: str) -> None:
    path = tmp_path / "x.ova"
    path.write_bytes(with_member(change, form))
    seen, hint = refusal(path)
    assert seen.startswith(message)
    assert hint


def test_a_long_name_that_would_fill_the_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 3 << 30
    path = tmp_path / "x.ova"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, 4 << 30)
    assert refusal(path)[0].startswith("PATH is damaged: its tar headers are not valid (a header of 3221225472 bytes")


def test_headers_nested_without_end(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 512
    path = tmp_path / "x.ova"
    path.write_bytes((info.tobuf(tarfile.USTAR_FORMAT) + b"11 path=ab\n".ljust(512, b"\0")) * 5000)
    assert refusal(path)[0].startswith("PATH is damaged: its tar headers are not valid (")


def test_more_members_than_a_package_has(tmp_path: Path) -> None:
    path = write_ova(tmp_path / "x.ova", {f"m{number}": b"" for number in range(1001)})
    assert refusal(path) == ("PATH has more than 1000 members", "is it an OVA? those have a few")


@pytest.mark.parametrize("name", [NAME, DISK, "mailgw.mf", f"./{DISK}"])
def test_two_members_of_one_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.ova"
    path.write_bytes(with_member(named(name)))
    message, hint = refusal(path)
    assert message == f"PATH has two members {name.removeprefix('./')!r}, and programs differ in which one they use"
    assert hint == "fetch it again from its publisher"


PARTS = [
    (lambda: {**members(), "other.ovf": b""}, "PATH has 2 files .ovf (mailgw.ovf, other.ovf)"),
    (lambda: {**members(), "other.MF": b""}, "PATH has 2 files .mf (mailgw.mf, other.MF)"),
    (lambda: {DISK: b"", "README": b""}, "PATH is a tar archive without an OVF descriptor"),
    (lambda: {NAME: descriptor()}, f"PATH lacks {DISK}, which its descriptor names"),
]


@pytest.mark.parametrize(("files", "message"), PARTS, ids=[message for _, message in PARTS])
def test_parts_too_many_or_too_few(tmp_path: Path, files: Callable[[], dict[str, bytes]], message: str) -> None:
    seen, hint = refusal(write_ova(tmp_path / "x.ova", files()))
    assert seen == message
    assert hint


def test_a_header_overwritten_is_not_taken_for_the_end(tmp_path: Path) -> None:
    """tarfile stops there without a word, and what follows would be missing."""
    files = {**members(), "zzz": b"more"}
    data = packed(files)
    at = data.index(b"zzz\0")
    path = tmp_path / "x.ova"
    path.write_bytes(data[:at] + b"\1" * 512 + data[at + 512 :])
    message = f"PATH is damaged: at byte {at} there is neither a tar header nor the end of the archive"
    assert refusal(path)[0] == message


class TestTruncation:
    def test_cut_anywhere(self, tmp_path: Path) -> None:
        """Refused wherever anything but the zeros at the end is missing."""
        data = packed({**members(), "tools.iso": b"CD"})
        content = len(data.rstrip(b"\0"))
        end = content + -content % 512 + 512  # the first block of zeros ends the archive
        blocks = range(0, len(data), 512)
        anywhere = random.Random(4).sample(range(len(data)), 150)  # noqa: S311 -- no secret
        near = [at + by for at in (512, 1024, content, end) for by in (-1, 0, 1)]
        path = tmp_path / "x.ova"
        path.write_bytes(data)
        for at in sorted({*anywhere, *near, *blocks[:: len(blocks) // 100], *blocks[-30:]}, reverse=True):
            os.truncate(path, at)
            if at >= end:
                assert identify_image(path, no_progress).virtual_size == DISK_SIZE
            else:
                message, hint = refusal(path)
                assert re_cut(message), (at, message)
                assert hint

    def test_a_cut_disk_beside_its_ovf(self, tmp_path: Path) -> None:
        for name, data in members().items():
            (tmp_path / name).write_bytes(data)
        for at in range(len(disk()) - 1, 0, -(len(disk()) // 40)):
            os.truncate(tmp_path / DISK, at)
            refusal(tmp_path / NAME)


def re_cut(message: str) -> bool:
    """What a user reads where a file is not whole; the first bytes of an archive look like any file."""
    words = ("is cut short", "is damaged", "is empty", "is not a disk image", "is an OVF", "is a tar archive")
    return message.startswith("PATH") and any(word in message for word in words)


@pytest.mark.slow
def test_altered_anywhere(tmp_path: Path) -> None:
    """Whatever bytes change, an image or a BadImage comes out, and nothing that the manifest covers passes altered."""
    data = packed(members())
    covered = (descriptor(), disk())
    path = tmp_path / "x.ova"
    chance = random.Random(5)  # noqa: S311 -- no secret
    for _ in range(300):
        at = chance.choice((chance.randrange(512), chance.randrange(20_000), chance.randrange(len(data) - 512)))
        noise = chance.randbytes(chance.choice((1, 1, 8, 100, 512)))
        altered = data[:at] + noise + data[at + len(noise) :]
        path.write_bytes(altered)
        with suppress(BadImage):
            assert identify_image(path, no_progress).virtual_size == DISK_SIZE
            assert all(part in altered for part in covered), at


@pytest.mark.slow
def test_more_than_four_gibibytes_in_constant_memory(tmp_path: Path) -> None:
    """In a process of its own: a fork would inherit this one's high-water mark."""
    footer = disk()[:512]
    image = disk()[:56] + b"\xff" * 8 + disk()[64:]
    size = (4 << 30) + MEBI
    info = tarfile.TarInfo(DISK)
    info.size = size
    head = packed({NAME: descriptor().replace(f'ovf:size="{len(disk())}"'.encode(), b"")}).rstrip(b"\0")
    head += bytes(-len(head) % 512) + info.tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "large.ova"
    with path.open("wb") as file:
        file.write(head + image)
        file.seek(len(head) + size - 1536)
        file.write(bytes(12) + b"\3" + bytes(499) + footer)
        file.truncate(len(head) + size + 1024)
    script = (
        "import sys; from pathlib import Path; from hypervisors import identify_image, no_progress\n"
        "image = identify_image(Path(sys.argv[1]), no_progress)\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(image.disk.size, image.virtual_size, peak.split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    found, virtual, peak = map(int, done.stdout.split())
    assert (found, virtual) == (size, DISK_SIZE)
    assert peak < 64 * 1024  # KiB; the interpreter and its modules take about half of that
