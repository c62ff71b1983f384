"""A packed queue is unpacked as root on the other machine, so nothing but queue files of a queue comes through."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest
from scripted_shell import ScriptedShell

from hypervisors import Progress, ProgressListener, no_progress
from vmmigrate.appliance.queues import carrying, listing, manifest
from vmmigrate.appliance.queues.passing import QueueFiles
from vmmigrate.errors import ApplianceError

ID = "hold/3F1A2B4C5D"


class Packs(ScriptedShell):
    """A guest whose queue is what the test says."""

    def __init__(self, packed: bytes, looked: str = "") -> None:
        super().__init__()
        self.packed, self.looked = packed, looked

    def take(self, argv: Sequence[str], sink: BinaryIO, *, timeout: float = 60.0) -> None:
        sink.write(self.packed)

    def run(self, argv: Sequence[str], **_: object) -> object:  # type: ignore[override]
        return super().run(("echo",), check=False).__class__(0, self.looked, "")


def member(name: str = ID, data: bytes = b"mail", **fields: object) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o700
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def came(packed: bytes, moves: ProgressListener = no_progress) -> bytes:
    sink = io.BytesIO()
    carrying.pack(Packs(packed), sink, moves)  # type: ignore[arg-type]
    return sink.getvalue()


END = bytes(1024)


@pytest.mark.skipif(not shutil.which("tar"), reason="needs tar")
def test_what_the_real_tar_writes_of_queue_files_comes_through(tmp_path: Path) -> None:
    """In whatever pieces; with times below a second, an owner whose number fits no header, and folders of a hash."""
    names = (ID, "deferred/A/4BcDfGhJkLmNz3p", "defer/A/B/4BcDfGhJkLmNz3p", "maildrop/A1B2C3D4E5")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name) * 20)
    owner = ("--owner=domänenbenutzer:1668400500", "--group=grüppe:1668400513")
    for more in (owner, ()):
        tar = ("tar", "--format=posix", *more, "-C", tmp_path, "-cf", "-", *names)
        done = subprocess.run(tar, capture_output=True, check=True)
        for size in (1, 511, 513, 1 << 20):
            sink = io.BytesIO()
            files = QueueFiles("gw", sink)
            for at in range(0, len(done.stdout), size):
                files.write(done.stdout[at : at + size])
            files.finish()
            assert sink.getvalue() == done.stdout


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(member("../../etc/cron.d/x"), id="leaves the folder"),
        pytest.param(member("/etc/cron.d/x"), id="a whole path"),
        pytest.param(member("hold/../../x"), id="leaves the folder later"),
        pytest.param(member("private/smtp"), id="another folder"),
        pytest.param(member("hold/A\n12 hold"), id="two lines"),
        pytest.param(member("hold/A B"), id="two words"),
        pytest.param(member("hold/-t"), id="an option"),
        pytest.param(member("hold/" + "A" * 90), id="a long name"),
        pytest.param(member("hold/" + "A" * 200), id="a longer name, in a record"),
        pytest.param(member("hold/ÄÖÜ"), id="no ASCII"),
        pytest.param(member(mode=0o4755), id="set-uid"),
        pytest.param(member(data=b"", type=tarfile.SYMTYPE, linkname="/etc/shadow"), id="a link"),
        pytest.param(member(data=b"", type=tarfile.LNKTYPE, linkname="/etc/shadow"), id="a hard link"),
        pytest.param(member(data=b"", type=tarfile.CHRTYPE, devmajor=1, devminor=5), id="a device"),
        pytest.param(member(data=b"", type=tarfile.FIFOTYPE), id="a pipe"),
        pytest.param(member("hold", b"", type=tarfile.DIRTYPE, mode=0o777), id="a folder"),
        pytest.param(member(type=tarfile.AREGTYPE), id="an old kind of file"),
        pytest.param(member(type=tarfile.GNUTYPE_SPARSE), id="sparse"),
        pytest.param(member(pax_headers={"path": "/etc/cron.d/x"}), id="another path beside"),
        pytest.param(member(pax_headers={"size": "99999999999"}), id="another size beside"),
        pytest.param(member(pax_headers={"GNU.sparse.realsize": "9223372036854775807"}), id="sparse beside"),
        pytest.param(member(pax_headers={"comment": "x" * 9000}), id="long records"),
        pytest.param(member(data=b"30 path=/etc/cron.d/x\n", type=tarfile.XHDTYPE), id="a damaged record"),
        pytest.param(member(data=b"9" * 6000, type=tarfile.XHDTYPE), id="a record without end"),
        pytest.param(member(data=b"22 path=/etc/cron.d/x\n", type=tarfile.XGLTYPE), id="for all that follow"),
        pytest.param(b"\xff" * 512, id="no tar"),
        pytest.param(END + member(), id="something behind the end"),
    ],
)
def test_anything_else_ends_the_transfer(odd: bytes) -> None:
    for before in (b"", member("hold/FFFF")):
        with pytest.raises(ApplianceError, match="nothing of it is carried"):
            came(before + odd + END)


@pytest.mark.parametrize("cut", [0, 100, 512, 514, 1024])
def test_one_that_is_cut_off_is_not_carried_in_part(cut: int) -> None:
    with pytest.raises(ApplianceError, match="ends in the middle"):
        came(member()[:cut])


def test_how_much_came_is_counted_so_that_the_disk_is_not_filled() -> None:
    heard: list[Progress] = []
    packed = member() + END
    assert came(packed, heard.append) == packed
    assert heard == [Progress(len(packed), 0)]


@pytest.mark.parametrize("looked", ["nonsense", "was 1", "was x hold/A", "\x1b[2Jwas 1 hold/A", "was ٣ hold/A"])
def test_a_guest_that_lists_nonsense_is_an_error_in_words(looked: str) -> None:
    with pytest.raises(ApplianceError, match="not listed as they should be"):
        carrying.arrived(Packs(b"", looked))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["sender", "address"])
def test_half_a_character_in_an_address_is_digested_too(field: str) -> None:
    said = '{"queue_name": "hold", "queue_id": "A", "sender": "s", "recipients": [{"address": "a"}]}'
    odd = said.replace('"s"' if field == "sender" else '"a"', r'"\ud800"')

    def shown(text: str) -> object:
        return manifest.lines((carrying.Arrived("hold", "A", "B"),), listing.parse("gw", text), b"key")

    assert shown(odd) != shown(said)
