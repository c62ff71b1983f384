"""Times as they are typed."""

from datetime import UTC, datetime

import pytest

from vmmigrate.commands.times import moment, seconds
from vmmigrate.errors import UsageProblem
from vmmigrate.run.clocks import in_clock, span

NOW = datetime(2026, 12, 4, 20, 30).astimezone()


def test_a_time_of_day_is_today_in_local_time() -> None:
    assert moment("22:00", NOW) == datetime(2026, 12, 4, 22, 0).astimezone().timestamp()
    assert moment("22:00:30+02:00", NOW) == datetime(2026, 12, 4, 20, 0, 30, tzinfo=UTC).timestamp()


def test_a_day_and_a_time_may_name_a_zone() -> None:
    assert moment("2026-12-05T22:00", NOW) == datetime(2026, 12, 5, 22, 0).astimezone().timestamp()
    assert moment("2026-12-05 22:00", NOW) == moment("2026-12-05T22:00", NOW)
    assert moment("2026-12-05T22:00+01:00", NOW) == datetime(2026, 12, 5, 21, 0, tzinfo=UTC).timestamp()
    assert moment("2026-12-05T22:00Z", NOW) == datetime(2026, 12, 5, 22, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "25:00",
        "2026-12-05",
        "2026-13-05T22:00",
        "22.00",
        "1765000000",
        "-1",
        "0001-01-01T00:00",
        "0001-01-01T00:00+23:59",
        "9999-12-31T23:59-23:59",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is no time"):
        moment(text, NOW)


def test_lengths() -> None:
    assert [seconds(text) for text in ("60", "60s", "2m", "1h", "0.5s")] == [60, 60, 120, 3600, 0.5]


@pytest.mark.parametrize("text", ["", "0", "0s", "-1s", "1e9", "60 s", "1d", "inf", "nan", "9999999"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is no length of time"):
        seconds(text)


def test_in_words() -> None:
    assert [span(each) for each in (30, 90, 3600, 7200, 90000, 200000)] == [
        *("less than a minute", "1 minute", "1 hour", "2 hours", "1 day", "2 days")
    ]
    assert [in_clock(each) for each in (5, 65, 7505)] == ["0:05", "1:05", "2:05:05"]
