"""Only a streamOptimized VMDK is uploaded: what is one goes as it lies, anything else is converted and removed."""

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from small_ova import DISK_SIZE, stream_optimized, write_folder, write_ova

from hypervisors import roomy

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from hypervisors import (
    BadImage,
    Cancelled,
    Image,
    NoRoom,
    NotSupported,
    Progress,
    identify_image,
    no_progress,
    unchanged,
)
from hypervisors.vmware import streaming

MEBI = 1 << 20


def an_image(folder: Path, form: str, *options: str) -> Image:
    """The small disk in another format."""
    if not shutil.which("qemu-img"):
        pytest.skip("needs qemu-img")
    source, target = folder / "source.vmdk", folder / f"image.{form}"
    source.write_bytes(stream_optimized())
    subprocess.run(["qemu-img", "convert", "-O", form, *options, source, target], check=True)
    return identify_image(target, no_progress)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(streaming, "folders", lambda: [folder])
    return folder


class TestAsItLies:
    def test_in_an_archive(self, tmp_path: Path, scratch: Path) -> None:
        image = identify_image(write_ova(tmp_path / "x.ova"), no_progress)
        with streaming.streamed(image, no_progress) as stream:
            assert stream.extent == image.disk
            assert stream.extent.path == image.path
            assert list(scratch.iterdir()) == []

    def test_beside_its_ovf_and_alone(self, tmp_path: Path) -> None:
        descriptor = write_folder(tmp_path)
        for path in (descriptor, tmp_path / "mailgw-disk1.vmdk"):
            image = identify_image(path, no_progress)
            with streaming.streamed(image, no_progress) as stream:
                assert stream.extent == image.disk

    def test_its_room_is_told_without_qemu_img_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        image = identify_image(write_ova(tmp_path / "x.ova"), no_progress)
        assert 2 * MEBI < streaming.data_size(image) <= DISK_SIZE + MEBI
        monkeypatch.setenv("PATH", str(tmp_path))
        assert streaming.data_size(image) == image.disk.size


class TestConverted:
    @pytest.mark.parametrize(
        ("form", "options"),
        [("qcow2", ()), ("qcow2", ("-c",)), ("raw", ()), ("vmdk", ("-o", "subformat=monolithicSparse"))],
    )
    def test_to_the_same_disk(self, tmp_path: Path, scratch: Path, form: str, options: tuple[str, ...]) -> None:
        image = an_image(tmp_path, form, *options)
        with streaming.streamed(image, no_progress) as stream:
            made = stream.extent.path
            assert stat.S_IMODE(made.stat().st_mode) == 0o600
            assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
            assert made.parent.parent == scratch
            found = identify_image(made, no_progress)
            assert streaming.is_streamable(found)
            assert (found.sha256, found.file_size) == (stream.extent.sha256, stream.extent.size)
            same = ["qemu-img", "compare", "-q", "-f", form, "-F", "vmdk", image.path, made]
            assert subprocess.run(same, check=False).returncode == 0
        assert list(scratch.iterdir()) == []

    def test_progress_counts_conversion_check_and_upload(self, tmp_path: Path) -> None:
        image = an_image(tmp_path, "qcow2")
        seen: list[Progress] = []
        with streaming.streamed(image, seen.append) as stream:
            assert Progress(image.file_size, 3 * image.file_size) in seen
            assert seen[-1] == Progress(2 * image.file_size, 3 * image.file_size)
            stream.progress(Progress(stream.extent.size // 2, stream.extent.size))
            stream.progress(Progress(stream.extent.size, stream.extent.size))
        assert seen[-1].done == seen[-1].total == 3 * image.file_size
        assert seen == sorted(seen, key=lambda progress: progress.done)

    @pytest.mark.parametrize("form", ["qcow2", "raw"])
    def test_other_bytes_of_the_same_size_are_refused(self, tmp_path: Path, scratch: Path, form: str) -> None:
        """The image was replaced after the plan."""
        image = an_image(tmp_path, form)
        with image.path.open("r+b") as file:
            file.seek(-MEBI - 7, os.SEEK_END)
            file.write(b"changed")
        unchanged.refuse_absent(image)
        with (
            pytest.raises(BadImage, match="its bytes have changed since it was identified"),
            streaming.streamed(image, no_progress),
        ):
            raise AssertionError("it went on")
        assert list(scratch.iterdir()) == []

    def test_bytes_that_change_while_they_are_converted_are_refused(self, tmp_path: Path) -> None:
        image = an_image(tmp_path, "raw")

        def change(progress: Progress) -> None:
            with image.path.open("r+b") as file:
                file.seek(MEBI)
                file.write(b"changed")

        with pytest.raises(BadImage), streaming.streamed(image, change):
            raise AssertionError("it went on")

    def test_nothing_is_left_where_it_was_stopped(self, tmp_path: Path, scratch: Path) -> None:
        def stop(progress: Progress) -> None:
            raise Cancelled("stop", hint="go on")

        with pytest.raises(Cancelled), streaming.streamed(an_image(tmp_path, "qcow2"), stop):
            raise AssertionError("it went on")
        assert list(scratch.iterdir()) == []


def test_a_whole_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    with streaming.streamed(an_image(tmp_path, "raw"), no_progress) as stream:
        assert hashlib.sha256(stream.extent.path.read_bytes()).hexdigest() == stream.extent.sha256


class TestRoom:
    def test_the_first_folder_that_has_it(self, tmp_path: Path) -> None:
        nowhere = tmp_path / "nowhere"
        assert roomy.roomy_folder(1, [nowhere, tmp_path], by_hand="qemu-img") == tmp_path

    def test_none_has_it(self, tmp_path: Path) -> None:
        with pytest.raises(NoRoom, match="the image is converted before it is sent") as caught:
            roomy.roomy_folder(1 << 60, [tmp_path, tmp_path / "nowhere"], by_hand="qemu-img")
        assert f"{tmp_path} has" in str(caught.value)
        assert "TMPDIR" in caught.value.hint

    def test_it_is_asked_before_anything_is_written(
        self, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = an_image(tmp_path, "raw")
        monkeypatch.setattr(roomy, "_free", lambda place: 0)
        with pytest.raises(NoRoom), streaming.streamed(image, no_progress):
            raise AssertionError("it went on")
        assert list(scratch.iterdir()) == []

    def test_tmpdir_is_the_first_choice(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(streaming.tempfile, "tempdir", str(tmp_path))
        assert roomy.folders() == [tmp_path, Path("/var/tmp")]


def test_without_qemu_img_only_what_is_streamable_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = an_image(tmp_path, "qcow2")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotSupported, match="must be converted"), streaming.streamed(image, no_progress):
        raise AssertionError("it went on")


def test_a_disk_beside_its_ovf_that_has_changed(tmp_path: Path) -> None:
    image = identify_image(write_folder(tmp_path), no_progress)
    unchanged.refuse_absent(image)
    (tmp_path / "mailgw-disk1.vmdk").write_bytes(b"short")
    with pytest.raises(BadImage, match=r"mailgw-disk1\.vmdk is not what it was"):
        unchanged.refuse_absent(image)
