"""The database in digests: what is asked, what is kept, what counts as lost."""

import dataclasses

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.database import DatabaseFacts, TableDigest, lost, read_database, unchanged
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError

KEY = b"k" * 32
TABLES = r"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'cm\_%' ORDER BY 1"
THUMBPRINTS = "SELECT 'certificate', cm_thumbprint FROM cm_certificates ORDER BY 2"
ALIASES = "SELECT 'key', cm_alias FROM cm_keystore ORDER BY 2"


def digest_of(table: str) -> str:
    digest = "md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), ''))"
    return f"SELECT count(*), {digest} FROM {table} t"  # noqa: S608 -- compared, not run


class DatabaseGuest(ScriptedShell):
    """psql alone, its answers by statement; one it has none for is an error, after which it goes on."""

    def __init__(self, rows: dict[str, str]) -> None:
        super().__init__()
        self.rows = rows

    def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
        assert argv[:6] == ("psql", "-X", "-A", "-t", "-d", "djigzo")
        assert set(argv[6::2]) == {"-c"}
        known = [self.rows.get(statement) for statement in argv[7::2]]
        return Result(int(None in known), "".join(filter(None, known)), "")


ROWS = {
    TABLES: "cm_certificates\ncm_keystore\ncm_users\n",
    digest_of("cm_certificates"): "2|aa\n",
    digest_of("cm_keystore"): "1|bb\n",
    digest_of("cm_users"): "3|cc\n",
    THUMBPRINTS: "certificate|T1\ncertificate|T2\n",
    ALIASES: "key|alias\n",
}


def facts() -> DatabaseFacts:
    return read_database(DatabaseGuest(ROWS), KEY)


def test_it_is_read_as_postgres_and_kept_in_digests_alone() -> None:
    shell = DatabaseGuest(ROWS)
    found = read_database(shell, KEY)
    assert set(shell.users) == {"postgres"}
    assert len(shell.ran) == 2
    assert {name: table.count for name, table in found.tables.items()} == {
        "cm_certificates": 2,
        "cm_keystore": 1,
        "cm_users": 3,
    }
    assert (len(found.certificates), len(found.aliases)) == (2, 1)
    assert not [word for word in ("T1", "alias'", "'aa'") if word in repr(found)]


def test_where_the_tables_are_as_before_one_command_does() -> None:
    shell = DatabaseGuest(ROWS)
    assert read_database(shell, KEY, like=facts()) == facts()
    assert len(shell.ran) == 1


@pytest.mark.parametrize("gone", [(), ("cm_users",)])
def test_other_tables_than_expected_are_read_as_they_are(gone: tuple[str, ...]) -> None:
    names = [name for name in ("cm_certificates", "cm_keystore", "cm_new", "cm_users") if name not in gone]
    rows = {
        statement: answer for statement, answer in ROWS.items() if not statement.endswith(tuple(f"{n} t" for n in gone))
    }
    rows |= {TABLES: "".join(f"{name}\n" for name in names), digest_of("cm_new"): "7|dd\n"}
    shell = DatabaseGuest(rows)
    found = read_database(shell, KEY, like=facts())
    assert (list(found.tables), found.tables["cm_new"].count) == (names, 7)
    assert (len(found.certificates), len(found.aliases)) == (2, 1)
    assert not unchanged(facts(), found)
    assert len(shell.ran) == 2


def test_one_key_tells_equal_states_and_another_key_none() -> None:
    assert unchanged(facts(), facts())
    assert not unchanged(facts(), read_database(DatabaseGuest(ROWS), b"other"))


def test_a_changed_row_is_a_change() -> None:
    changed = dataclasses.replace(facts(), tables=facts().tables | {"cm_users": TableDigest(3, "other")})
    assert not unchanged(facts(), changed)
    assert lost(facts(), changed) == ()


def test_more_in_the_new_is_no_loss() -> None:
    old = facts()
    new = DatabaseFacts(old.tables | {"cm_new": TableDigest(1, "x")}, (*old.certificates, "f"), (*old.aliases, "f"))
    assert lost(old, new) == ()


def test_what_is_lost_is_said_in_words() -> None:
    new = DatabaseFacts({"cm_certificates": TableDigest(1, "x"), "cm_users": TableDigest(3, "cc")}, ("f",), ())
    assert lost(facts(), new) == (
        "table cm_keystore is missing",
        "table cm_certificates has 1 rows, 2 were expected",
        "2 of 2 certificates are missing",
        "1 of 1 private keys are missing",
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({TABLES: ""}, "no tables"),
        ({TABLES: "cm_x; DROP TABLE y\n"}, "odd table names"),
        ({TABLES: "cm_users\n", digest_of("cm_users"): "three\n"}, "answered 0 rows to 1 counts"),
    ],
)
def test_what_is_no_gateways_database(rows: dict[str, str], words: str) -> None:
    with pytest.raises(ApplianceError, match=words):
        read_database(DatabaseGuest(rows), KEY)
