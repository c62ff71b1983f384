"""Examine a live console and write its profile, or check whether one still fits; only the log-in is sent."""

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from hypervisors import Unreachable
from vmmigrate import __version__
from vmmigrate.alone.visit import Host, Visit, logged_in
from vmmigrate.appliance.port import Console
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile, Profile, read_profile
from vmmigrate.appliance.web.probing import (
    Difference,
    Seen,
    differences,
    family_of,
    other_family,
    pins,
    profile_text,
    redact,
    release_in,
    untried,
    without,
)
from vmmigrate.durable import new_file
from vmmigrate.errors import NotDiscovered, UsageProblem
from vmmigrate.parts import Parts, reported

_ACCOUNTS = ("admin", "root", "sa")  # accounts of every appliance [F-CONSOLE-3, F-CONSOLE-4]
_WORDS = ("backup", "ciphermail", "console", "djigzo", "gateway", "host", "login", "mail", "restore", "web")
_PLACE = ("ports", "contexts")  # the keys that may be wrong if nothing answers on a bare host
_Failure = NotDiscovered | Unreachable


@runtime_checkable
class _Discovers(Protocol):
    """A console whose client discovers everything that a profile can pin."""

    def find_restore(self) -> None: ...

    def mail_queues(self) -> Mapping[str, int]: ...

    def findings(self) -> ConsoleProfile: ...

    def home_text(self) -> str: ...


@dataclass(frozen=True)
class Probed:
    """`missing`: what discovery did not find, as messages."""

    url: str
    seen: Seen
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """`missing`: found neither with the profile nor without the differing keys. `untried`: keys not checked."""

    url: str
    differences: tuple[Difference, ...]
    missing: tuple[str, ...]
    untried: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return not (self.differences or self.missing)


# ---- write -----------------------------------------------------------------------------------------------


def probe(visit: Visit, family: str | None, parts: Parts) -> Probed:
    """Log in once and examine it. Raises UsageProblem for a back end of 6.x, where nothing can be discovered."""
    with reported(parts, "probe", "Examine the console"), logged_in(visit, parts) as host:
        console = host.console
        if not isinstance(console, _Discovers):
            raise UsageProblem(
                "a profile with [rest] is written by hand: nothing can be discovered there",
                hint="--check FILE shows whether one fits",
            )
        missing = tuple(map(_described, _look(console)))
        found, withheld = redact(console.findings(), _names(visit, host))
        release = release_in(console.home_text())
        return Probed(host.url, Seen(found, release, family or family_of(release), withheld), missing)


def probe_into(visit: Visit, family: str | None, target: Path, parts: Parts, *, force: bool = False) -> Probed:
    """The same, written to `target`. Raises UsageProblem before any connection if it cannot be written."""
    with new_file(target, force=force) as (sink, _):
        probed = probe(visit, family, parts)
        sink.write(text_of(probed).encode())
    return probed


def text_of(probed: Probed) -> str:
    return profile_text(probed.seen, datetime.datetime.now(datetime.UTC).date(), __version__)


def _look(console: Console) -> Iterator[NotDiscovered]:
    """The messages about what was not found."""
    for look in _looks(console):
        try:
            look()
        except NotDiscovered as error:
            yield error


def _described(error: _Failure) -> str:
    """The message with the keys that would settle it."""
    keys = error.keys if isinstance(error, NotDiscovered) else ()
    return f"{error} (settled by {' or '.join(keys)})" if keys else str(error)


def _looks(console: Console) -> tuple[Callable[[], object], ...]:
    if isinstance(console, _Discovers):
        return console.find_backup, console.find_restore, console.mail_queues
    return (console.find_backup,)


def _names(visit: Visit, host: Host) -> tuple[str, ...]:
    """Names that would identify the console: the host, its first label, the account; not common words."""
    where = (urlsplit(host.url).hostname or "").lower()
    label = "" if where.replace(".", "").isdigit() else where.partition(".")[0]
    return tuple(name for name in (where, label, visit.user.lower()) if name not in _ACCOUNTS + _WORDS)


# ---- check -----------------------------------------------------------------------------------------------


def check(visit: Visit, file: Path, parts: Parts) -> Checked:
    """Log in with the profile and check; if a key does not fit, search again without it, to report what is there.

    A refused log-in is final, as everywhere.
    """
    pinned = read_profile(file)
    profile, failed = pinned, tuple[str, ...]()
    with reported(parts, "check", "Compare the profile with the console"):
        while new := _pinned_in(profile, (look := _visited(visit, profile, parts)).errors):
            profile, failed = without(profile, new), failed + new
    changed = differences(pinned, look.found, failed) + other_family(pinned, look.release)
    return Checked(look.url, changed, tuple(map(_described, look.errors)), untried(pinned))


def refuse_misfit(checked: Checked, file: Path) -> None:
    """Raises UsageProblem if the profile does not fit."""
    if not checked.fits:
        count = len(checked.differences)
        what = f"{count} keys differ" if count > 1 else "a key differs" if count else "something is not found"
        raise UsageProblem(
            f"{file} does not fit the console at {checked.url}: {what}",
            hint="fix it; for 4.x and 5.x, write it again: vmmigrate probe URL -o FILE",
        )


@dataclass(frozen=True)
class _Look:
    """One visit: what was found, what was not."""

    url: str
    errors: tuple[_Failure, ...]
    found: ConsoleProfile = UNPINNED
    release: str = ""


def _visited(visit: Visit, profile: Profile, parts: Parts) -> _Look:
    """Raises errors that no key of the profile caused."""
    try:
        with logged_in(visit, parts, profile) as host:
            errors, console = tuple(_look(host.console)), host.console
            if not isinstance(console, _Discovers):
                return _Look(host.url, errors)
            return _Look(host.url, errors, console.findings(), release_in(console.home_text()))
    except NotDiscovered as error:
        if not _pinned_in(profile, (error,)):
            raise
        return _Look(visit.where, (error,))
    except Unreachable as error:
        if "://" in visit.where or not _pinned_in(profile, (error,)):
            raise
        return _Look(visit.where, (error,))


def _pinned_in(profile: Profile, errors: tuple[_Failure, ...]) -> tuple[str, ...]:
    """The keys that these failures are about, as far as the profile pins them."""
    pinned = pins(profile.console)
    keys = [key for error in errors for key in (error.keys if isinstance(error, NotDiscovered) else _PLACE)]
    return tuple(dict.fromkeys(f"console.{bare}" for key in keys if (bare := key.removeprefix("console.")) in pinned))
