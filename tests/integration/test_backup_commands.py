"""`vmmigrate backup`: whole files or none, the exact words for what is wrong, and what a half import leaves to do."""

import gzip
import hashlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import pytest
from console_cli import Cli, Wire, believed, command_line, secret_file, told
from stand_in import Guest, fresh_guest, old_guest

from fixtures.appliance.config import CONSOLE_TOML
from hypervisors import Progress, ProgressListener, Secret, fetch_leaf, fingerprint_of
from vmmigrate import durable
from vmmigrate.alone import backup as backups
from vmmigrate.alone.visit import Host, Visit
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import Profile
from vmmigrate.errors import NeedsAttention, NotDiscovered
from vmmigrate.parts import Parts
from vmmigrate.settings.secrets import ProcessSecrets

WARNING = "the archive is not encrypted and contains private keys and passwords: keep it safe"
NO_TLS = "the TLS certificates and private keys are not in it: `vmmigrate tls copy OLD NEW` copies them"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    with command_line(tmp_path, monkeypatch) as invoke:
        yield invoke


@pytest.fixture(scope="module")
def one_old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    with old_guest(tmp_path_factory.mktemp("old")) as guest:
        yield guest


@pytest.fixture(scope="module")
def one_fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    with fresh_guest(tmp_path_factory.mktemp("fresh")) as guest:
        yield guest


@pytest.fixture
def old(one_old: Guest) -> Iterator[Guest]:
    with as_it_was(one_old):
        yield one_old


@pytest.fixture
def fresh(one_fresh: Guest) -> Iterator[Guest]:
    """Nothing is ever imported into this one."""
    with as_it_was(one_fresh):
        yield one_fresh


@pytest.fixture
def own_fresh(tmp_path: Path) -> Iterator[Guest]:
    with fresh_guest(tmp_path) as guest:
        yield guest


@contextmanager
def as_it_was(guest: Guest) -> Iterator[None]:
    """What a test makes the console do ends with the test."""
    before = guest.machine.root.read(CONSOLE_TOML)
    yield
    guest.machine.root.write(CONSOLE_TOML, before)


def users(guest: Guest) -> str:
    return str(guest.machine.database.query("SELECT count(*) FROM cm_users"))


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "backup" in path.name or path.suffix == ".part")


def archive_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


# ---- export ----------------------------------------------------------------------------------------------


def test_an_export_and_what_it_says(cli: Cli, old: Guest, tmp_path: Path) -> None:
    result = cli("backup", "export", old.url, "-o", "backup.tgz", *believed(old, tmp_path))
    data = (tmp_path / "backup.tgz").read_bytes()
    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line[:40].strip() for line in lines[:2]] == ["Export the backup", "Check the archive"]
    assert lines[2].startswith("exported    ciphermail-backup-mailgw-")
    assert lines[2].endswith(f".tar.gz from {old.url}")
    assert lines[3:] == [
        "file        backup.tgz",
        "container   gzip",
        f"size        {len(data) / 1024:.1f} KiB ({len(data)} bytes)",
        f"SHA-256     {hashlib.sha256(data).hexdigest()}",
        f"warning     {WARNING}",
        f"warning     {NO_TLS}",
    ]
    assert (tmp_path / "backup.tgz").stat().st_mode & 0o777 == 0o600
    assert left_over(tmp_path) == ["backup.tgz"]


def test_a_files_name_does_not_steer_the_terminal(cli: Cli, old: Guest, tmp_path: Path) -> None:
    result = cli("backup", "export", old.url, "-o", "red\x1b[31m.tgz", *believed(old, tmp_path))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[3] == "file        red\\x1b[31m.tgz"


def test_a_bare_host_is_a_url(cli: Cli, old: Guest, tmp_path: Path) -> None:
    for where in (old.address, f"{old.address}:8443"):
        result = cli("backup", "export", where, "-o", "backup.tgz", "--force", *believed(old, tmp_path))
        assert result.exit_code == 0
        assert f" from {old.url}\n" in result.stdout


def test_the_password_from_the_environment(
    cli: Cli, old: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMMIGRATE_CONSOLE_PASSWORD", old.admin.password.reveal())
    result = cli("backup", "export", old.url, "-o", "backup.tgz", "--fingerprint", old.trust.fingerprint)
    assert result.exit_code == 0


def test_an_authoritys_file_is_believed(cli: Cli, old: Guest, tmp_path: Path) -> None:
    from fixtures.appliance import seed

    (tmp_path / "ca.pem").write_bytes(seed.ca_pem())
    password = secret_file(tmp_path / "word", old.admin.password.reveal())
    result = cli("backup", "export", old.url, "-o", "x.tgz", "--ca-file", "ca.pem", "--password-file", password)
    assert (result.exit_code, result.stderr) == (0, "")


def test_an_encrypted_export(cli: Cli, old: Guest, tmp_path: Path) -> None:
    word = secret_file(tmp_path / "word", "backup pässword")
    flags = [*believed(old, tmp_path), "--backup-password-file", word, "--json"]
    result = cli("backup", "export", old.url, "-o", "backup.enc", *flags)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["event"] for event in events] == ["StepBegan", "StepProgress", "StepEnded", "Exported"]
    made = events[-1]
    data = (tmp_path / "backup.enc").read_bytes()
    assert data.startswith(b"Salted__")
    assert (made["container"], made["encrypted"], made["size"]) == ("openssl", True, len(data))
    assert made["sha256"] == hashlib.sha256(data).hexdigest()
    assert made["warnings"] == [
        "only a release with the same encryption can read it: the encryption changed between releases",
        NO_TLS,
    ]


def test_a_file_that_exists_is_not_overwritten_without_force(cli: Cli, old: Guest, tmp_path: Path) -> None:
    (tmp_path / "backup.tgz").write_text("precious")
    words = ("backup", "export", old.url, "-o", "backup.tgz", *believed(old, tmp_path))
    assert told(cli(*words)) == (
        2,
        "error: backup.tgz exists\n  → give another path, or --force to replace it\n",
    )
    assert (tmp_path / "backup.tgz").read_text() == "precious"
    assert cli(*words, "--force").exit_code == 0
    assert (tmp_path / "backup.tgz").read_bytes()[:2] == b"\x1f\x8b"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("folder", "folder is a folder\n  → give a file in it"),
        ("none/x", "none/x cannot be written: No such file or directory\n  → give a path in a folder with free space"),
        ("dangling", "dangling exists\n  → give another path, or --force to replace it"),
    ],
)
def test_a_file_that_cannot_be_made_is_told_before_anything_is_connected(
    cli: Cli, tmp_path: Path, target: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    assert told(cli("backup", "export", "192.0.2.1", "-o", target)) == (2, f"error: {message}\n")


def test_a_file_that_came_meanwhile_is_not_overwritten(
    cli: Cli, old: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vmmigrate.alone import backup as backups

    judged = backups._judged

    def meanwhile(*given: object) -> object:
        (tmp_path / "backup.tgz").write_text("precious")
        return judged(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(backups, "_judged", meanwhile)
    result = cli("backup", "export", old.url, "-o", "backup.tgz", *believed(old, tmp_path))
    assert told(result) == (2, "error: backup.tgz exists\n  → give another path, or --force to replace it\n")
    assert (tmp_path / "backup.tgz").read_text() == "precious"
    assert left_over(tmp_path) == ["backup.tgz"]


@pytest.mark.parametrize(
    ("personality", "message"),
    [
        (
            "CutShort",
            (
                r"the backup was cut short after \d+ of \d+ bytes: the connection broke\n"
                r"  → export the backup again; nothing was changed"
            ),
        ),
        (
            "CutShort:gzip",
            (
                r"the archive is cut short: its gzip stream does not end\n"
                r"  → export the backup again; is the old machine's disk full, or a proxy in between\?"
            ),
        ),
        ("HtmlForBackup", r"the console asks to log in again instead of sending a backup\n  → run it again"),
        (
            "NoBackupPage",
            r"no backup form .* it says '.*Backup is not available on this system'.*\n  → .*console\.backup\.page.*",
        ),
    ],
)
def test_a_bad_archive_leaves_nothing(cli: Cli, old: Guest, tmp_path: Path, personality: str, message: str) -> None:
    old.behave(f'personality = "{personality}"')
    result = cli("backup", "export", old.url, "-o", "backup.tgz", *believed(old, tmp_path))
    assert result.exit_code == 2
    assert re.fullmatch(f"error: {message}\n", result.stderr)
    assert left_over(tmp_path) == []


def test_no_backup_feature(cli: Cli, old: Guest, tmp_path: Path) -> None:
    old.behave("backup_feature = false")
    code, message = told(cli("backup", "export", old.url, "-o", "backup.tgz", *believed(old, tmp_path)))
    assert code == 2
    assert message.startswith(
        f"error: no backup form (Backup location, Password) found at https://{old.address}:8443; "
    )
    assert "is the backup feature on (JVM option ciphermail.backup.enabled)" in message
    assert "in a profile console.backup.page or " in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_called_one(cli: Cli, old: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "_private", lambda part: os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb"))
    result = cli("backup", "export", old.url, "-o", "backup.tgz", *believed(old, tmp_path))
    assert told(result) == (
        2,
        "error: backup.tgz cannot be written: No space left on device\n  → give a path in a folder with free space\n",
    )


# ---- whom to believe, and as whom ------------------------------------------------------------------------


def test_a_certificate_nobody_vouches_for(cli: Cli, old: Guest, tmp_path: Path) -> None:
    password = secret_file(tmp_path / "word", old.admin.password.reveal())
    seen = fingerprint_of(fetch_leaf(old.address, 8443))
    for where in (old.url, old.address):
        code, message = told(cli("backup", "export", where, "-o", "x.tgz", "--password-file", password))
        assert code == 2
        assert message.startswith(f"error: the certificate of https://{old.address}:8443 is not trusted: ")
        assert message.endswith(
            f"its SHA-256 fingerprint is {seen}\n"
            f"  → compare the fingerprint with the appliance's own, then give --fingerprint {seen}\n"
        )


def test_a_wrong_fingerprint(cli: Cli, old: Guest, tmp_path: Path) -> None:
    password = secret_file(tmp_path / "word", old.admin.password.reveal())
    words = ("backup", "export", old.url, "-o", "x.tgz", "--password-file", password, "--fingerprint")
    code, message = told(cli(*words, "ab" * 32))
    assert code == 2
    assert "it is not the pinned one" in message
    assert f"then give --fingerprint {old.trust.fingerprint}\n" in message
    assert told(cli(*words, "beef")) == (
        2,
        (
            "error: 'beef' is no SHA-256 fingerprint\n"
            "  → give 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them\n"
        ),
    )


def test_a_refused_password_is_tried_once(cli: Cli, old: Guest, tmp_path: Path) -> None:
    wrong = Account("admin", type(old.admin.password)("wrong horse"))
    code, message = told(cli("backup", "export", old.url, "-o", "x.tgz", *believed(old, tmp_path, wrong)))
    assert code == 2
    assert message.startswith(f"error: the console at https://{old.address}:8443 refused the account 'admin': ")
    assert "wrong horse" not in message


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("127.0.0.1:9", "error: no console found on 127.0.0.1:9: no connection to https://127.0.0.1:9: "),
        ("https://127.0.0.1:9/ciphermail", "error: no connection to https://127.0.0.1:9: "),
        ("https://no-such-host.invalid:9/ciphermail", "error: no connection to https://no-such-host.invalid:9: "),
        ("http://127.0.0.1:9/ciphermail", "error: 'http://127.0.0.1:9/ciphermail' is not an https URL\n"),
    ],
)
def test_no_such_console(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, message: str) -> None:
    monkeypatch.setenv("VMMIGRATE_CONSOLE_PASSWORD", "word")
    code, told_ = told(cli("backup", "export", where, "-o", "x.tgz"))
    assert code == 2
    assert told_.startswith(message)
    assert left_over(tmp_path) == []


def test_password_files_that_cannot_be_used(cli: Cli, tmp_path: Path) -> None:
    def said(path: object) -> tuple[int, str]:
        return told(cli("backup", "export", "192.0.2.1", "-o", "x.tgz", "--password-file", path))

    public = secret_file(tmp_path / "public", "word", 0o644)
    empty = secret_file(tmp_path / "empty", "")
    assert said(public) == (2, f"error: console.password: others may read {public}\n  → chmod 600 {public}\n")
    assert said(empty) == (
        2,
        f"error: console.password: {empty} gives an empty password\n  → store the password there\n",
    )
    assert said(tmp_path / "none") == (
        2,
        (
            f"error: console.password: {tmp_path}/none: No such file or directory\n"
            f"  → see what is there: ls -l {tmp_path}/none\n"
        ),
    )
    assert told(cli("backup", "export", "192.0.2.1", "-o", "x.tgz")) == (
        2,
        (
            "error: the console's password is not given, and there is no terminal to ask for it\n"
            "  → give --password-file FILE, or set VMMIGRATE_CONSOLE_PASSWORD\n"
        ),
    )


def test_a_profile_that_is_none(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[console]\nport = 1\n")
    code, message = told(cli("backup", "export", "192.0.2.1", "-o", "x.tgz", "--profile", "p.toml"))
    assert (code, message.partition("\n")[0]) == (2, "error: p.toml: console.port: there is no such key")


# ---- import ----------------------------------------------------------------------------------------------


@pytest.fixture
def exported(cli: Cli, old: Guest, tmp_path: Path) -> Path:
    assert cli("backup", "export", old.url, "-o", "backup.tgz", *believed(old, tmp_path)).exit_code == 0
    return tmp_path / "backup.tgz"


def test_an_import_brings_the_settings_and_says_what_is_left(
    cli: Cli, old: Guest, own_fresh: Guest, tmp_path: Path, exported: Path
) -> None:
    fresh = own_fresh
    result = cli("backup", "import", fresh.url, "backup.tgz", *believed(fresh, tmp_path), "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line[:40].strip() for line in lines[:2]] == ["Read backup.tgz", "Import the backup"]
    assert lines[2:] == [
        f"imported    backup.tgz into {fresh.url}",
        "next        restart the system now (Admin ‣ System ‣ Gateway): until then it runs half on old settings",
        "next        log in with an account of the archive: it has replaced the accounts too",
        f"warning     {NO_TLS}",
    ]
    assert users(fresh) == users(old)


def test_without_a_yes_nothing_is_connected(cli: Cli, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "b.tgz", {"main.cf": random.Random(1).randbytes(5000)})  # noqa: S311
    size = archive.stat().st_size
    assert told(cli("backup", "import", "192.0.2.1", "b.tgz")) == (
        2,
        (
            "error: this must be confirmed, and there is no terminal: "
            f"b.tgz ({size / 1024:.1f} KiB, opened and complete) will overwrite all settings of the console at "
            "192.0.2.1; this cannot be undone\n  → run the same command with --yes\n"
        ),
    )


def refusals(folder: Path) -> dict[str, str]:
    """What is written to a file, and what is said of it."""
    whole = archive_of(folder / "whole.tgz", {"main.cf": b"x" * 5000, "x.sql": os.urandom(500)}).read_bytes()
    kinds = {
        "cut.tgz": (
            whole[:-20],
            (
                "the archive is damaged: Compressed file ended before the end-of-stream marker was reached"
                "\n  → export the backup again"
            ),
        ),
        "page.html": (
            b"<!DOCTYPE html><html><body>Log in</body></html>" * 9,
            "it is a web page, not a backup\n  → export the backup again, logged in",
        ),
        "short.tgz": (whole[:50], "50 bytes are too few for a backup\n  → export the backup again"),
        "empty.tgz": (b"", "0 bytes are too few for a backup\n  → export the backup again"),
        "empty.tar.gz": (
            gzip.compress(bytes(10240), 0),
            "the archive is an empty tar\n  → export the backup again",
        ),
    }
    for name, (data, _) in kinds.items():
        (folder / name).write_bytes(data)
    return {name: words for name, (_, words) in kinds.items()}


@pytest.mark.parametrize("command", [["import", "192.0.2.1", "--yes"], ["inspect"]], ids=["import", "inspect"])
def test_what_is_no_whole_archive_is_refused_before_anything_is_connected(
    cli: Cli, tmp_path: Path, command: list[str]
) -> None:
    for name, words in refusals(tmp_path).items():
        assert told(cli("backup", *command, name)) == (2, f"error: {name}: {words}\n")
    assert told(cli("backup", *command, "none")) == (
        2,
        "error: none: No such file or directory\n  → give the path of a readable file\n",
    )
    assert told(cli("backup", *command, ".")) == (2, "error: .: Is a directory\n  → give the path of a readable file\n")


def test_what_is_of_no_known_kind_is_sent_by_force_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    first = (
        "error: image.png is not a known kind of backup (gzip, zip, tar, openssl enc, PGP); it begins with "
        "89 50 4e 47 0d 0a 1a 0a\n"
    )
    assert told(cli("backup", "inspect", "image.png")) == (
        2,
        first + "  → check the path; if your console makes such files, only that console can read them\n",
    )
    assert told(cli("backup", "import", "192.0.2.1", "image.png", "--yes")) == (
        2,
        first + "  → if this console exports such files, --force sends it anyway\n",
    )
    assert told(cli("backup", "import", "192.0.2.1", "image.png", "--force")) == (
        2,
        (
            "error: this must be confirmed, and there is no terminal: "
            "image.png (508 B, of an unknown format: it is not known whether it is complete) will overwrite all"
            " settings of the console at 192.0.2.1; this cannot be undone\n"
            "  → run the same command with --yes\n"
        ),
    )


def test_a_password_given_for_what_is_of_no_known_kind_is_sent_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be encrypted in the console's own way [F-CONSOLE-10]."""
    given: list[Secret | None] = []

    class Taking:
        def import_backup(self, source: BinaryIO, name: str, size: int, password: Secret | None, _: object) -> None:
            given.append(password)

    monkeypatch.setattr(backups, "logged_in", lambda *_: nullcontext(Host("https://mail", Taking(), Profile())))
    (tmp_path / "own.bin").write_bytes(b"\x01own" + bytes(500))
    word = secret_file(tmp_path / "word", "a word")
    parts = Parts(ProcessSecrets({}), runs_folder=tmp_path, keys_folder=tmp_path)
    archive = backups.importable(tmp_path / "own.bin", word, parts, force=True)
    backups.import_backup(Visit("mail"), archive, word, parts)
    assert given == [Secret("a word")]


def test_what_a_profile_would_settle_is_named_after_an_upload_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def import_backup(self, source: object, name: str, size: int, _: object, progress: ProgressListener) -> None:
            progress(Progress(size, size))
            raise NotDiscovered("it says nothing", hint="look", keys=("console.restore.success",))

    monkeypatch.setattr(backups, "logged_in", lambda *_: nullcontext(Host("https://mail", Silent(), Profile())))
    parts = Parts(ProcessSecrets({}), runs_folder=tmp_path, keys_folder=tmp_path)
    archive = backups.importable(archive_of(tmp_path / "b.tgz", {"a": os.urandom(500)}), None, parts)
    with pytest.raises(NeedsAttention, match="failed: it says nothing") as broken:
        backups.import_backup(Visit("mail"), archive, None, parts)
    assert broken.value.hint.endswith("; the next time, console.restore.success in a profile settles it")


def test_what_is_no_ordinary_file_is_neither_read_nor_replaced(cli: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "backup.fifo")
    for name in ("backup.fifo", "/dev/zero"):
        refused = (2, f"error: {name} is not an ordinary file\n  → give a file on a disk\n")
        assert told(cli("backup", "inspect", name)) == refused
        assert told(cli("backup", "export", "192.0.2.1", "-o", name, "--force")) == refused
    assert left_over(tmp_path) == ["backup.fifo"]


def test_an_encrypted_archive_wants_its_password(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "b.enc").write_bytes(b"Salted__" + os.urandom(8 + 160))
    assert told(cli("backup", "import", "192.0.2.1", "b.enc", "--yes")) == (
        2,
        "error: b.enc is encrypted\n  → give its password with --backup-password-file FILE\n",
    )


def test_a_restore_that_the_console_refuses_needs_attention(
    cli: Cli, fresh: Guest, tmp_path: Path, exported: Path
) -> None:
    fresh.behave('personality = "RefusesRestore"')
    code, message = told(cli("backup", "import", fresh.url, "backup.tgz", *believed(fresh, tmp_path), "--yes"))
    assert code == 3
    assert message == (
        f"error: the import into {fresh.url} failed: the console refused the backup: Restore failed: there is not "
        "enough space on the device\n"
        "  → all of it was sent, so its settings may be as before, restored, or in between: log in and check; if in "
        "doubt, deploy the appliance again and import into that one\n"
    )


def test_what_fails_before_the_upload_changes_nothing(cli: Cli, fresh: Guest, tmp_path: Path, exported: Path) -> None:
    fresh.behave("backup_feature = false")
    code, message = told(cli("backup", "import", fresh.url, "backup.tgz", *believed(fresh, tmp_path), "--yes"))
    assert code == 2
    assert "console.restore.page" in message


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """More than the sockets in between hold."""
    return archive_of(tmp_path / "big.tgz", {"x.sql": random.Random(1).randbytes(12 << 20)})  # noqa: S311


def test_an_upload_that_breaks_off_says_how_far_it_came(cli: Cli, fresh: Guest, tmp_path: Path, big: Path) -> None:
    with Wire(fresh, 1 << 20) as wire:
        code, message = told(cli("backup", "import", wire.url, "big.tgz", *believed(fresh, tmp_path), "--yes"))
    assert code == 3
    first, second = message.rstrip("\n").split("\n  → ")
    assert first.startswith(f"error: the import into {wire.url} failed: ")
    sent = int(second.partition(" ")[0])
    assert 0 < sent < big.stat().st_size
    assert second == (
        f"{sent} of {big.stat().st_size} bytes were sent, so it has probably restored nothing: log in and compare "
        "its settings; if they are as before, restart it and import again"
    )


@pytest.mark.slow
def test_an_interrupt_in_mid_upload_is_no_harmless_one(fresh: Guest, tmp_path: Path, big: Path) -> None:
    with Wire(fresh, 1 << 20, stalls=True) as wire:
        words = ["backup", "import", wire.url, str(big), *believed(fresh, tmp_path), "--yes"]
        code = "from vmmigrate.cli import main; main()"
        with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True) as child:
            assert wire.full.wait(30)
            child.send_signal(signal.SIGINT)
            message = child.communicate(timeout=30)[1]
    assert child.returncode == 3
    assert message.startswith(f"error: the import into {wire.url} failed: interrupted\n  → ")
    assert f" of {big.stat().st_size} bytes were sent" in message


def test_a_file_that_changed_after_the_look_is_not_sent(
    cli: Cli, fresh: Guest, tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vmmigrate.commands import backup

    monkeypatch.setattr(backup, "confirm", lambda question: exported.write_bytes(exported.read_bytes() + b"\0"))
    assert told(cli("backup", "import", fresh.url, "backup.tgz", *believed(fresh, tmp_path))) == (
        2,
        "error: backup.tgz has changed since it was read\n  → start again when nobody writes to the file\n",
    )


# ---- inspect ---------------------------------------------------------------------------------------------


def test_what_is_in_a_backup(cli: Cli, exported: Path) -> None:
    result = cli("backup", "inspect", "backup.tgz")
    data = exported.read_bytes()
    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[1:5] == [
        "file        backup.tgz",
        "container   gzip, not encrypted",
        f"size        {len(data) / 1024:.1f} KiB ({len(data)} bytes)",
        f"SHA-256     {hashlib.sha256(data).hexdigest()}",
    ]
    assert lines[5].startswith("opens       yes: a tar read to the end, checksums right, ")
    assert lines[6].startswith("holds       5 members, ")
    assert [line.split(maxsplit=2)[2] for line in lines[7:]] == [
        "other          manifest.json",
        "configuration  config/etc/postfix/main.cf",
        "configuration  config/usr/share/djigzo/conf/djigzo.properties",
        "configuration  config/etc/postfix/smtp_client_passwd",
        "database dump  database/djigzo.json",
    ]


def test_the_same_for_programs(cli: Cli, exported: Path) -> None:
    result = cli("backup", "inspect", "backup.tgz", "--json")
    seen = json.loads(result.stdout.splitlines()[-1])
    assert (seen["event"], seen["container"], seen["opens"], seen["encrypted"]) == ("Inspected", "gzip", True, False)
    assert seen["contents"]["counts"] == {"other": 1, "configuration": 3, "database dump": 1}
    assert seen["contents"]["members"][1]["name"] == "config/etc/postfix/main.cf"


def test_an_encrypted_file_is_told_and_opened_where_a_combination_fits(
    cli: Cli, tmp_path: Path, exported: Path
) -> None:
    word = secret_file(tmp_path / "word", "correct horse")
    made = ["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-in", "backup.tgz", "-out", "b.enc", "-pass", f"file:{word}"]
    subprocess.run(made, check=True, cwd=tmp_path)
    closed = cli("backup", "inspect", "b.enc")
    assert closed.exit_code == 0
    assert closed.stdout.splitlines()[-2:] == [
        "opens       unknown: cipher and key derivation are not in the file",
        "            --password-file FILE tries the well-known combinations",
    ]
    opened = cli("backup", "inspect", "b.enc", "--password-file", word)
    assert (opened.exit_code, opened.stderr) == (0, "")
    assert "\ncontainer   openssl enc (`Salted__`), encrypted\n" in opened.stdout
    assert (
        "\nopens       yes (aes-256-cbc pbkdf2-sha256/10000): a tar read to the end, checksums right" in opened.stdout
    )
    wrong = cli("backup", "inspect", "b.enc", "--password-file", secret_file(tmp_path / "wrong", "wrong horse"))
    assert told(wrong) == (
        2,
        (
            "error: b.enc did not open with this password\n"
            "  → another password, or the console's own encryption, which only a console can open: import it there\n"
        ),
    )
    assert "            aes-256-cbc pbkdf2-sha256/10000\n            aes-256-cbc pbkdf2-sha512/10000\n" in wrong.stdout
    assert "yes" not in wrong.stdout


def test_a_zip_within_openssl_is_opened_too(cli: Cli, tmp_path: Path) -> None:
    import zipfile

    word = secret_file(tmp_path / "word", "correct horse")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("etc/main.cf", "x" * 300)
    made = ["openssl", "enc", "-aes-256-cbc", "-md", "md5", "-in", "b.zip", "-out", "b.enc", "-pass", f"file:{word}"]
    subprocess.run(made, check=True, cwd=tmp_path, stderr=subprocess.DEVNULL)
    result = cli("backup", "inspect", "b.enc", "--password-file", word)
    assert "\nopens       yes (aes-256-cbc evp-md5): a zip read to the end, checksums right, 300 B unpacked\n" in (
        result.stdout
    )


def test_the_consoles_own_encryption_is_not_claimed_to_open(cli: Cli, old: Guest, tmp_path: Path) -> None:
    word = secret_file(tmp_path / "word", "correct horse")
    flags = [*believed(old, tmp_path), "--backup-password-file", word]
    assert cli("backup", "export", old.url, "-o", "backup.enc", *flags).exit_code == 0
    assert cli("backup", "inspect", "backup.enc", "--password-file", word).exit_code == 2


def test_pgp_is_opened_by_hand(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "b.pgp").write_bytes(b"-----BEGIN PGP MESSAGE-----\n" + b"x" * 200)
    result = cli("backup", "inspect", "b.pgp")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-3:] == [
        "opens       not here: PGP is opened by hand",
        "            gpg --output b.plain --decrypt b.pgp",
        "            vmmigrate backup inspect b.plain",
    ]


def test_tricks_in_an_archive_are_shown_and_nothing_is_written(cli: Cli, tmp_path: Path) -> None:
    archive_of(tmp_path / "b.tgz", {"../../evil": b"x" * 200, "\x1b[31mred": os.urandom(200)})
    before = sorted(tmp_path.rglob("*"))
    result = cli("backup", "inspect", "b.tgz")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert result.stdout.endswith("odd         ../../evil: a path that leads out of its folder\n")
    assert sorted(tmp_path.rglob("*")) == before


# ---- words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["export", "import", "inspect"])
def test_help_has_an_example_and_no_password_in_it(cli: Cli, command: str) -> None:
    result = cli("backup", command, "--help")
    assert f"Example: vmmigrate backup {command} " in result.stdout
    assert "--password " not in result.stdout
