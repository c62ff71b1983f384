"""The model itself: its disk loses what was not fsynced, every move has its words, and a seed gives one story."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

from fixtures.model.disk import Disk, File
from tests.faults import moves, schedule, table
from tests.faults.play import play

CHECKOUT = Path(__file__).parents[2]


def faults(*flags: str) -> list[str]:
    """What `make faults` prints."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.faults", *flags], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert made.stdout, made.stderr
    return made.stdout.splitlines()


def test_a_power_failure_leaves_what_was_fsynced_and_perhaps_a_part_of_the_rest() -> None:
    seen = set()
    for seed in range(200):
        disk = Disk()
        folder = disk.make_folders("/desk")
        kept = disk.put("/desk/kept", File(data=bytearray(b"one")))
        kept.sync()
        folder.sync()
        kept.data += b"two"
        disk.put("/desk/new", File(data=bytearray(b"three")))
        disk.lose_power("/desk", Random(seed))
        assert bytes(kept.data).startswith(b"one")
        seen.add((bytes(kept.data), "new" in folder.entries))
    assert {(b"one", False), (b"onetwo", True)} <= seen
    assert any(data == b"onet" for data, _ in seen)


def test_every_move_has_its_words_and_its_act() -> None:
    known = {*schedule.FAULTS, *schedule.WORLD}
    assert known == {*table.WORDS} == {*moves._RAISES, *moves._ACTS}


def test_a_seed_gives_one_story() -> None:
    one = schedule.of_seed(20, 554, 429)
    assert play(one) == play(one)


def test_what_must_hold_holds() -> None:
    """Eight schedules; `make test` plays ten thousand."""
    printed = faults("--schedules", "8", "--seed", "1", "--jobs", "2")
    line = json.loads(printed[-1])
    assert line["violations"] == 0, "\n".join(printed)
    assert line["schedules"] == 8
    assert line["kills"] > 3


def test_a_smaller_schedule_has_one_thing_less() -> None:
    one = schedule.of_seed(5, 400, 300)
    assert {each.size for each in schedule.smaller(one)} <= set(range(one.size))
