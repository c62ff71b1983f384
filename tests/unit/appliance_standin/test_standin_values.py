"""Small parts of the stand-in: seed, database answers, interfaces, log-in limits, personalities, restart note."""

import gzip
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from fixtures.appliance import accounts, config, keys, keystore, personalities, root, schema, seed, store
from fixtures.appliance.files import Root
from fixtures.appliance.network import read_stanzas
from fixtures.appliance.restart import Pending


def test_the_seeds_certificates_are_the_same_in_every_process() -> None:
    """Pinned here: an image built on one day must match what a test expects on another."""
    assert seed.fingerprint(seed.web_chain("127.0.65.10", rsa=True)) == (
        "8f8b0129f9024e279d47ccc1d8440398c90a8f2cee6bb40a9a5cbcae2284161f"
    )
    assert seed.fingerprint(seed.web_chain("127.0.65.10")) == (
        "e51a1876b5890bca4f6f67f9871440b82d69dd013c98be3bf3b15c1ce648f091"
    )
    assert seed.fingerprint(seed.smtp_chain("127.0.65.10")) == (
        "0c095e97ec41c21d5650093ff692563e72feae0d7f30decfbccb792fe6de5b94"
    )


def test_the_seeds_stores_hold_its_pairs() -> None:
    loaded = pkcs12.load_pkcs12(seed.web_p12("127.0.0.5"), seed.OLD_WEB_STORE_PASSWORD.encode())
    assert loaded.cert is not None
    assert loaded.cert.certificate == seed.web_chain("127.0.0.5")[0]
    key = load_pem_private_key(seed.smtp_pem("127.0.0.5"), None)
    assert keys.pem(key) == keys.pem(keys.ec_key("smtp"))  # type: ignore[arg-type]


def test_every_secret_is_somewhere_in_what_the_old_vm_holds(tmp_path: Path) -> None:
    """So that a test that looks for them looks for something that exists."""
    root.write_old_root(tmp_path, seed.OLD_RELEASE, address="127.0.0.5", gateway="127.0.0.1")
    kept = b"".join(place.read_bytes() for place in tmp_path.rglob("*") if place.is_file())
    asked = {"console password, old", "sa password, old", "sa password, fresh"}  # kept as hashes
    shown = {name for name, text in seed.SECRETS.items() if text.encode() in kept}
    assert shown == set(seed.SECRETS) - asked - {"key of the console"}  # that one is encrypted in its PKCS#12


@pytest.mark.parametrize("older", [False, True])
def test_both_forms_of_server_xml_are_read(tmp_path: Path, older: bool) -> None:
    if older:
        root.write_old_root(tmp_path / "r", seed.OLD_RELEASE, address="127.0.0.5", gateway="127.0.0.1")
    else:
        root.write_image(tmp_path / "image", seed.NEW_RELEASE)
        root.unpack_disk(tmp_path / "image", tmp_path / "r")
    found = keystore.connector(Root(tmp_path / "r"))
    password = seed.OLD_WEB_STORE_PASSWORD if older else seed.WEB_STORE_PASSWORD
    assert found == keystore.Connector(8443, (keystore.Certificate(root.P12, password),))
    assert isinstance(keystore.server_context(Root(tmp_path / "r")), ssl.SSLContext)


def test_a_disk_that_is_none_of_ours_does_not_boot(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    with pytest.raises(ValueError, match="no boot sector"):
        root.unpack_disk(tmp_path / "disk", tmp_path / "root")


def test_an_image_is_a_whole_number_of_sectors(tmp_path: Path) -> None:
    root.write_image(tmp_path / "image", seed.NEW_RELEASE, {"personality": "Slow:1"})
    data = (tmp_path / "image").read_bytes()
    assert len(data) % 512 == 0
    assert data[510:512] == b"\x55\xaa"
    assert data[1 << 20 :][:2] == b"\x1f\x8b"


@pytest.fixture
def database(tmp_path: Path) -> store.FileStore:
    at = Root(tmp_path)
    at.write(store.FILE_STORE, schema.to_json(seed.old_tables()))
    return store.FileStore(at)


def test_the_file_store_answers_as_postgresql_does(database: store.FileStore) -> None:
    """The digests were taken from PostgreSQL 15 with the script of `seed.write_sql`."""
    digest = "SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM {} t"
    assert database.query(digest.format("cm_users")) == ["6|4e3c5c66cfd308dec3531d67d0ea8163"]
    assert database.query(digest.format("cm_properties")) == ["12|d6a53ad4d54fd318b99c287dbe6e9bcd"]
    assert database.query(digest.format("cm_certificates")) == ["6|bf2eb595450b99dd021519fc73e9a251"]
    tables = r"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'cm\_%' ORDER BY 1"
    assert database.query(tables) == sorted(schema.COLUMNS)
    aliases = database.query("SELECT cm_alias FROM cm_keystore ORDER BY 1;")
    assert aliases == sorted(f"{user}-key" for user in seed.USERS)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT cm_alias FROM cm_nothing ORDER BY 1", 'relation "cm_nothing" does not exist'),
        ("SELECT cm_what FROM cm_users ORDER BY 1", 'column "cm_what" does not exist'),
        ("DROP TABLE cm_users", "does not know this query"),
    ],
)
def test_other_queries_are_errors(database: store.FileStore, sql: str, words: str) -> None:
    with pytest.raises(store.StoreError, match=words):
        database.query(sql)


def test_interfaces_are_read_as_ifupdown_does() -> None:
    text = (
        "auto lo\niface lo inet loopback\n# eth0\nallow-hotplug eth0\niface eth0 inet static\n  address 192.0.2.1/24\n"
    )
    found = read_stanzas(text)
    assert found["lo"].method == "loopback"
    assert (found["eth0"].method, found["eth0"].options, found["eth0"].at_boot) == (
        "static",
        {"address": "192.0.2.1/24"},
        True,
    )


def test_five_failures_within_the_window_block_one_account_from_one_address() -> None:
    now = [0.0]
    attempts = accounts.Attempts(lambda: now[0])
    for _ in range(5):
        assert not attempts.blocked("admin", "127.0.0.1")
        attempts.failed("admin", "127.0.0.1")
    assert attempts.blocked("admin", "127.0.0.1")
    assert not attempts.blocked("admin", "127.0.0.2")
    assert not attempts.blocked("sa", "127.0.0.1")
    now[0] = 300.0
    assert not attempts.blocked("admin", "127.0.0.1")


def test_a_big_backup_is_a_valid_gzip_of_the_length_told() -> None:
    length, pieces = personalities.big_gzip(3_000_000)
    data = b"".join(pieces)
    assert len(data) == length
    assert abs(length - 3_000_000) < 1_100_000
    assert len(gzip.decompress(data)) > length - 1000


def test_a_personality_has_a_name_or_is_none() -> None:
    assert personalities.named("Slow:0.25").argument == "0.25"
    assert type(personalities.named("")) is personalities.Personality
    with pytest.raises(ValueError, match="no personality 'Odd'; there are HtmlForBackup, CutShort"):
        personalities.named("Odd")


def test_a_misspelt_switch_is_an_error() -> None:
    with pytest.raises(ValueError, match="no switch backup_featur"):
        config.from_mapping({"release": "5.5", "backup_featur": False})


def test_the_accounts_of_before_hold_until_both_units_were_started(tmp_path: Path) -> None:
    pending = Pending(Root(tmp_path))
    pending.started("tomcat9")
    assert pending.accounts() is None
    pending.begin([["admin", "salt", "hash", "role"]])
    pending.started("tomcat9")
    assert pending.accounts() == [["admin", "salt", "hash", "role"]]
    pending.started("ciphermail-gateway-backend")
    assert pending.accounts() is None


def test_owners_are_noted_and_modes_kept(tmp_path: Path) -> None:
    at = Root(tmp_path)
    at.write("/etc/a", b"1", 0o640)
    at.note_owner("/etc/a", "tomcat", "djigzo")
    at.write("/etc/a", b"2")
    assert at.owner("/etc/a") == ("tomcat", "djigzo")
    assert at.at("/etc/a").stat().st_mode & 0o777 == 0o640
    assert at.at("/../../etc/a") == tmp_path / "etc/a"
    assert at.read("/etc/a") == b"2"
