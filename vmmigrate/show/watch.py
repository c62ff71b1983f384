"""Show what a watch from outside sees: each turn as it comes, and each service at the end. Pure functions."""

from datetime import UTC, datetime

from vmmigrate.alone.watch import Turn, Watched
from vmmigrate.watch.samples import Gap, Seen

_FINGERPRINT = 64  # hex digits of SHA-256


def turn_line(turn: Turn) -> str:
    clock = datetime.fromtimestamp(turn.at, UTC).strftime("%H:%M:%S.%f")[:-3]
    return f"{clock}  {turn.service!s:<14} {_news(turn)}"


def _news(turn: Turn) -> str:
    if not turn.sign:
        return f"no answer: {turn.why}"
    again = "" if turn.after is None else f"again, after {turn.after:.1f} s: "
    return f"answers {again}{short(turn.sign)}"


def short(sign: str) -> str:
    """A fingerprint by its beginning; a greeting as it is."""
    is_fingerprint = len(sign) == _FINGERPRINT and set(sign) <= set("0123456789abcdef")
    return f"certificate {sign[:16]}…" if is_fingerprint else sign


def watched_lines(watched: Watched) -> list[str]:
    return [f"watched {watched.host} for {watched.seconds:.0f} s", *(_line(each) for each in watched.services)]


def _line(each: Seen) -> str:
    return f"  {each.service!s:<14} {each.answered} of {each.asked} questions answered; {_gaps(each)}"


def _gaps(each: Seen) -> str:
    if not each.answered:
        return f"never an answer: {each.gaps[0].why}" if each.gaps else "not asked"
    if each.longest is None:
        return _open_end(each) or "no gap"
    count = sum(gap.seconds is not None for gap in each.gaps) + each.more_gaps
    longest = f"longest gap {each.longest.seconds:.1f} s" + (f" of {count}" if count > 1 else "")
    return "; ".join(filter(None, (longest, _open_end(each))))


def _open_end(each: Seen) -> str:
    return "" if each.answers else f"no answer at the end: {each.gaps[-1].why}"


def turn_json(turn: Turn) -> dict[str, object]:
    return {
        "event": "ServiceTurned",
        "at": _iso(turn.at),
        "service": str(turn.service),
        "answers": bool(turn.sign),
        "shown": turn.sign,
        "why": turn.why,
        "after": turn.after,
    }


def watched_json(watched: Watched) -> dict[str, object]:
    return {
        "event": "Watched",
        "host": watched.host,
        "seconds": round(watched.seconds, 3),
        "services": [
            {
                "service": str(each.service),
                "asked": each.asked,
                "answered": each.answered,
                "answers": each.answers,
                "shown": each.sign,
                "longest_gap": _seconds(each.longest),
                "gaps": [{"seconds": _seconds(gap), "why": gap.why} for gap in each.gaps],
                "more_gaps": each.more_gaps,
                "changes": len(each.changes) + each.more_changes,
            }
            for each in watched.services
        ],
    }


def _seconds(gap: Gap | None) -> float | None:
    """None: it has an open end."""
    return None if gap is None or gap.seconds is None else round(gap.seconds, 3)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
