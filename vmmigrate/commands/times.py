"""Times as they are typed: a moment to come, and a length."""

from datetime import date, datetime, time


def moment(text: str, now: datetime) -> float:
    """Unix seconds of `22:00` (today), or of an ISO 8601 time; in the zone of `now` where it names none.

    Raises UsageProblem for anything else. Whether it has passed is not looked at.
    """
    from vmmigrate.errors import UsageProblem

    try:
        found = _read(text, now.date())
        found = found if found.tzinfo else found.astimezone()
        datetime.fromtimestamp(found.timestamp()).astimezone()  # what is shown of it, at the ends of the calendar
    except (ValueError, OverflowError, OSError):
        hint = "give 22:00, 2026-12-05T22:00, or with its zone: 2026-12-05T22:00+01:00"
        raise UsageProblem(f"--at {text!r} is no time", hint=hint) from None
    return found.timestamp()


def _read(text: str, today: date) -> datetime:
    """A day alone would be its midnight, which nobody means. Raises ValueError."""
    if ":" not in text:
        raise ValueError(text)
    try:
        return datetime.combine(today, time.fromisoformat(text))
    except ValueError:
        return datetime.fromisoformat(text)


def seconds(text: str) -> float:
    """Of `60s`, `2m`, `1h`, or a number of seconds. Raises UsageProblem."""
    from vmmigrate.errors import UsageProblem
    from vmmigrate.settings import lengths

    try:
        return float(str(lengths.seconds(text)))
    except ValueError:
        raise UsageProblem(f"--budget {text!r} is no length of time", hint="give it as 60s, 2m or 1h") from None
