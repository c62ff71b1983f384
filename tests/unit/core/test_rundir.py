"""A run's folder: modes, what rests encrypted, where the key lies, what is dropped, who holds the lock."""

import errno
import io
import os
import random
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest

from vmmigrate.durable import write_durably
from vmmigrate.errors import JournalDamaged, RunFolderFailed, UsageProblem
from vmmigrate.run.lock import locked
from vmmigrate.run.rundir import RunDir, new_run_id, to_write_there, without_run
from vmmigrate.run.sealed import Piped

PLAIN = random.Random(5).randbytes(300_000)  # noqa: S311 -- the same in each worker: ids of tests are made of it
DIGEST = sha256(PLAIN).hexdigest()


@pytest.fixture
def rundir(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "state" / "runs" / "r1", tmp_path / "config" / "keys" / "r1.key")
    made.create()
    return made


@pytest.fixture(params=[0o000, 0o022, 0o077])
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_run_id_sorts_by_time_and_is_fit_for_a_name() -> None:
    run_id = new_run_id(lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())
    assert run_id[:16] == "20260102-030405-"
    assert len(run_id) == 20
    assert int(run_id[16:], 16) >= 0


def test_a_name_does_not_grow_with_each_migration() -> None:
    assert without_run("mailgw") == "mailgw"
    assert without_run("mailgw-20260102-030405-abcd") == "mailgw"
    assert without_run("mailgw-20260102-030405-abcd-20270102-030405-0123") == "mailgw"
    assert without_run("mailgw-20260102") == "mailgw-20260102"
    assert without_run("-20260102-030405-abcd") == "-20260102-030405-abcd"


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (errno.EROFS, "mount -o remount,rw"),
        (errno.ENOSPC, "df -h /a"),
        (errno.EACCES, "ls -ld /a"),
    ],
)
def test_what_helps_where_a_folder_cannot_be_written(reason: int, remedy: str) -> None:
    assert remedy in to_write_there(Path("/a"), OSError(reason, ""))


# ---- modes -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_umask")
def test_folders_and_files_are_private_whatever_the_umask(rundir: RunDir) -> None:
    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN))
    write_durably(rundir.plan, b"{}")
    with locked(rundir):
        pass
    assert mode(rundir.path) == 0o700
    assert mode(rundir.key_path.parent) == 0o700
    files = [rundir.key_path, *rundir.path.iterdir()]
    assert {path.name: mode(path) for path in files} == dict.fromkeys(
        ("r1.key", "archive.age", "plan.json", "lock"), 0o600
    )


def test_a_folder_that_is_there_already_keeps_its_mode(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    keys.chmod(0o755)
    RunDir(tmp_path / "r1", keys / "r1.key").create()
    assert mode(keys) == 0o755


def test_a_run_is_made_once(rundir: RunDir) -> None:
    key = rundir.key_path.read_bytes()
    with pytest.raises(FileExistsError):
        rundir.create()
    assert rundir.key_path.read_bytes() == key


@pytest.fixture
def failing_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which no fsync succeeds."""

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)


def test_a_disk_that_fails_while_the_run_is_made_leaves_no_run(tmp_path: Path, failing_disk: None) -> None:
    made = RunDir(tmp_path / "runs" / "r1", tmp_path / "keys" / "r1.key")
    with pytest.raises(RunFolderFailed, match="Input/output error"):
        made.create()
    assert not made.path.exists()
    assert not made.key_path.exists()


def test_secrets_of_which_nobody_knows_that_they_are_gone_are_named(rundir: RunDir, failing_disk: None) -> None:
    with pytest.raises(RunFolderFailed, match=r"not certain that .*r1\.key is deleted") as raised:
        rundir.drop_secrets()
    assert "again" in raised.value.hint


# ---- encrypted at rest -----------------------------------------------------------------------------------


def test_what_was_encrypted_is_verified_and_comes_back(rundir: RunDir) -> None:
    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN))
    rundir.sealed.verify(rundir.archive, DIGEST, len(PLAIN))
    with rundir.sealed.decrypted(rundir.archive) as plain:
        assert plain.read() == PLAIN
    assert rundir.sealed.decrypt_small(rundir.archive) == PLAIN


def test_nothing_of_the_plain_text_rests_on_disk(rundir: RunDir) -> None:
    rundir.sealed.encrypt(rundir.tls, io.BytesIO(b"-----BEGIN PRIVATE KEY-----" * 50))
    files = [path for path in rundir.path.rglob("*") if path.is_file()]
    assert files == [rundir.tls]
    assert b"PRIVATE" not in rundir.tls.read_bytes()


def test_verify_tells_how_far_it_is(rundir: RunDir) -> None:
    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN))
    seen: list[tuple[int, int]] = []
    rundir.sealed.verify(rundir.archive, DIGEST, len(PLAIN), lambda p: seen.append((p.done, p.total)))
    assert seen[-1] == (len(PLAIN), len(PLAIN))


@pytest.mark.parametrize("left", [0, 10, 1000, 150_000, -1], ids=lambda n: f"cut at {n}")
def test_a_truncated_file_is_refused(rundir: RunDir, left: int) -> None:
    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN))
    rundir.archive.write_bytes(rundir.archive.read_bytes()[:left])
    with pytest.raises(JournalDamaged, match=r"archive\.age is not what the run wrote"):
        rundir.sealed.verify(rundir.archive, DIGEST, len(PLAIN))
    with pytest.raises(JournalDamaged, match=r"archive\.age is not what the run wrote"):
        rundir.sealed.decrypt_small(rundir.archive)


def test_an_altered_file_is_refused(rundir: RunDir) -> None:
    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN))
    data = bytearray(rundir.archive.read_bytes())
    data[-100] ^= 1
    rundir.archive.write_bytes(data)
    with pytest.raises(JournalDamaged):
        rundir.sealed.verify(rundir.archive, DIGEST, len(PLAIN))


@pytest.mark.parametrize(("digest", "size"), [("0" * 64, len(PLAIN)), (DIGEST, len(PLAIN) + 1)])
def test_another_archive_than_the_recorded_one_is_refused(rundir: RunDir, digest: str, size: int) -> None:
    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN))
    with pytest.raises(JournalDamaged, match="its digest differs"):
        rundir.sealed.verify(rundir.archive, digest, size)


def test_a_missing_file_is_refused_and_nobody_waits_for_it(rundir: RunDir) -> None:
    with pytest.raises(JournalDamaged):
        rundir.sealed.verify(rundir.archive, DIGEST, len(PLAIN))
    with pytest.raises(JournalDamaged):
        rundir.sealed.decrypt_small(rundir.tls)
    with pytest.raises(FileNotFoundError), rundir.sealed.decrypted(rundir.archive):
        pass


def test_a_reader_that_leaves_early_ends_the_decrypting_thread(rundir: RunDir) -> None:
    before = threading.active_count()
    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN * 20))
    with rundir.sealed.decrypted(rundir.archive) as plain:
        assert plain.read(10) == PLAIN[:10]
    assert threading.active_count() == before


def test_a_failed_encryption_leaves_the_old_file(rundir: RunDir) -> None:
    class Breaking(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    rundir.sealed.encrypt(rundir.archive, io.BytesIO(PLAIN))
    with pytest.raises(Exception, match="Input/output error"):
        rundir.sealed.encrypt(rundir.archive, Breaking())  # type: ignore[arg-type]
    rundir.sealed.verify(rundir.archive, DIGEST, len(PLAIN))


# ---- the key ---------------------------------------------------------------------------------------------


def test_the_key_lies_elsewhere_and_a_copied_run_stays_shut(rundir: RunDir, tmp_path: Path) -> None:
    rundir.sealed.encrypt(rundir.tls, io.BytesIO(b"keys"))
    assert rundir.path not in rundir.key_path.parents
    copied = RunDir(rundir.path, tmp_path / "elsewhere" / "r1.key")
    with pytest.raises(UsageProblem, match="the key of run r1 is gone") as refusal:
        copied.sealed.verify(rundir.tls, sha256(b"keys").hexdigest(), 4)
    assert refusal.value.hint == "without it the archive cannot be opened: roll back, and start a new run"


def test_the_digest_key_belongs_to_one_run_and_is_not_its_identity(rundir: RunDir, tmp_path: Path) -> None:
    other = RunDir(tmp_path / "r2", tmp_path / "keys" / "r2.key")
    other.create()
    assert rundir.sealed.digest_key() == rundir.sealed.digest_key()
    assert len(rundir.sealed.digest_key()) == 32
    assert rundir.sealed.digest_key() != other.sealed.digest_key()


def test_drop_secrets_leaves_what_is_no_secret(rundir: RunDir) -> None:
    for path in (rundir.archive, rundir.tls):
        rundir.sealed.encrypt(path, io.BytesIO(PLAIN))
    rundir.archive.with_name("archive.age.part").write_bytes(b"of a crash")
    write_durably(rundir.digests, b"{}")
    write_durably(rundir.plan, b"{}")
    rundir.drop_secrets()
    assert [path.name for path in rundir.path.iterdir()] == ["plan.json"]
    assert not rundir.key_path.exists()
    rundir.drop_secrets()


# ---- the lock and the pipe -------------------------------------------------------------------------------


def test_one_process_a_run(rundir: RunDir) -> None:
    with locked(rundir), pytest.raises(UsageProblem, match="another process is working on run r1"), locked(rundir):
        pass
    with locked(rundir):
        pass


def test_a_pipe_hands_on_what_is_produced_and_the_result() -> None:
    def produce(sink: BinaryIO) -> str:
        sink.write(PLAIN)
        return "done"

    piped = Piped(produce)
    with piped as source:
        assert source.read() == PLAIN
    assert piped.result == "done"


def test_a_pipe_hands_on_the_producers_failure() -> None:
    def produce(sink: BinaryIO) -> None:
        sink.write(b"half")
        raise ConnectionResetError("the console hung up")

    with pytest.raises(ConnectionResetError, match="the console hung up"), Piped(produce) as source:
        assert source.read() == b"half"


def test_a_reader_that_fails_is_not_hidden_by_the_pipe_it_broke() -> None:
    with pytest.raises(ZeroDivisionError), Piped(lambda sink: sink.write(PLAIN * 20)) as source:
        1 // len(source.read(0))
