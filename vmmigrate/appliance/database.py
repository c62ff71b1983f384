"""Count and digest what the appliance's database holds, so that states can be compared without contents."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError

_TABLES = r"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'cm\_%' ORDER BY 1"
_DIGEST = "SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM {} t"
_LISTED = {
    "cm_certificates": "SELECT 'certificate', cm_thumbprint FROM cm_certificates ORDER BY 2",
    "cm_keystore": "SELECT 'key', cm_alias FROM cm_keystore ORDER BY 2",
}
_PATIENCE = 300.0  # seconds: a digest reads whole tables


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

    `like`: another state or gateway that probably has the same tables: where it has, one command does.
    """
    expected = list(like.tables) if like else []
    lines, whole = _query(shell, _TABLES, *_contents(expected), check=not expected)
    names = [line for line in lines if "|" not in line]
    if not names or not all(re.fullmatch(r"cm_[a-z0-9_]+", name) for name in names):
        raise ApplianceError(
            f"the database of {shell.host} has no tables cm_*" if not names else f"odd table names: {names}",
            hint="is this the gateway's PostgreSQL, with its database djigzo?",
        )
    if names != expected or not whole:
        lines, _ = _query(shell, *_contents(names))
    rows = [line.partition("|")[::2] for line in lines if "|" in line]
    return DatabaseFacts(
        tables=_digests(shell, names, [row for row in rows if row[0].isdecimal()], key),
        certificates=_keyed((value for kind, value in rows if kind == "certificate"), key),
        aliases=_keyed((value for kind, value in rows if kind == "key"), key),
    )


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


def _contents(names: Iterable[str]) -> list[str]:
    return [*map(_DIGEST.format, names), *(_LISTED[name] for name in names if name in _LISTED)]


def _query(shell: Shell, *statements: str, check: bool = True) -> tuple[list[str], bool]:
    """The lines psql prints, statement after statement; whether all went well."""
    commands = [word for statement in statements for word in ("-c", statement)]
    argv = ("psql", "-X", "-A", "-t", "-d", "djigzo", *commands)
    said = shell.run(argv, user="postgres", check=check, timeout=_PATIENCE)
    return [line for line in said.stdout.splitlines() if line], said.status == 0


def _digests(shell: Shell, names: list[str], rows: list[tuple[str, str]], key: bytes) -> dict[str, TableDigest]:
    if len(rows) != len(names):
        raise ApplianceError(
            f"the database of {shell.host} answered {len(rows)} rows to {len(names)} counts",
            hint="try `psql -d djigzo` there as user postgres",
        )
    # Keyed once more: the plain md5 of a table of few rows could be guessed back to its contents.
    return {
        name: TableDigest(int(count), _hmac(key, digest)) for name, (count, digest) in zip(names, rows, strict=True)
    }


def _keyed(values: Iterable[str], key: bytes) -> tuple[str, ...]:
    return tuple(sorted(_hmac(key, value) for value in values))


def _hmac(key: bytes, value: str) -> str:
    return hmac.digest(key, value.encode(), "sha256").hex()
