"""The database in digests: what is asked, what is kept, what counts as lost."""

import dataclasses
import hmac
import json

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.database import DatabaseFacts, TableDigest, lost, more_in, read_database, unchanged
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError, CommandFailed

KEY = b"k" * 32
TABLES = r"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'cm\_%' ORDER BY 1"
THUMBPRINTS = "SELECT 'cm_certificates', coalesce(json_agg(cm_thumbprint), '[]') FROM cm_certificates"
ALIASES = "SELECT 'cm_keystore', coalesce(json_agg(cm_alias), '[]') FROM cm_keystore"
DOWN = "psql: error: connection to server failed: Connection refused"


def digest_of(table: str) -> str:
    digest = "md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), ''))"
    return f"SELECT count(*), {digest} FROM {table} t"  # noqa: S608 -- compared, not run


class DatabaseGuest(ScriptedShell):
    """psql alone, its answers by statement. As psql's with ON_ERROR_STOP, it ends at one it has none for.

    Without ON_ERROR_STOP, it goes on, and its status is the last statement's. `down`: it reaches no server.
    """

    def __init__(self, rows: dict[str, str], *, down: bool = False) -> None:
        super().__init__()
        self.rows, self.down = rows, down

    def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
        options = argv[: argv.index("-c")]
        assert options[:4] == ("psql", "-X", "-A", "-t")
        assert options[-2:] == ("-d", "djigzo")
        if self.down:
            return Result(2, "", DOWN)
        statements = argv[len(options) + 1 :: 2]
        known = [self.rows.get(statement) for statement in statements]
        stops = "ON_ERROR_STOP=1" in options
        if stops and None in known:
            known = known[: known.index(None) + 1]
        return Result(int(known[-1] is None), "".join(filter(None, known)), "ERROR:  relation does not exist")


ROWS = {
    TABLES: "cm_certificates\ncm_keystore\ncm_users\n",
    digest_of("cm_certificates"): "2|aa\n",
    digest_of("cm_keystore"): "1|bb\n",
    digest_of("cm_users"): "3|cc\n",
    THUMBPRINTS: 'cm_certificates|["T1", "T2"]\n',
    ALIASES: 'cm_keystore|["a|line\\nfeed"]\n',
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
    assert not [word for word in ("T1", "line", "'aa'") if word in repr(found)]


@pytest.mark.parametrize("odd", ["a\nb", "a\u0085b", "a\u2028b", "a\x0bb", "a\rb", "a|b"])
def test_a_name_with_a_line_break_is_one_name(odd: str) -> None:
    """PostgreSQL's JSON escapes what is below U+0020, and nothing else."""
    aliases = "cm_keystore|" + json.dumps([odd, "x"], ensure_ascii=False) + "\n"
    shell = DatabaseGuest({**ROWS, ALIASES: aliases})
    found = read_database(shell, KEY)
    assert read_database(shell, KEY, like=found) == found
    assert found.aliases == tuple(sorted(hmac.digest(KEY, name.encode(), "sha256").hex() for name in (odd, "x")))


def test_names_that_are_null_or_empty_are_left_out() -> None:
    found = read_database(DatabaseGuest({**ROWS, ALIASES: 'cm_keystore|["", null, "x"]\n'}), KEY)
    assert found.aliases == (hmac.digest(KEY, b"x", "sha256").hex(),)


def test_a_line_that_was_not_asked_for_is_not_shown() -> None:
    with pytest.raises(ApplianceError, match="gave 2 lines that are no name of a table") as refused:
        read_database(DatabaseGuest({**ROWS, TABLES: "cm_users\nsecret alias\nSecret\n"}), KEY)
    assert "ecret" not in str(refused.value) + refused.value.hint


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
    assert len(shell.ran) == (3 if gone else 2)


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


def database(users: int, digest: str, *certificates: str, keys: tuple[str, ...] = ()) -> DatabaseFacts:
    return DatabaseFacts({"cm_users": TableDigest(users, digest)}, certificates, keys)


def test_what_came_since_the_import_is_counted_by_name() -> None:
    imported = database(3, "a", "of the image", "moved")
    old = database(3, "of another release", "moved", "copied")
    new = database(5, "b", "of the image", "moved", "copied", "made", keys=("made",))
    assert more_in(new, old, imported) == {"cm_users": 2, "certificates": 1, "private keys": 1}


def test_other_rows_in_the_same_number_are_one_change() -> None:
    assert more_in(database(3, "b"), database(3, "of another release"), database(3, "a")) == {"cm_users": 1}
    assert more_in(database(2, "b"), database(3, "of another release"), database(3, "a")) == {"cm_users": 1}


@pytest.mark.parametrize("imported", [None, database(3, "a")])
def test_nothing_is_more_where_both_have_the_same(imported: DatabaseFacts | None) -> None:
    same = database(4, "b", "c", keys=("k",))
    assert more_in(same, same, imported) == {}


def test_without_what_the_import_left_only_numbers_are_compared() -> None:
    """Of a run that an earlier version began: digests of two releases do not compare."""
    assert more_in(database(3, "b"), database(3, "a"), None) == {}
    assert more_in(database(4, "b", "c"), database(3, "a"), None) == {"cm_users": 1, "certificates": 1}
    assert more_in(database(4, "b"), DatabaseFacts({}, (), ()), None) == {"cm_users": 4}


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
        ({TABLES: "cm_x; DROP TABLE y\n"}, "gave 1 lines that are no name"),
        ({**ROWS, TABLES: ROWS[TABLES] + "cm_users\n" * 2}, "gave 2 lines that are no name of a table, or one"),
        ({TABLES: "cm_users\n", digest_of("cm_users"): "three\n"}, "answered 0 rows to 1 counts, and 0 of 0 lists"),
        ({**ROWS, digest_of("cm_users"): "three|cc\n"}, "answered 3 rows to 3 counts"),
        ({**ROWS, digest_of("cm_users"): "\n"}, "answered 2 rows to 3 counts"),
        ({**ROWS, THUMBPRINTS: "\n"}, "answered 3 rows to 3 counts, and 1 of 2 lists"),
        ({**ROWS, ALIASES: 'cm_keystore|["cut'}, "answered 3 rows to 3 counts, and 2 of 2 lists"),
    ],
)
def test_what_is_no_gateways_database(rows: dict[str, str], words: str) -> None:
    with pytest.raises(ApplianceError, match=words):
        read_database(DatabaseGuest(rows), KEY)


@pytest.mark.parametrize("broken", [THUMBPRINTS, ALIASES, digest_of("cm_users")])
@pytest.mark.parametrize("like", [True, False])
def test_a_statement_that_fails_is_no_empty_answer(broken: str, like: bool) -> None:
    """Also an earlier one: psql's status would be that of the last."""
    rows = {statement: answer for statement, answer in ROWS.items() if statement != broken}
    with pytest.raises(CommandFailed, match="relation does not exist"):
        read_database(DatabaseGuest(rows), KEY, like=facts() if like else None)


@pytest.mark.parametrize("like", [True, False])
def test_a_database_that_does_not_answer_is_reported_in_psqls_words(like: bool) -> None:
    with pytest.raises(CommandFailed, match="Connection refused"):
        read_database(DatabaseGuest(ROWS, down=True), KEY, like=facts() if like else None)


def test_empty_tables_have_empty_lists() -> None:
    empty = {THUMBPRINTS: "cm_certificates|[]\n", ALIASES: "cm_keystore|[]\n"}
    found = read_database(DatabaseGuest(ROWS | empty), KEY)
    assert (found.certificates, found.aliases) == ((), ())
