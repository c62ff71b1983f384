"""Count and digest what the appliance's database holds, so that states can be compared without contents."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError

_TABLES = r"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'cm\_%' ORDER BY 1"
_DIGEST = "SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM {} t"
_THUMBPRINTS = "SELECT cm_thumbprint FROM cm_certificates ORDER BY 1"
_ALIASES = "SELECT cm_alias FROM cm_keystore ORDER BY 1"
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


def read_database(shell: Shell, key: bytes) -> DatabaseFacts:
    """Read the `cm_*` tables of the database `djigzo`, read-only. Raises CommandFailed, ApplianceError."""
    names = _query(shell, _TABLES)
    if not names or not all(re.fullmatch(r"cm_[a-z0-9_]+", name) for name in names):
        raise ApplianceError(
            f"the database of {shell.host} has no tables cm_*" if not names else f"odd table names: {names}",
            hint="is this the gateway's PostgreSQL, with its database djigzo?",
        )
    has_certificates, has_keys = "cm_certificates" in names, "cm_keystore" in names
    digests = [_DIGEST.format(name) for name in names]
    rows = _query(shell, *digests, *([_THUMBPRINTS] if has_certificates else []))
    return DatabaseFacts(
        tables=_digests(shell, names, rows[: len(names)], key),
        certificates=_keyed(rows[len(names) :], key),
        aliases=_keyed(_query(shell, _ALIASES), key) if has_keys else (),
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


def _query(shell: Shell, *statements: str) -> list[str]:
    """The lines psql prints, statement after statement."""
    commands = [word for statement in statements for word in ("-c", statement)]
    argv = ("psql", "-X", "-A", "-t", "-d", "djigzo", *commands)
    return [line for line in shell.run(argv, user="postgres", timeout=_PATIENCE).stdout.splitlines() if line]


def _digests(shell: Shell, names: list[str], rows: list[str], key: bytes) -> dict[str, TableDigest]:
    split = [row.split("|") for row in rows]
    if len(rows) != len(names) or not all(len(row) == 2 and row[0].isdecimal() for row in split):
        raise ApplianceError(
            f"the database of {shell.host} answered {len(rows)} rows to {len(names)} counts",
            hint="try `psql -d djigzo` there as user postgres",
        )
    # Keyed once more: the plain md5 of a table of few rows could be guessed back to its contents.
    return {
        name: TableDigest(int(count), _hmac(key, digest)) for name, (count, digest) in zip(names, split, strict=True)
    }


def _keyed(values: Iterable[str], key: bytes) -> tuple[str, ...]:
    return tuple(sorted(_hmac(key, value) for value in values))


def _hmac(key: bytes, value: str) -> str:
    return hmac.digest(key, value.encode(), "sha256").hex()
