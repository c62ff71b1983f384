"""For how long nobody took mail: each time counts, by the clock that nobody sets; else the doubt is said."""

from pathlib import Path

import pytest
from recorded_runs import END, SWITCHED, SWITCHED_BACK, Recorded, TinyHypervisor, done, parts, record, undone
from small_steps import HEADER

from vmmigrate import known_runs
from vmmigrate.events import Outage
from vmmigrate.run.clocks import THIS_MACHINE, Clocks
from vmmigrate.run.journal import Journal
from vmmigrate.run.outages import outages, total
from vmmigrate.run.record import Kind, Record, read
from vmmigrate.steps.migration import MIGRATE

LIVE = {name: fact for name, fact in SWITCHED.items() if name in ("close-intake", "switch")}


def taken(*parts: tuple[list[Recorded], float]) -> list[Record]:
    """These records, each group of them the given seconds after the one before; the wall clock agrees."""
    found, up = [], 1000.0
    for records, seconds in parts:
        up += seconds
        at = f"2026-01-01T{int(up) // 3600:02}:{int(up) // 60 % 60:02}:{up % 60:06.3f}+00:00"
        found += [Record(0, at, kind, data, "", up, "boot one") for kind, data in records]
    return found


CLOSED = done({"close-intake": LIVE["close-intake"]})
PLUGGED = done({"switch": LIVE["switch"]})
OPENED = done({"open": SWITCHED["open"]})
OPEN_STILL: list[Recorded] = [(Kind.DONE, {"step": "open", "untouched": True})]
BACK = undone(LIVE, scope="switch")
BACK_AFTER_THE_COMMIT = undone({**LIVE, "open": None}, scope="switch")
BY_LINKS = undone({"switch": LIVE["switch"]}, scope="links")


@pytest.mark.parametrize(
    ("records", "seconds"),
    [
        ([], []),
        ([(CLOSED, 0)], [None]),
        ([(CLOSED, 0), (PLUGGED, 1), (OPENED, 2)], [3.0]),
        ([(CLOSED, 0), (PLUGGED, 1), (BACK, 4)], [5.0]),
        ([(CLOSED, 0), (BACK, 4), (CLOSED, 100), (PLUGGED, 1), (OPENED, 1)], [4.0, 2.0]),
        ([(CLOSED, 0), (OPENED, 2), (BACK_AFTER_THE_COMMIT, 100)], [2.0, 0.0]),
        ([(CLOSED, 0), (OPENED, 2), (BACK_AFTER_THE_COMMIT[:2], 100)], [2.0, None]),
        ([(CLOSED, 0), (OPENED, 2), (BACK_AFTER_THE_COMMIT[:2], 100), (BACK_AFTER_THE_COMMIT[2:], 7)], [2.0, 7.0]),
        ([(CLOSED, 0), (OPENED, 2), (BACK_AFTER_THE_COMMIT[:2], 100), (OPENED, 9)], [2.0, 9.0]),
        ([(CLOSED, 0), (OPENED, 2), (BACK_AFTER_THE_COMMIT[:2], 100), (OPEN_STILL, 60)], [2.0]),
        ([(CLOSED, 0), (PLUGGED, 1), (OPENED, 2), (BY_LINKS, 100)], [3.0, None]),
        ([(CLOSED, 0), (PLUGGED, 1), (OPENED, 2), (BY_LINKS, 100), (BACK_AFTER_THE_COMMIT, 6)], [3.0, 6.0]),
        ([(CLOSED, 0), (PLUGGED, 1), (BY_LINKS, 5), (BACK, 4)], [10.0]),
    ],
    ids=[
        *("none", "closed", "switch", "failed switch", "twice", "rollback", "killed in it", "slow rollback", "refused"),
        "refused and never closed",
        *("links only", "links only, then back", "links only in the switch"),
    ],
)
def test_each_interval_in_which_nobody_took_mail_counts(
    records: list[tuple[list[Recorded], float]], seconds: list[float | None]
) -> None:
    assert [each.seconds for each in outages(MIGRATE, taken(*records))] == seconds


def test_the_sum_is_of_those_that_have_ended() -> None:
    assert total(()) is None
    assert total([Outage("", None, None, about=True)]) is None
    assert total([Outage("", "", 2.0, about=False), Outage("", "", 0.5, about=True)]) == 2.5


def test_a_wall_clock_that_jumps_is_not_seen_within_one_boot(tmp_path: Path) -> None:
    wall, up = iter([1000.0, 1000.0, 1000.0, 4060.0, 4060.0, 4060.0]), iter(range(100))
    clocks = Clocks(lambda: next(wall), lambda: float(next(up)), lambda: "boot one")
    journal = Journal.create(tmp_path / "journal", HEADER, clocks=clocks)
    for kind, data in [*CLOSED[1:], *OPENED[1:]]:
        journal.append(kind, data)
    [one] = outages(MIGRATE, read(tmp_path / "journal"))
    assert (one.seconds, one.about) == (3.0, False)


def test_across_two_boots_the_wall_clock_counts_and_the_doubt_is_said() -> None:
    closed, opened = taken((CLOSED, 0)), taken((OPENED, 60))
    other = [Record(0, each.at, each.kind, each.data, "", 5.0, "boot two") for each in opened]
    [one] = outages(MIGRATE, [*closed, *other])
    assert (one.seconds, one.about) == (60.0, True)
    set_back = [Record(0, "2025-01-01T00:00:00+00:00", each.kind, each.data, "", 5.0, "boot two") for each in opened]
    assert outages(MIGRATE, [*closed, *set_back])[0].seconds == 0.0


def test_a_journal_of_an_earlier_schema_gets_no_new_fields(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "new", HEADER)
    assert (journal.records[0].up is not None, journal.records[0].boot) == (True, THIS_MACHINE.boot())
    assert read(tmp_path / "new") == journal.records
    old = Journal(tmp_path / "old", [])
    old.append(Kind.RUN, {**HEADER, "schema": 2})
    assert (old.append(Kind.BEGIN, {"step": "claim"}).up, b"boot" in (tmp_path / "old").read_bytes()) == (None, False)


def test_this_machines_clock_goes_on_and_its_boot_is_one() -> None:
    first = THIS_MACHINE.up()
    assert THIS_MACHINE.up() >= first > 0
    assert THIS_MACHINE.boot() == THIS_MACHINE.boot() != ""


@pytest.mark.parametrize(
    ("records", "many"), [([*done(SWITCHED), END], 1), (SWITCHED_BACK, 2), ([*CLOSED, *PLUGGED, *BACK], 1)]
)
def test_status_counts_switches_that_failed_and_ways_back(tmp_path: Path, records: list[Recorded], many: int) -> None:
    record(tmp_path, "r1", records)
    seen = known_runs.status("r1", parts(tmp_path, TinyHypervisor()))
    assert [each.about for each in seen.outages] == [False] * many
    assert seen.outage == total(seen.outages)
