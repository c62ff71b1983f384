"""The plan and the settings that a run began with: by its files, else by the copies that its journal has."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from vmmigrate import limits, reading
from vmmigrate.errors import JournalDamaged
from vmmigrate.itinerary import Itinerary, Plan
from vmmigrate.run.fold import RunState
from vmmigrate.run.rundir import RunDir
from vmmigrate.settings.models import Settings
from vmmigrate.settings.stored import Stored, as_copied, read_copy, read_stored

T = TypeVar("T")


def recorded(plan: str, settings: Settings) -> Mapping[str, Any]:
    """What the journal's first record has of both, beside the digest of the plan.

    A folder that lost a file is then no reason to be without a way back. An earlier version recorded no copies.
    """
    return {"plan_sha256": _digest(plan), "plan": plan, "settings": as_copied(settings)}


def plan_of(rundir: RunDir, itinerary: Itinerary, state: RunState, *, whatever: bool = True) -> tuple[Plan, str]:
    """The plan, and what is to be said of its file. Raises JournalDamaged, as `_else_copied`."""

    def by_file() -> Plan:
        text = _read(rundir.plan, str.encode).decode()
        plan: Plan = _parsed(rundir.plan, text, itinerary.read_plan)
        if _digest(text) != state.plan_sha256:
            raise JournalDamaged(
                f"{rundir.plan} is not the plan with which the run began",
                hint="restore that file from a copy: it was edited",
            )
        return plan

    def by_journal() -> Plan:
        plan: Plan = _parsed(rundir.journal, state.plan, lambda text: itinerary.read_plan(_whole(text, state)))
        return plan

    return _else_copied(rundir.plan, by_file, by_journal if state.plan else None, whatever=whatever)


def settings_of(rundir: RunDir, state: RunState, *, whatever: bool = True) -> tuple[Stored, str]:
    """The settings, and what is to be said of their file. Raises JournalDamaged, as `_else_copied`."""

    def by_journal() -> Stored:
        return read_copy(rundir.journal, state.settings)

    by_copy = by_journal if state.settings else None
    return _else_copied(rundir.settings, lambda: read_stored(rundir.settings), by_copy, whatever=whatever)


def _else_copied(
    path: Path, by_file: Callable[[], T], by_copy: Callable[[], T] | None, *, whatever: bool
) -> tuple[T, str]:
    """A file that is gone is replaced by the journal's copy; with `whatever`, also one that cannot be used.

    To go forward with what a person has edited, and not with the edit, is no way out: that is refused.
    """
    try:
        return by_file(), ""
    except JournalDamaged as damaged:
        if by_copy is None:
            raise
        if not (whatever or isinstance(damaged.__cause__, FileNotFoundError)):
            damaged.hint += f"; without {path.name} the copy in the journal is used"
            raise
        return by_copy(), f"{damaged}; the copy in the journal is used"


def _whole(plan: str, state: RunState) -> str:
    """Raises ValueError."""
    if _digest(plan) != state.plan_sha256:
        raise ValueError("it is not the plan with which the run began")
    return plan


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, parse: Callable[[str], T]) -> T:
    try:
        return _parsed(path, reading.text(path, limits.PLAN), parse)
    except OSError as error:
        raise JournalDamaged(
            f"{path} cannot be read: {error.strerror}", hint="restore that file from a copy, or permit reading it"
        ) from error
    except ValueError as error:
        raise _of_another_kind(path) from error


def _parsed(path: Path, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise _of_another_kind(path) from error


def _of_another_kind(path: Path) -> JournalDamaged:
    return JournalDamaged(
        f"{path} does not have what this version reads there",
        hint="restore that file from a copy, or use the version that wrote it",
    )
