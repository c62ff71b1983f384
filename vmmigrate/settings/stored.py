"""The settings that a run was begun with, by this version or another: what it does not know of them is left out."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vmmigrate import limits, reading
from vmmigrate.errors import JournalDamaged
from vmmigrate.invalid import plain
from vmmigrate.settings.given import PRIVATE
from vmmigrate.settings.models import Settings
from vmmigrate.settings.sources import SOURCE, TEXT

Place = tuple[int | str, ...]


@dataclass(frozen=True)
class Stored:
    """`unknown`: the names of those that this version does not have."""

    settings: Settings
    unknown: tuple[str, ...] = ()


def read_stored(path: Path) -> Stored:
    """Raises JournalDamaged, with the file and each setting that cannot be read."""
    return _stored(path, _read(path))


def as_copied(settings: Settings) -> Mapping[str, Any]:
    """For another file, which is shown to more people: without what is private."""
    data = settings.model_dump(mode="json", exclude_none=True)
    for name in PRIVATE:
        with suppress(KeyError):  # it is not set
            _leave_out(data, tuple(name.split(".")))
    return data


def read_copy(path: Path, data: Mapping[str, Any]) -> Stored:
    """What `as_copied` gave, out of that file. Raises JournalDamaged."""
    return _stored(path, deepcopy(data))


def _stored(path: Path, data: Any) -> Stored:
    try:
        return Stored(Settings.model_validate(data))
    except ValidationError as error:
        unknown = tuple(_place(each) for each in error.errors() if each["type"] == "extra_forbidden")
        if not unknown:
            raise _unreadable(path, error) from error
    for place in unknown:
        _leave_out(data, place)
    try:
        return Stored(Settings.model_validate(data), tuple(map(_name, unknown)))
    except ValidationError as error:
        raise _unreadable(path, error) from error


def _read(path: Path) -> Any:
    try:
        return reading.from_json(reading.data(path, limits.PLAN))
    except OSError as error:
        raise JournalDamaged(
            f"{path} cannot be read: {error.strerror}", hint="restore that file from a copy, or permit reading it"
        ) from error
    except ValueError as error:
        raise JournalDamaged(f"{path} is not JSON: {error}", hint="restore that file from a copy") from error


def _place(error: Any) -> Place:
    """In the file; pydantic adds the form of a value that has several."""
    return tuple(part for part in error["loc"] if part not in (TEXT, SOURCE))


def _name(place: Iterable[int | str]) -> str:
    return ".".join(map(str, place))


def _leave_out(data: Any, place: Place) -> None:
    *tables, key = place
    for each in tables:
        data = data[each]
    del data[key]


def _unreadable(path: Path, error: ValidationError) -> JournalDamaged:
    wrong = "; ".join(map(_in_words, error.errors()))
    return JournalDamaged(
        f"{path} has settings that this version cannot read: {wrong}",
        hint="set them there as `vmmigrate config template` describes, restore the file from a copy, or use the version"
        " that wrote it",
    )


def _in_words(error: Any) -> str:
    return f"{_name(_place(error)) or 'all of it'}: {plain(error['type'], error['msg'])}"
