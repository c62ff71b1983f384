"""A run's stored settings, as another version wrote them or a person edited them: for resume and rollback alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import CLAIM, TinyHypervisor, done, parts, record
from small_plan import PLAN

from vmmigrate import operations
from vmmigrate.errors import JournalDamaged
from vmmigrate.events import Event, Warned
from vmmigrate.run.record import Kind, read
from vmmigrate.run.rundir import RunDir
from vmmigrate.settings.stored import read_stored


def stored(path: Path, **change: Any) -> Path:
    path.write_text(json.dumps({"limits": {"boot": 5.0}, **change}))
    return path


def test_what_another_version_stored_beside_what_is_known_is_left_out_and_named(tmp_path: Path) -> None:
    via = {"url": "ssh://jump.example", "colour": "red"}
    path = stored(tmp_path / "s", fleet={"width": 3}, limits={"boot": 5.0, "patience": 9}, old={"via": via})
    seen = read_stored(path)
    assert seen.unknown == ("old.via.colour", "limits.patience", "fleet")
    assert seen.settings.limits.boot == 5.0
    assert seen.settings.old.via is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"limits": {"boot": "soon"}}, "limits.boot: give a number"),
        ({"limits": {"boot": "soon"}, "fleet": 3}, "limits.boot: give a number"),
        ({"old": 7}, "old: it must be a valid dictionary or instance of OldSettings"),
        ({"old": {"ssh": {"password": {"vault": "x"}}}}, "old.ssh.password: give exactly one of env, file"),
        ({"new": {"properties": {"a.b": 7}}}, "new.properties.a.b: give text in quotes"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_file(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = stored(tmp_path / "s", **change)
    with pytest.raises(JournalDamaged) as caught:
        read_stored(path)
    assert str(caught.value).startswith(f"{path} has settings that this version cannot read: {says}")
    assert "config template" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null"])
def test_what_are_no_settings_is_no_bug(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s"
    path.write_bytes(content)
    with pytest.raises(JournalDamaged, match=str(path)):
        read_stored(path)


@pytest.fixture
def begun(tmp_path: Path) -> RunDir:
    return record(tmp_path, "r1", done({"claim": CLAIM}))


def edited(rundir: RunDir, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(rundir.settings.read_text())
    change(data)
    rundir.settings.write_text(json.dumps(data))


def test_a_rollback_goes_on_without_what_it_does_not_know_and_records_a_warning(tmp_path: Path, begun: RunDir) -> None:
    edited(begun, lambda data: data["limits"].update(patience=9))
    heard: list[Event] = []
    given = parts(tmp_path, TinyHypervisor(plugged_in={PLAN.old.id}), listen=heard.append)
    assert operations.rollback(begun.run_id, given, yes=True) == "rolled-back"
    says = f"{begun.settings} has settings of another version, left out: limits.patience"
    assert Warned(says) in heard
    assert [each.data["text"] for each in read(begun.journal) if each.kind is Kind.WARNING] == [says]


def test_a_value_that_cannot_be_read_stops_before_anything_is_touched(tmp_path: Path, begun: RunDir) -> None:
    edited(begun, lambda data: data["limits"].update(boot="soon"))
    tiny = TinyHypervisor()
    with pytest.raises(JournalDamaged, match=r"settings\.json has settings .* limits\.boot: give a number"):
        operations.resume(begun.run_id, parts(tmp_path, tiny))
    assert tiny.calls == []


def test_it_is_not_in_the_way_back(tmp_path: Path, begun: RunDir) -> None:
    edited(begun, lambda data: data["limits"].update(boot="soon"))
    assert (
        operations.rollback(begun.run_id, parts(tmp_path, TinyHypervisor(plugged_in={PLAN.old.id})), yes=True)
        == "rolled-back"
    )
    [said] = (each.data["text"] for each in read(begun.journal) if each.kind is Kind.WARNING)
    assert "limits.boot: give a number" in said
    assert said.endswith("; the copy in the journal is used")
