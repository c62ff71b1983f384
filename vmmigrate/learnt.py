"""What a run has learnt by now: groups of facts.py as JSON, each read as its type when it is asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from vmmigrate.errors import JournalDamaged

G = TypeVar("G")


@dataclass(frozen=True)
class Facts:
    """All that a run knows by now: at most one value of each group, as JSON, read as its type when it is asked for."""

    _groups: Mapping[str, Any] = field(default_factory=dict)
    _ever: Mapping[str, Any] = field(default_factory=dict, compare=False)  # also of steps that were undone since
    _read: dict[type, tuple[object, object]] = field(default_factory=dict, compare=False, repr=False)  # JSON, value

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._groups)

    def find(self, group: type[G]) -> G | None:
        """None where it is not known. Raises JournalDamaged where this version cannot read it."""
        return self.of(group) if group.__name__ in self._groups else None

    def of(self, group: type[G]) -> G:
        """The group's value; a KeyError here is a bug in the order of the steps. What was read is not read again."""
        data = self._groups[group.__name__]
        if group in self._read and self._read[group][0] is data:
            return cast("G", self._read[group][1])
        try:
            self._read[group] = data, _adapter(group).validate_python(data)
            return cast("G", self._read[group][1])
        except ValidationError as error:
            wrong = "; ".join(": ".join([*map(str, each["loc"]), each["msg"]]) for each in error.errors())
            raise JournalDamaged(
                f"what the journal has as {group.__name__} cannot be read: {wrong}",
                hint="use the version that wrote it",
            ) from error

    def last(self, group: type[G]) -> G | None:
        """What was known last, even if the step that learnt it was undone since. None where it never was known."""
        return Facts(self._ever, _read=self._read).find(group)

    def with_json(self, name: str, data: object) -> "Facts":
        return Facts({**self._groups, name: data}, {**self._ever, name: data}, self._read)

    def again(self, names: Iterable[str]) -> "Facts":
        """With what was known of these groups last."""
        return Facts({**self._groups, **{name: self._ever[name] for name in names}}, self._ever, self._read)

    def without(self, names: Iterable[str]) -> "Facts":
        gone = set(names)
        return Facts({name: value for name, value in self._groups.items() if name not in gone}, self._ever, self._read)


def _adapter(group: type) -> TypeAdapter[Any]:
    if group not in _ADAPTERS:
        _ADAPTERS[group] = TypeAdapter(group)
    return _ADAPTERS[group]


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def since(group: type) -> int:
    """The journal's schema that has it first."""
    return int(getattr(group, "since", 1))


def group_to_json(value: object) -> tuple[str, Any]:
    """A group's name and its JSON form."""
    return type(value).__name__, _adapter(type(value)).dump_python(value, mode="json")
