"""The stand-in's backups: what is in one, what a restore overwrites, who can read an encrypted one."""

import io
import tarfile
from pathlib import Path

import pytest

from fixtures.appliance import archive, root, seed
from fixtures.appliance.archive import Appliance, ArchiveError
from fixtures.appliance.files import Root
from fixtures.appliance.store import FileStore


@pytest.fixture
def old(tmp_path: Path) -> Appliance:
    root.write_old_root(tmp_path / "old", seed.OLD_RELEASE, address="127.0.0.5", gateway="127.0.0.1")
    return appliance(tmp_path / "old", seed.OLD_RELEASE)


@pytest.fixture
def new(tmp_path: Path) -> Appliance:
    return fresh(tmp_path, seed.NEW_RELEASE)


def fresh(tmp_path: Path, release: str) -> Appliance:
    root.write_image(tmp_path / "image", release)
    root.unpack_disk(tmp_path / "image", tmp_path / release)
    return appliance(tmp_path / release, release)


def appliance(folder: Path, release: str) -> Appliance:
    return Appliance(Root(folder), FileStore(Root(folder)), release)


def backup(of: Appliance, password: str = "", *, database: bool = True, network: bool = False) -> io.BytesIO:
    sink = io.BytesIO()
    archive.make(of, sink, password, database=database, network=network)
    sink.seek(0)
    return sink


def test_a_backup_holds_settings_and_database_but_no_tls_pair(old: Appliance) -> None:
    with tarfile.open(fileobj=backup(old)) as opened:
        names = opened.getnames()
    assert names == [
        "manifest.json",
        "config/etc/postfix/main.cf",
        "config/usr/share/djigzo/conf/djigzo.properties",
        "config/etc/postfix/smtp_client_passwd",
        "database/djigzo.json",
    ]


def test_a_restore_replaces_database_and_settings_and_regenerates_main_cf(old: Appliance, new: Appliance) -> None:
    tls_before = new.root.read("/etc/postfix/tls.pem")
    archive.restore(new, backup(old), "", network=False)
    assert new.store.rows("cm_users") == old.store.rows("cm_users")
    assert new.store.rows("cm_admins") == [list(seed.admin_row(seed.ADMIN_OLD))]
    assert "djigzo_myhostname = mailgw.example.test" in new.root.text("/etc/postfix/main.cf")
    assert "header_checks" not in new.root.text("/etc/postfix/main.cf")
    assert not new.root.has("/etc/postfix/header_checks")
    assert new.root.at("/etc/postfix/smtp_client_passwd").stat().st_mode & 0o777 == 0o600
    assert new.root.read("/etc/postfix/tls.pem") == tls_before
    assert new.root.text("/etc/hostname") == "ciphermail\n"


def test_without_the_database_only_settings_travel(old: Appliance, new: Appliance) -> None:
    archive.restore(new, backup(old, database=False), "", network=False)
    assert new.store.rows("cm_admins") == [list(seed.admin_row(seed.ADMIN_FRESH))]
    assert "djigzo_myhostname = mailgw.example.test" in new.root.text("/etc/postfix/main.cf")


def test_an_archive_may_carry_the_network(old: Appliance, new: Appliance) -> None:
    archive.restore(new, backup(old, network=True), "", network=True)
    assert new.root.text("/etc/hostname") == "mailgw\n"
    assert "address 127.0.0.5" in new.root.text("/etc/network/interfaces")


def test_another_release_cannot_read_an_encrypted_backup(old: Appliance, new: Appliance, tmp_path: Path) -> None:
    encrypted = backup(old, "pass")
    assert encrypted.getvalue().startswith(b"Salted__")
    with pytest.raises(ArchiveError, match="cannot be decrypted"):
        archive.restore(new, encrypted, "pass", network=False)
    assert new.store.rows("cm_users") == []
    same = fresh(tmp_path, "5.4.9.0gabcdef01")
    encrypted.seek(0)
    archive.restore(same, encrypted, "pass", network=False)
    assert same.store.rows("cm_users") == old.store.rows("cm_users")


@pytest.mark.parametrize(
    ("cut", "words"),
    [(0, "not a backup"), (200, "cannot be read"), (-9, "cannot be read")],
)
def test_a_damaged_archive_changes_nothing(old: Appliance, new: Appliance, cut: int, words: str) -> None:
    damaged = io.BytesIO(backup(old).getvalue()[:cut] if cut else b"<html>")
    with pytest.raises(ArchiveError, match=words):
        archive.restore(new, damaged, "", network=False)
    assert new.store.rows("cm_users") == []


def test_a_tar_of_something_else_is_no_backup(new: Appliance) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as other:
        other.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    sink.seek(0)
    with pytest.raises(ArchiveError, match="no manifest"):
        archive.restore(new, sink, "", network=False)
