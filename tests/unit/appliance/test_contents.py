"""What an archive holds: told from reading it to its end, whoever made it, within limits."""

import gzip
import io
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from vmmigrate.appliance.backup import bounded, contents
from vmmigrate.appliance.backup.archive import sniff_container
from vmmigrate.appliance.backup.contents import Contents, Member, printable, read_contents
from vmmigrate.errors import NoBackup

MEMBERS = {
    "config/etc/postfix/main.cf": b"myhostname = mail\n" * 50,
    "data": b"--\n-- PostgreSQL database dump\n--\n" + bytes(range(256)) * 100,
    "notes": b"x" * 512,
    "empty": b"",
}


def tar(members: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda info: None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            change(info)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def read(data: bytes) -> Contents:
    return read_contents(io.BytesIO(data), sniff_container(data[:512]), len(data))


def refused(data: bytes) -> str:
    with pytest.raises(NoBackup) as caught:
        read(data)
    return str(caught.value)


# ---- what is in it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "form", "checked"),
    [
        (gzip.compress(tar(MEMBERS), mtime=0), "tar", True),
        (tar(MEMBERS), "tar", False),
        (zipped(MEMBERS), "zip", True),
        (zipped(MEMBERS, zipfile.ZIP_STORED), "zip", True),
    ],
    ids=["tar.gz", "tar", "zip", "stored zip"],
)
def test_members_are_sorted_by_what_they_look_like(data: bytes, form: str, checked: bool) -> None:
    seen = read(data)
    assert (seen.form, seen.checked, seen.count, seen.oddities) == (form, checked, 4, [])
    assert seen.members == [
        Member("config/etc/postfix/main.cf", "configuration", 900),
        Member("data", "database dump", 25634),
        Member("notes", "other", 512),
        Member("empty", "other", 0),
    ]
    assert seen.sizes == {"configuration": 900, "database dump": 25634, "other": 512}
    assert seen.total == 27046


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("database/djigzo.json", b"{", "database dump"),
        ("djigzo.sql", b"", "database dump"),
        ("backup.dump", b"PGDMP\x01", "database dump"),
        ("x", b"PGDMP\x01", "database dump"),
        ("x", b"-- MySQL dump 10.13", "database dump"),
        ("etc/main.cf", b"", "configuration"),
        ("djigzo.properties", b"", "configuration"),
        ("conf/users", b"", "configuration"),
        ("README", b"the database", "other"),
    ],
)
def test_a_kind_is_told_by_name_and_first_bytes(name: str, head: bytes, kind: str) -> None:
    assert [each.kind for each in read(tar({name: head + bytes(100)})).members] == [kind]


def test_a_compressed_stream_that_is_no_archive_still_reads_to_its_end() -> None:
    seen = read(gzip.compress(b"CREATE TABLE\n" * 1000))
    assert (seen.form, seen.count, seen.unpacked) == ("other", 0, 13000)


def test_many_members_are_counted_and_the_first_kept() -> None:
    seen = read(gzip.compress(tar({f"m{number}": b"" for number in range(250)})))
    assert (seen.count, len(seen.members)) == (250, 200)


# ---- what is odd about it --------------------------------------------------------------------------------


def linked(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/shadow", 0

    return change


@pytest.mark.parametrize(
    ("data", "oddity"),
    [
        (tar({"/etc/passwd": b"x"}), "/etc/passwd: an absolute path"),
        (tar({"a/../../b": b"x"}), "a/../../b: a path that leads out of its folder"),
        (tar({"a\\..\\b": b"x"}), "a\\..\\b: a path that leads out of its folder"),
        (tar({"C:/x": b"x"}), "C:/x: an absolute path"),
        (tar({"l": b""}, linked(tarfile.SYMTYPE)), "l: a link to /etc/shadow"),
        (tar({"l": b""}, linked(tarfile.LNKTYPE)), "l: a link to /etc/shadow"),
        (tar({"d": b""}, linked(tarfile.BLKTYPE)), "d: a device or another special file"),
        (zipped({"../x": b"x"}), "../x: a path that leads out of its folder"),
        (zipped({"x": b"x" * 99}, zipfile.ZIP_LZMA), "x: compressed with a method that is not supported"),
    ],
)
def test_tricks_are_told_and_nothing_is_followed(data: bytes, oddity: str) -> None:
    assert read(data).oddities == [oddity]


def test_an_encrypted_member_is_counted_as_locked() -> None:
    data = bytearray(zipped({"x": b"y" * 99}))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # its flag in the directory
    seen = read(bytes(data))
    assert (seen.locked, seen.unread, seen.oddities) == (1, 1, ["x: encrypted"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2Jcls\r\n", r"\x1b[2Jcls\r\n"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff", r"\udcff"),
        ("Prüfung €", "Prüfung €"),
        ("a" * 201, "a" * 200 + "…"),
    ],
)
def test_names_are_made_safe_for_a_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_a_name_of_control_characters_in_an_archive_is_made_safe() -> None:
    assert [each.name for each in read(tar({"\x1b]0;title\x07": b""})).members] == [r"\x1b]0;title\x07"]


# ---- damage ----------------------------------------------------------------------------------------------

WHOLE = gzip.compress(tar(MEMBERS), mtime=0)


@pytest.mark.parametrize("cut", [20, len(WHOLE) // 2, len(WHOLE) - 1])
def test_a_gzip_cut_short(cut: int) -> None:
    assert refused(WHOLE[:cut]) == (
        "the archive is damaged: Compressed file ended before the end-of-stream marker was reached"
    )


def test_a_checksum_that_is_wrong() -> None:
    assert refused(WHOLE[:-8] + b"\0\0\0\0" + WHOLE[-4:]).startswith("the archive is damaged: CRC check failed")


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (1000, "unexpected end of data"),
        (3 * 512, "its list of members is incomplete"),
        (3 * 512 + 10, "its list of members is incomplete"),
    ],
    ids=["in data", "between members", "in a header"],
)
def test_a_tar_cut_short_within_a_whole_gzip(cut: int, why: str) -> None:
    """As when the program before gzip in a pipe died."""
    inner = tar(MEMBERS)
    assert refused(gzip.compress(inner[:cut])) == f"the archive is damaged: {why}"


def test_a_tar_whose_members_break_off_within_a_whole_gzip() -> None:
    inner = bytearray(tar({"a": b"1", "b": b"2"}))
    inner[1024:1030] = b"?" * 6
    assert refused(gzip.compress(bytes(inner))) == "the archive is damaged: its list of members is incomplete"


def test_a_zip_cut_short() -> None:
    assert refused(zipped(MEMBERS)[:-30]) == "the archive is damaged: File is not a zip file"


def test_a_zip_member_whose_checksum_is_wrong() -> None:
    data = bytearray(zipped({"notes": b"x" * 512}, zipfile.ZIP_STORED))
    data[100] ^= 1
    assert refused(bytes(data)) == "the archive is damaged: Bad CRC-32 for file 'notes'"


@pytest.mark.parametrize(("data", "form"), [(gzip.compress(bytes(10240), mtime=0), "tar"), (zipped({"a": b""}), "zip")])
def test_an_archive_with_nothing_in_it(data: bytes, form: str) -> None:
    if form == "zip":
        data = data[data.index(b"PK\x05\x06") :].replace(struct.pack("<HH", 1, 1), bytes(4))
        data = b"PK\x03\x04" + data[:12] + bytes(8) + data[20:]
    assert refused(data) == f"the archive is an empty {form}"


@pytest.mark.parametrize("whole", [WHOLE, tar(MEMBERS), zipped(MEMBERS)], ids=["tar.gz", "tar", "zip"])
def test_whatever_is_altered_ends_in_contents_or_a_refusal(whole: bytes) -> None:
    """No other exception, whatever a stranger sends."""
    rng = random.Random(7)  # noqa: S311  the same each time
    outcomes = set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(4, len(data))] = rng.randrange(256)
        try:
            outcomes.add(read_contents(io.BytesIO(data), sniff_container(whole[:512]), len(data)).form)
        except NoBackup:
            outcomes.add("refused")
    assert "refused" in outcomes


# ---- bombs -----------------------------------------------------------------------------------------------


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gibibyte takes seconds."""
    monkeypatch.setattr(bounded, "GIB", 1 << 20)


@pytest.mark.usefixtures("small_limits")
def test_what_unpacks_to_absurd_sizes_is_not_read_on() -> None:
    zeros = bytes(8 << 20)
    for data in (gzip.compress(tar({"z": zeros})), gzip.compress(zeros), zipped({"a": zeros, "b": zeros})):
        limit = 200 * len(data) / (1 << 20)
        assert refused(data) == (
            "the archive was not read to its end: it unpacks to more than "
            f"{limit:.1f} GiB, the limit for its {len(data)} bytes"
        )


def test_too_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MEMBERS", 20)
    for data in (tar({f"m{number}": b"" for number in range(21)}), zipped({f"m{number}": b"" for number in range(21)})):
        assert refused(data) == "the archive was not read to its end: it holds more than 20 members"


def claiming(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_to_be_huge_is_not_read_into_memory(kind: bytes) -> None:
    assert refused(claiming(kind, 1 << 33) + bytes(2048)) == (
        "the archive was not read to its end: a member's headers are longer than 128 KiB, or all of them than 64 MiB"
    )


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGLINK])
def test_headers_on_headers_end(kind: bytes) -> None:
    assert refused(claiming(kind, 0) * 5000).startswith("the archive ")


def test_a_directory_of_a_zip_that_is_huge_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_DIRECTORY", 1 << 10)
    data = zipped({f"{number:030}": b"" for number in range(20)})
    assert refused(data) == "the archive was not read to its end: its directory is longer than 1 KiB"


def test_memory_stays_constant_whatever_the_size() -> None:
    """The least of three: servers of other tests may run in this process, and their memory is counted too."""
    data = gzip.compress(tar({f"m{number}": bytes(100_000) for number in range(600)}), 1)
    assert min(peak_of_reading(data) for _ in range(3)) < 4 << 20


def peak_of_reading(data: bytes) -> int:
    tracemalloc.start()
    try:
        assert read(data).unpacked > 60_000_000
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
