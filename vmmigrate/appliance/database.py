"""Count and digest what the appliance's database holds, so that states can be compared without contents."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import TABLES
from vmmigrate.limits.seconds import DATABASE
from vmmigrate.reading import from_json

_TABLES = r"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'cm\_%' ORDER BY 1"
_DIGEST = "SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM {} t"
# One row, also of an empty table: a list that did not come is not taken for an empty one.
_LIST = "SELECT '{0}', coalesce(json_agg({1}), '[]') FROM {0}"
_LISTED = {"cm_certificates": "cm_thumbprint", "cm_keystore": "cm_alias"}
_PATIENCE = DATABASE.most
PSQL = ("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "djigzo")


@dataclass(frozen=True)
class TableDigest:
    """Rows, and a keyed digest over all of them (HMAC-SHA-256, hex)."""

    count: int
    digest: str


@dataclass(frozen=True)
class DatabaseFacts:
    """Table name → digest; certificates' thumbprints and keystore aliases as sorted keyed digests (hex)."""

    tables: dict[str, TableDigest]
    certificates: tuple[str, ...]
    aliases: tuple[str, ...]


def read_database(shell: Shell, key: bytes, like: DatabaseFacts | None = None) -> DatabaseFacts:
    """Read the `cm_*` tables of the database `djigzo`, read-only. Raises CommandFailed, ApplianceError.

    `like`: another state or gateway that probably has the same tables: where it has, one command does. Where that
    command fails, a table is missing or the database does not answer: the usual way finds out which.
    """
    expected = list(like.tables) if like else []
    status, lines = _query(shell, _TABLES, *_contents(expected), check=not like)
    if status != 0:
        expected, (_, lines) = [], _query(shell, _TABLES)
    names = [line for line in lines if "|" not in line]
    if odd := _odd(names):
        raise ApplianceError(
            f"the database of {shell.host} {odd}", hint="is this the gateway's PostgreSQL, with its database djigzo?"
        )
    if names != expected:
        _, lines = _query(shell, *_contents(names))
    return _facts(shell, names, [line for line in lines if "|" in line], key)


def _odd(names: list[str]) -> str:
    """What is wrong with a list of tables. An odd line may hold contents, so it is only counted."""
    known = {name for name in names if re.fullmatch(r"cm_[a-z0-9_]+", name)}
    if not names:
        return "has no tables cm_*"
    if len(known) < len(names):
        return f"gave {len(names) - len(known)} lines that are no name of a table, or one that was named before"
    return f"gave {len(names)} tables cm_*; at most {TABLES.most} are read" if len(names) > TABLES.most else ""


def unchanged(a: DatabaseFacts, b: DatabaseFacts) -> bool:
    """Whether both states are the same, table by table (one key, one release)."""
    return a == b


def lost(old: DatabaseFacts, new: DatabaseFacts) -> tuple[str, ...]:
    """What `old` has and `new` has not, a sentence each; () where nothing is missing."""
    gone = [f"table {name} is missing" for name in sorted(old.tables.keys() - new.tables.keys())]
    for name in sorted(old.tables.keys() & new.tables.keys()):
        had, has = old.tables[name].count, new.tables[name].count
        if has < had:
            gone.append(f"table {name} has {has} rows, {had} were expected")
    for what, before, after in (
        ("certificates", old.certificates, new.certificates),
        ("private keys", old.aliases, new.aliases),
    ):
        if missing := set(before) - set(after):
            gone.append(f"{len(missing)} of {len(set(before))} {what} are missing")
    return tuple(gone)


def more_in(new: DatabaseFacts, old: DatabaseFacts, before: DatabaseFacts | None) -> dict[str, int]:
    """What `new` has and `old` lacks, by its name; without what `new` had `before`, if that is known.

    Of two releases only numbers of rows can be compared. A table of one release whose rows are other ones and not more
    counts as one.
    """
    found = {name: _more_rows(name, new, old, before) for name in new.tables if name not in _LISTED}
    for what, have, has, had in (
        ("certificates", new.certificates, old.certificates, before.certificates if before else ()),
        ("private keys", new.aliases, old.aliases, before.aliases if before else ()),
    ):
        found[what] = len(set(have) - set(has) - set(had))
    return {name: count for name, count in found.items() if count}


def _more_rows(name: str, new: DatabaseFacts, old: DatabaseFacts, before: DatabaseFacts | None) -> int:
    now, there, then = new.tables[name], old.tables.get(name), before.tables.get(name) if before else None
    if now in (there, then):
        return 0
    known = then or there
    more = now.count - (known.count if known else 0)
    return max(more, 1) if then else max(more, 0)


def _contents(names: Iterable[str]) -> list[str]:
    """One row is the answer to each."""
    return [*map(_DIGEST.format, names), *(_LIST.format(name, _LISTED[name]) for name in names if name in _LISTED)]


def _query(shell: Shell, *statements: str, check: bool = True) -> tuple[int, list[str]]:
    """psql's status, and the lines it prints, statement after statement. Only a line feed ends one: JSON escapes that.

    Without ON_ERROR_STOP the status is that of the last statement: another's answer could be missing unseen.
    """
    commands = [word for statement in statements for word in ("-c", statement)]
    said = shell.run((*PSQL, *commands), user="postgres", check=check, timeout=_PATIENCE)
    return said.status, [line for line in said.stdout.split("\n") if line]


def _facts(shell: Shell, names: list[str], answers: list[str], key: bytes) -> DatabaseFacts:
    """From one answer to each statement of `_contents`. Raises ApplianceError where one is missing."""
    rows = [answer.partition("|")[::2] for answer in answers]
    counts = [row for row in rows if row[0] not in _LISTED]
    lists = {name: values for name, values in rows if name in _LISTED}
    wanted = set(names) & _LISTED.keys()
    try:
        tables = _digests(names, counts, key)
        listed = {name: _keyed(lists.get(name, ""), key) for name in wanted}
    except ValueError:
        raise ApplianceError(
            f"the database of {shell.host} answered {len(counts)} rows to {len(names)} counts, and {len(lists)} of"
            f" {len(wanted)} lists",
            hint="try `psql -d djigzo` there as user postgres",
        ) from None
    return DatabaseFacts(tables, listed.get("cm_certificates", ()), listed.get("cm_keystore", ()))


def _digests(names: list[str], rows: list[tuple[str, str]], key: bytes) -> dict[str, TableDigest]:
    """Keyed once more: the plain md5 of a table of few rows could be guessed back to its contents."""
    counted = zip(names, rows, strict=True)
    return {name: TableDigest(int(count), _hmac(key, digest)) for name, (count, digest) in counted}


def _keyed(text: str, key: bytes) -> tuple[str, ...]:
    """Of a list in JSON; without what is NULL or empty, as the runs of 0.1.0 have it."""
    values = from_json(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values if value):
        raise ValueError("it is no list of texts")
    return tuple(sorted(_hmac(key, value) for value in values if value))


def _hmac(key: bytes, value: str) -> str:
    return hmac.digest(key, value.encode(), "sha256").hex()
