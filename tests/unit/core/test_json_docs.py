"""What `--json` writes is explained, each name once, in docs/json.md."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from recorded_runs import TinyHypervisor, parts, record

from vmmigrate import events, known_runs
from vmmigrate.events import DOWN, FLOWING, NOT_LOOKED_AT, TWICE, Service
from vmmigrate.show.mail import mail_json
from vmmigrate.show.status import status_json

DOCS = Path(__file__).parents[3] / "docs" / "json.md"


def words(section: str) -> list[str]:
    """The names in the first column of a section's table."""
    parts = re.split(r"^## ", DOCS.read_text(), flags=re.MULTILINE)
    rows = next(part for part in parts if part.startswith(section)).splitlines()
    first = [row.split("|")[1] for row in rows if row.startswith("| `")]
    return [word for cell in first for word in re.findall(r"`(\w+)`", cell)]


def test_each_field_of_the_mail_is_explained() -> None:
    assert sorted(words("`mail`")) == sorted(mail_json(Service(DOWN)) or {})
    assert all(f"`{state}`" in DOCS.read_text() for state in (FLOWING, TWICE, DOWN, NOT_LOOKED_AT))


def test_each_field_of_a_status_is_explained(tmp_path: Path) -> None:
    record(tmp_path, "r1", [])
    shown = status_json(known_runs.status("r1", parts(tmp_path, TinyHypervisor())))
    assert sorted({*words("`status`"), "run_id"}) == sorted(shown)


@pytest.mark.parametrize("kind", events.Event.__args__, ids=lambda kind: kind.__name__)
def test_each_event_and_its_fields_are_explained(kind: type) -> None:
    assert kind.__name__ in words("Events")
    text = DOCS.read_text()
    assert [field.name for field in fields(kind) if f"`{field.name}`" not in text] == []
