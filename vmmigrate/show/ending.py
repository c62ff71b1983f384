"""Say how a run ended, and which commands can follow."""

from collections.abc import Sequence

from vmmigrate.events import RunEnded
from vmmigrate.run.standing import in_words
from vmmigrate.show.outages import in_all


def end_lines(event: RunEnded) -> list[str]:
    """How a run ended, and what can be done now."""
    lasted = in_all(event.outages)
    lines = [in_words(event.outcome) + (f", outage {lasted}" if lasted else "")]
    lines += [f"{machine}: {stands}" for machine, stands in event.machines.items()]
    lines += [event.account] if event.account else []
    lines += [f"insecure, as asked: {flag}" for flag in event.insecure]
    lines += left_lines(event.left)
    return lines + next_lines(event.run_id, event.next)


def left_lines(left: Sequence[str]) -> list[str]:
    """What a person has to do, numbered."""
    return [f"left to you: {number}. {each}" for number, each in enumerate(left, start=1)]


def next_lines(run_id: str, verbs: tuple[tuple[str, str], ...]) -> list[str]:
    """A command a line, with what it does."""
    return [f"next: {f'vmmigrate {verb} {run_id}':<{len(run_id) + 21}}{does}" for verb, does in verbs]
