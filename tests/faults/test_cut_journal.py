"""The last records of a journal are lost after the new gateway was opened: a way back says so where people look."""

import json

import pytest

from tests.faults.model import Model
from tests.faults.test_looked_at import look
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate.events import FLOWING


def cut_after(model: Model, kind: str, step: str) -> None:
    """As a copy of the run's folder from that moment has it."""
    node = model.world.disk.find(f"{model.desk.folder}/runs/{model.desk.run_id}/journal.jsonl")
    lines = bytes(node.data).splitlines(keepends=True)
    records = [json.loads(line) for line in lines]
    last = next(at for at, each in enumerate(records) if (each["kind"], each.get("step")) == (kind, step))
    node.data[:] = b"".join(lines[: last + 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "step", "leave_behind"),
    [("learnt", "open", True), ("done", "open", True), ("begin", "tidy", False), ("done", "tidy", True)],
)
@in_a_copy
def test_a_way_back_after_the_commit(kind: str, step: str, leave_behind: bool) -> None:
    model = Model()
    assert model.desk.command("migrate").error is None
    cut_after(model, kind, step)
    ended = model.desk.command("rollback", leave_behind=leave_behind)
    assert ended.error is None, ended.text
    assert (serving(model), look(model).state) == (["mailgw"], FLOWING)
    notes = model.world.entry(model.moves.old)["notes"]
    assert "replaced by" not in notes
    assert f"run {model.desk.run_id}: switched back; " in notes
    assert model.desk.command("finish").error is None
    assert (serving(model), len(model.world.vms)) == (["mailgw"], 1)
    assert "[vmmigrate]" not in model.world.entry(model.moves.old)["notes"]
