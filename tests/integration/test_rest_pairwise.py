"""The REST client follows its profile: every pair of the stand-in's switches, export and import for each row."""

import io
from pathlib import Path

import pytest
from allpairspy import AllPairs
from rest_stand_in import FRESH, OLD, six

from fixtures.rest.switches import Switches
from hypervisors import Secret, no_progress

PASSWORD = Secret("backup pässword & more")
TABLE = {
    "base": ("/api/v1", "/ciphermail/rest", ""),
    "login_body": ("json", "form"),
    "token": (("json", "bearer"), ("header", "header"), ("cookie", "cookie"), ("json", "cookie"), ("header", "bearer")),
    "jobs": (False, True),
    "upload": ("multipart", "raw"),
    "confirm": (False, True),
    "token_uses": (0, 3),
}
ROWS = [dict(zip(TABLE, row, strict=True)) for row in AllPairs(list(TABLE.values()))]


def switches(row: dict[str, object]) -> Switches:
    came, sent = row["token"]  # type: ignore[misc]  # a pair, by TABLE
    return Switches(**{name: value for name, value in row.items() if name != "token"}, token_from=came, token_sent=sent)  # type: ignore[arg-type]


def test_the_table_has_every_pair() -> None:
    names = list(TABLE)
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            seen = {(row[names[one]], row[names[other]]) for row in ROWS}
            assert len(seen) == len(TABLE[names[one]]) * len(TABLE[names[other]]), (names[one], names[other])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())))
def test_a_backup_goes_from_one_to_another(tmp_path: Path, row: dict[str, object]) -> None:
    chosen = switches(row)
    password = PASSWORD if chosen.upload == "multipart" else None  # a raw body has no place for one
    sink = io.BytesIO()
    with six(tmp_path / "old", switches=chosen) as old, old.console(OLD) as console:
        console.find_backup()
        exported = console.export_backup(sink, password, no_progress)
    data = sink.getvalue()
    assert (exported.size, exported.container) == (len(data), "openssl" if password else "gzip")
    with six(tmp_path / "new", seeded=False, switches=chosen) as new, new.console(FRESH) as console:
        console.import_backup(io.BytesIO(data), exported.name, len(data), password, no_progress)
        assert new.back_end.uploads == 1
        assert new.back_end.pending.accounts() is not None  # restart due
        for table in ("cm_users", "cm_certificates", "cm_admins"):
            assert new.back_end.store.rows(table) == old.back_end.store.rows(table)
