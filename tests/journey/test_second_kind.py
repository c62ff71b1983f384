"""A kind of run that no file of the product knows runs, crashes, resumes, goes back, refuses, finishes, is listed."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journey.second_kind import SIGN
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Child, Stop, Told
from vmmigrate import __version__

RECORDS = (
    "run",
    *("begin copy", "learnt copy", "done copy"),
    *("begin draft", "remark draft", "done draft"),
    *("begin take-down", "learnt take-down", "done take-down"),
    *("looked hang", "begin hang", "learnt hang", "done hang"),
    "end",
)
COMMIT = RECORDS.index("learnt hang") + 1
STOPS: list[Stop] = [("SIGKILL", when, n) for n in range(2, len(RECORDS)) for when in ("before", "after")]


@pytest.fixture(scope="module")
def sign_child() -> Iterator[Child]:
    child = Child("tests.journey.second_kind")
    yield child
    child.close()


@dataclass
class Door:
    """A door with its sign, and the commands of a program that knows how to replace it."""

    folder: Path
    child: Child

    def __post_init__(self) -> None:
        (self.folder / "door").mkdir()
        (self.folder / "door" / "sign").write_text("old")

    def __call__(self, *argv: str, stop: Stop | None = None) -> Told:
        out, err = self.folder / "out", self.folder / "err"
        out.unlink(missing_ok=True)
        err.unlink(missing_ok=True)
        folders = {f"VMMIGRATE_{what}_FOLDER": str(self.folder / what.lower()) for what in ("RUNS", "KEYS")}
        status = self.child.ask(
            {
                "folder": str(self.folder),
                "door": str(self.folder / "door"),
                "out": str(out),
                "err": str(err),
                "argv": argv,
                "stop": stop,
                "environ": {**os.environ, **folders},
                "hypervisor": "",
            }
        )
        return Told(status, out.read_text(), err.read_text())

    @property
    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.folder / "door").iterdir()}

    @property
    def recorded(self) -> tuple[str, ...]:
        records = map(json.loads, (self.folder / "runs" / "r1" / "journal.jsonl").read_text().splitlines())
        return tuple(f"{record['kind']} {record.get('step', '')}".strip() for record in records)


@pytest.fixture
def door(tmp_path: Path, sign_child: Child) -> Door:
    return Door(tmp_path, sign_child)


REPLACED = {"sign": "new", "draft": "new"}
BEFORE = {"sign": "old"}


def test_it_runs_and_is_finished(door: Door) -> None:
    told = door("sign")
    assert (told.status, told.err) == (DONE, "")
    assert (door.recorded, door.files) == (RECORDS, REPLACED)
    assert "        note: the paint is wet\n" in told.out
    assert told.out.splitlines()[-3:] == [
        "sign: the new one",
        "next: vmmigrate finish r1    throws the draft away",
        "next: vmmigrate rollback r1  to hang the old sign again",
    ]
    assert door("finish", "r1", "--yes").status == DONE
    assert door.files == {"sign": "new"}


def test_status_lists_it_and_shows_it(door: Door) -> None:
    door("sign")
    assert door("status").out == "run r1: replaced, door\n"
    assert door("status", "r1").out.splitlines()[2:] == [
        "  done     copy          Copy the old sign",
        "  done     draft         Paint the new sign",
        "  done     take-down     Take the old sign down",
        "  done     hang          Hang the new sign",
        next(line for line in door("status", "r1").out.splitlines() if line.startswith("outage ")),
        next(line for line in door("status", "r1").out.splitlines() if line.startswith("proved: 1 of 1 checks, the")),
        next(line for line in door("status", "r1").out.splitlines() if line.startswith("looked: 2 of 2 checks")),
        "note: draft: the paint is wet",
        "next: vmmigrate finish r1    throws the draft away",
        "next: vmmigrate rollback r1  to hang the old sign again",
    ]
    seen = json.loads(door("status", "r1", "--json").out)
    assert (seen["itinerary"], seen["status"], seen["door"]) == ("sign", "replaced", "door")


def test_a_program_that_does_not_know_it_says_so(door: Door, child: Child) -> None:
    door("sign")
    door.child = child
    told = door("status", "r1")
    assert (told.status, told.err.splitlines()) == (
        REFUSED,
        [
            "error: run r1 is of a kind that this version does not know: sign",
            f"  → use vmmigrate {__version__} for this run",
        ],
    )


@pytest.mark.slow
def test_what_somebody_moved_is_seen_when_it_is_resumed(door: Door) -> None:
    assert door("sign", stop=("SIGKILL", "after", ("done", "take-down"))).status == KILLED
    (door.folder / "door" / "draft").unlink()
    told = door("resume", "r1")
    assert told.status == WENT_BACK
    assert "the draft: expected there; seen: gone" in told.err
    assert door.files == {"sign": "old"}
    told = door("resume", "r1")
    assert (told.status, told.err, door.files) == (DONE, "", REPLACED)
    assert [line for line in door.recorded if line.startswith("undone")] == ["undone take-down"]


def test_an_old_sign_that_somebody_hung_again_is_taken_down_again(door: Door) -> None:
    assert door("sign", stop=("SIGKILL", "after", ("done", "take-down"))).status == KILLED
    (door.folder / "door" / "sign").write_text("old")
    told = door("resume", "r1")
    assert (told.status, told.err, door.files) == (DONE, "", REPLACED)
    assert [line for line in door.recorded if line.startswith("undone")] == ["undone take-down"]


@pytest.mark.slow
@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: f"{stop[1]}-{RECORDS[stop[2] - 1].replace(' ', '-')}")
def test_killed_at_a_record_it_is_resumed(door: Door, stop: Stop) -> None:
    assert door("sign", stop=stop).status == KILLED
    told = door("resume", "r1")
    assert (told.status, told.err) == (DONE, "")
    assert door.files == REPLACED
    assert json.loads(door("status", "r1", "--json").out)["status"] == "replaced"


@pytest.mark.slow
@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: f"{stop[1]}-{RECORDS[stop[2] - 1].replace(' ', '-')}")
def test_killed_at_a_record_it_is_rolled_back(door: Door, stop: Stop) -> None:
    assert door("sign", stop=stop).status == KILLED
    committed = stop[2] - (stop[1] == "before") >= COMMIT
    assert door("rollback", "r1", "--yes", stop=("SIGKILL", "after", 1)).status == KILLED
    told = door("rollback", "r1", "--yes")
    assert (told.status, told.err) == (DONE, "")
    assert door.files == ({**REPLACED, "sign": "old"} if committed else BEFORE)
    word = json.loads(door("status", "r1", "--json").out)["status"]
    assert word == ("old sign again" if committed else "rolled-back")


@pytest.mark.slow
def test_an_undo_that_refuses_sends_it_forward_again(door: Door) -> None:
    door("sign")
    (door.folder / "door" / "readers").touch()
    told = door("rollback", "r1", "--yes")
    assert told.status == WENT_BACK
    assert "somebody has read the new sign" in told.err
    assert door.files == {**REPLACED, "readers": ""}
    assert door("rollback", "r1", "--yes", "--leave-mail").status == DONE
    assert door.files == {**REPLACED, "sign": "old", "readers": ""}
    again = door("resume", "r1")
    assert (again.status, again.err.splitlines()[0]) == (REFUSED, "error: run r1 was read and went back")
    assert door("finish", "r1", "--yes").status == DONE
    assert door.files == {**BEFORE, "readers": ""}


def test_after_its_commit_not_all_of_it_goes_back(door: Door) -> None:
    door("sign")
    told = door("rollback", "r1", "--yes", "--scope", "all")
    assert (told.status, told.err.splitlines()) == (
        REFUSED,
        [
            "error: run r1: the new sign may have been read, so it is kept",
            "  → vmmigrate rollback r1 --scope sign: hanging the old sign again, keeping the new one",
        ],
    )
    assert "give --scope all or sign" in door("rollback", "r1", "--yes", "--scope", "switch").err


def test_what_cannot_be_undone_is_left_to_a_person(door: Door) -> None:
    assert door("sign", stop=("SIGKILL", "after", RECORDS.index("done draft") + 1)).status == KILLED
    (door.folder / "door" / "draft").unlink()
    (door.folder / "door" / "draft").mkdir()
    told = door("rollback", "r1", "--yes")
    assert told.status == ATTENTION
    assert "not everything could be undone: draft: a bug: IsADirectoryError" in told.err


def test_no_file_of_the_product_knows_it() -> None:
    root = Path(__file__).parents[2]
    names = {SIGN.name, *(step.name for step in SIGN.steps)} - {"copy"}
    quoted = {f'"{name}"' for name in names}
    known = [path for path in (root / "vmmigrate").rglob("*.py") if any(name in path.read_text() for name in quoted)]
    assert known == []
