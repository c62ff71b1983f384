"""Make a schedule that breaks something smaller, until nothing can be left out, and tell it as a story."""

from tests.faults.play import Played, play
from tests.faults.schedule import Schedule, smaller

MOST = 150  # attempts


def shrunk(schedule: Schedule, invariant: str) -> tuple[Schedule, Played]:
    """The smallest found that still breaks this invariant; `schedule` itself where nothing can be left out."""
    best, played, left = schedule, play(schedule), MOST
    while left:
        for candidate in smaller(best):
            left -= 1
            tried = play(candidate)
            if _breaks(tried, invariant):
                best, played = candidate, tried
                break
            if not left:
                break
        else:
            break
    return best, played


def _breaks(played: Played, invariant: str) -> bool:
    return any(kind == invariant for kind, _ in played.broken)


def story(played: Played) -> str:
    """For a person: every command, what moved in it and how it ended, and what was broken."""
    broken = [f"  broken {kind}: {seen}" for kind, seen in dict.fromkeys(played.broken)]
    return "\n".join([f"seed {played.seed}:", *(f"  {line}" for line in played.story), *broken])
