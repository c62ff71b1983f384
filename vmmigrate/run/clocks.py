"""This machine's clocks, as a journal records them: the wall clock, and one that nobody can set."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _boot() -> str:
    """Another text after each boot; '' where the kernel does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _up() -> float:
    """Seconds since this machine's boot, on Linux also those in which it slept; macOS has no such clock for us."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True)
class Clocks:
    """`wall`: Unix seconds, which jump if somebody sets the clock. `up`: comparable only within one `boot`."""

    wall: Callable[[], float] = time.time
    up: Callable[[], float] = _up
    boot: Callable[[], str] = _boot


THIS_MACHINE = Clocks()


def span(seconds: float) -> str:
    """A time of days or hours for people, in its largest unit: '3 days', '1 hour', 'less than a minute'."""
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {name}{'s' * (seconds >= 2 * length)}"
    return "less than a minute"


def in_clock(seconds: float) -> str:
    """A countdown: '2:05:00', '0:30'."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
