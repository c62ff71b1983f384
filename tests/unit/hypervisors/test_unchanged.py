"""An image that was replaced after it was identified is refused, at no cost where nobody touched its file."""

import dataclasses
import os
from pathlib import Path

import pytest
from small_ova import DISK, write_folder, write_ova

from hypervisors import BadImage, Image, Progress, identify_image, no_progress, unchanged

MEBI = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Image:
    path = tmp_path / "image.raw"
    path.write_bytes(bytes(510) + b"\x55\xaa" + os.urandom(2 * MEBI - 512))
    return identify_image(path, no_progress)


def write_in_place(path: Path, offset: int) -> None:
    """Size and time of change as they were."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"changed")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_that_nobody_touched_is_not_read(image: Image) -> None:
    unchanged.refuse_changed(dataclasses.replace(image, sha256="0" * 64))


@pytest.mark.parametrize("known", [True, False], ids=["stamp", "no stamp"])
def test_other_bytes_are_refused(image: Image, known: bool) -> None:
    write_in_place(image.path, MEBI)
    with pytest.raises(BadImage, match="its bytes have changed since it was identified") as caught:
        unchanged.refuse_changed(image if known else dataclasses.replace(image, stamp=""))
    assert caught.value.hint


def test_the_same_bytes_in_another_file_are_taken(image: Image) -> None:
    """Copied back, touched, linked: the stamp is another, the image is not."""
    data = image.path.read_bytes()
    image.path.unlink()
    image.path.write_bytes(data)
    unchanged.refuse_changed(image)
    unchanged.refuse_changed(dataclasses.replace(image, stamp=""))


def test_a_file_that_is_gone_is_refused(image: Image) -> None:
    image.path.unlink()
    for ask in (unchanged.refuse_changed, lambda each: unchanged.refuse_other_bytes(each, no_progress)):
        with pytest.raises(BadImage):
            ask(image)


def test_of_an_archive_the_disk_counts(tmp_path: Path) -> None:
    image = identify_image(write_ova(tmp_path / "x.ova"), no_progress)
    seen: list[Progress] = []
    write_in_place(image.path, image.disk.offset + image.disk.size - 7)
    with pytest.raises(BadImage):
        unchanged.refuse_other_bytes(image, seen.append)
    assert seen[-1] == Progress(image.disk.size, image.disk.size)


def test_of_a_descriptor_the_disk_beside_it(tmp_path: Path) -> None:
    image = identify_image(write_folder(tmp_path), no_progress)
    unchanged.refuse_changed(image)
    write_in_place(tmp_path / DISK, MEBI)
    with pytest.raises(BadImage, match=DISK):
        unchanged.refuse_changed(image)
