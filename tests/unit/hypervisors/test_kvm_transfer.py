"""Images written with qemu-img, and files cut into data and holes for a sparse stream."""

import os
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_ova import DISK, OVF, members, stream_optimized, write_folder, write_ova

from hypervisors import (
    Cancelled,
    HypervisorError,
    Image,
    NoRoom,
    NotSupported,
    Progress,
    ProgressListener,
    Unreachable,
    identify_image,
    no_progress,
    qemu_img,
)

pytest.importorskip("libvirt", reason="needs libvirt-python")
from hypervisors.formats import holes
from hypervisors.kvm import transfer
from hypervisors.kvm.moving import moving

MEBI = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """A raw disk of 8 MiB, of which the first and the fifth hold data."""
    if not shutil.which("qemu-img"):
        pytest.skip("needs qemu-img")
    path = tmp_path / "image.raw"
    with path.open("wb") as file:
        file.write(bytes(510) + b"\x55\xaa" + os.urandom(MEBI - 512))
        file.seek(4 * MEBI)
        file.write(os.urandom(MEBI))
        file.truncate(8 * MEBI)
    return identify_image(path, no_progress)


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["qemu-img", "compare", "-q", one, other], check=False).returncode == 0


class TestConvert:
    @pytest.mark.parametrize(("form", "options"), [("qcow2", ()), ("vmdk", ("-o", "subformat=streamOptimized"))])
    def test_every_format_becomes_the_same_disk(
        self, image: Image, tmp_path: Path, form: str, options: tuple[str, ...]
    ) -> None:
        source, target = tmp_path / "source", tmp_path / "target.qcow2"
        subprocess.run(["qemu-img", "convert", "-O", form, *options, image.path, source], check=True)
        transfer.convert(identify_image(source, no_progress), target, no_progress)
        assert identify_image(target, no_progress).format == "qcow2"
        assert same(image.path, target)

    @pytest.mark.parametrize("footed", [False, True], ids=["directory first", "directory last"])
    def test_a_disk_inside_an_archive_becomes_the_same_disk(self, image: Image, tmp_path: Path, footed: bool) -> None:
        """Read where it lies: in the middle of the archive, its footer not at the archive's end."""
        disk = stream_optimized()
        if footed:
            marker = struct.pack("<QII496x", 1, 0, 3)  # one sector follows: a footer
            disk = disk[:56] + b"\xff" * 8 + disk[64:] + marker + disk[:512] + bytes(512)
        files = {**members(OVF.replace(' ovf:size="@SIZE@"', ""), disk), "tools.iso": b"\xaa" * MEBI}
        found = identify_image(write_ova(tmp_path / 'a name, with {odd} "letters".ova', files), no_progress)
        whole, target = tmp_path / "whole.vmdk", tmp_path / "target.qcow2"
        whole.write_bytes(stream_optimized())
        transfer.convert(found, target, no_progress)
        assert same(whole, target)

    def test_a_disk_inside_an_archive_is_counted_alone(self, image: Image, tmp_path: Path) -> None:
        seen: list[Progress] = []
        found = identify_image(write_ova(tmp_path / "x.ova", {**members(), "tools.iso": bytes(MEBI)}), no_progress)
        transfer.convert(found, tmp_path / "target", seen.append)
        assert seen[-1] == Progress(found.disk.size, found.disk.size)

    def test_a_disk_beside_its_ovf_becomes_the_same_disk(self, image: Image, tmp_path: Path) -> None:
        found = identify_image(write_folder(tmp_path), no_progress)
        transfer.convert(found, tmp_path / "target", no_progress)
        assert same(tmp_path / DISK, tmp_path / "target")

    def test_a_file_that_is_there_keeps_its_inode_and_mode(self, image: Image, tmp_path: Path) -> None:
        target = tmp_path / "volume"
        target.touch(0o600)
        before = target.stat()
        transfer.convert(image, target, no_progress)
        assert (target.stat().st_ino, target.stat().st_mode) == (before.st_ino, before.st_mode)

    def test_a_qcow2_header_inside_a_raw_disk_is_not_believed(self, tmp_path: Path) -> None:
        path, target = tmp_path / "image", tmp_path / "target"
        path.write_bytes(b"QFI\xfb" + bytes(MEBI - 4))
        transfer.convert(Image(path, "raw", MEBI, MEBI, ""), target, no_progress)
        assert identify_image(target, no_progress).virtual_size == MEBI

    def test_progress_grows_to_the_whole_file(self, image: Image, tmp_path: Path) -> None:
        seen: list[Progress] = []
        transfer.convert(image, tmp_path / "target", seen.append)
        assert seen == sorted(seen, key=lambda progress: progress.done)
        assert seen[-1] == Progress(image.file_size, image.file_size)

    def test_a_listener_that_raises_ends_qemu_img(self, image: Image, tmp_path: Path) -> None:
        def stop(progress: Progress) -> None:
            raise Cancelled("stop", hint="go on")

        before = children()
        with pytest.raises(Cancelled):
            transfer.convert(image, tmp_path / "target", stop)
        assert children() == before

    def test_what_qemu_img_complains_about_is_told(self, image: Image, tmp_path: Path) -> None:
        with pytest.raises(HypervisorError, match="Could not create") as caught:
            transfer.convert(image, tmp_path / "no-folder" / "target", no_progress)
        assert str(image.path) in str(caught.value)

    def test_a_full_disk_is_no_room(self, image: Image) -> None:
        with pytest.raises(NoRoom):
            raise qemu_img.failure("writing", "error while writing: No space left on device")

    def test_without_qemu_img_only_a_qcow2_goes(
        self, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(NotSupported) as caught:
            transfer.convert(image, tmp_path / "target", no_progress)
        assert caught.value.hint == "install it: apt-get install qemu-utils"
        qcow2 = Image(image.path, "qcow2", 5, 10, "")
        assert transfer.room_needed(qcow2, tmp_path, local=True) == 5


def children() -> list[str]:
    """The processes of ours that still run; other tests of this worker may have some."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


class TestRoom:
    def test_what_a_local_conversion_takes_is_measured(self, image: Image, tmp_path: Path) -> None:
        needed = transfer.room_needed(image, tmp_path, local=True)
        transfer.convert(image, tmp_path / "target", no_progress)
        assert 2 * MEBI < (tmp_path / "target").stat().st_blocks * 512 <= needed < 3 * MEBI

    def test_a_disk_inside_an_archive_is_measured_there(self, image: Image, tmp_path: Path) -> None:
        found = identify_image(write_ova(tmp_path / "x.ova"), no_progress)
        for local in (True, False):
            assert 2 * MEBI < transfer.room_needed(found, tmp_path, local=local) < 3 * MEBI

    def test_a_qcow2_that_is_sent_takes_its_own_size(self, tmp_path: Path) -> None:
        assert transfer.room_needed(Image(tmp_path, "qcow2", 5, 10, ""), tmp_path, local=False) == 5


class Volume:
    """The path of a volume in a pool on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def path(self) -> str:
        return str(self._path)


class TestFill:
    def test_what_is_converted_in_place_is_on_the_disk_before_it_counts(
        self, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target, fsync = tmp_path / "volume", os.fsync
        target.touch()
        synced: list[tuple[str, int]] = []

        def fsync_and_note(descriptor: int) -> None:
            fsync(descriptor)
            synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), os.fstat(descriptor).st_size))

        monkeypatch.setattr(os, "fsync", fsync_and_note)
        transfer.fill(None, Volume(target), image, no_progress, local=True, stall=5)  # type: ignore[arg-type]
        assert synced == [(str(target), target.stat().st_size)]
        assert same(image.path, target)


class TestExtents:
    def extents(self, path: Path) -> list[tuple[int, int, bool]]:
        with path.open("rb") as file:
            return list(holes.extents(file, path.stat().st_size))

    def test_data_and_holes_in_order(self, image: Image) -> None:
        assert self.extents(image.path) == [
            (0, MEBI, False),
            (MEBI, 4 * MEBI, True),
            (4 * MEBI, 5 * MEBI, False),
            (5 * MEBI, 8 * MEBI, True),
        ]

    def test_all_data_all_hole_and_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"x" * 100)
        assert self.extents(path) == [(0, 100, False)]
        os.truncate(path, 0)
        assert self.extents(path) == []
        os.truncate(path, MEBI)
        assert self.extents(path) == [(0, MEBI, True)]

    @pytest.mark.parametrize(("hole", "sparse"), [(0, False), (MEBI, False), (2 * MEBI, True), (9 * MEBI, True)])
    def test_holes_are_kept_if_they_are_more_than_a_tenth(self, hole: int, sparse: bool) -> None:
        extents = [(0, 10 * MEBI - hole, False), (10 * MEBI - hole, 10 * MEBI, True)]
        assert transfer._is_sparse(extents, 10 * MEBI) is sparse


class TestMoving:
    """What stands still inside a call into C, which hears nothing."""

    def test_what_is_reported_is_heard_before_it_goes_on(self) -> None:
        heard: list[int] = []

        def act(moved: ProgressListener) -> None:
            for done in range(3):
                moved(Progress(done, 3))
                assert heard[-1] == done

        moving(5, "it", act, lambda now: heard.append(now.done))
        assert heard == [0, 1, 2]

    def test_its_own_error_comes_through(self) -> None:
        with pytest.raises(KeyError):
            moving(5, "it", lambda moved: {}["x"], no_progress)

    def test_it_is_given_up_where_nothing_moves(self) -> None:
        stuck = threading.Event()
        with pytest.raises(Unreachable, match=r"the upload: libvirt took no byte, or too few, for 0\.1 s"):
            moving(0.1, "the upload", lambda moved: stuck.wait(5) and None, no_progress)
        stuck.set()

    def test_it_is_given_up_where_it_drips(self) -> None:
        def drip(moved: ProgressListener) -> None:
            for done in range(1000):
                moved(Progress(done, 1000))
                threading.Event().wait(0.01)

        with pytest.raises(Unreachable, match=r"the upload: libvirt took no byte, or too few, for 0\.1 s"):
            moving(0.1, "the upload", drip, no_progress)

    def test_an_interrupt_is_heard_while_nothing_moves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.modules[moving.__module__], "_BEAT", 0.01)
        stuck, beats, after = threading.Event(), list[Progress](), list[str]()

        def act(moved: ProgressListener) -> None:
            moved(Progress(1, 2))
            stuck.wait(5)
            moved(Progress(2, 2))
            after.append("went on")

        def interrupted(now: Progress) -> None:
            beats.append(now)
            if len(beats) == 3:
                raise Cancelled("interrupted", hint="")

        with pytest.raises(Cancelled):
            moving(60, "the upload", act, interrupted)
        stuck.set()
        assert beats == [Progress(1, 2)] * 3
        assert after == []
