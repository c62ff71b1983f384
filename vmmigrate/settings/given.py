"""What file and environment said when a run began, and say now: a resumed run follows what the operator has changed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from vmmigrate import limits, reading
from vmmigrate.errors import UsageProblem
from vmmigrate.invalid import plain
from vmmigrate.settings.models import Settings

# What may change while a run is under way: how long, by which secret, over which way, by which key it is reached.
FREE = (
    "limits",
    "switch",
    "mail.test",
    "hypervisor.password",
    "hypervisor.fingerprint",
    "hypervisor.ca_file",
    "hypervisor.host_key",
    "hypervisor.known_hosts",
    "hypervisor.key_file",
    "old",
    "new.via",
    "new.console",
    "new.ssh",
    "new.staging_address",
    "backup.password",
)
PLANNED = ("old.ssh.insecure_ssh_rsa", "new.ssh.insecure_ssh_rsa")  # of these, what the plan rests on
PRIVATE = ("mail.test",)  # an address of a person: of these no value is shown
# One value each, whatever tables they have inside.
_WHOLE = ("password", "key_passphrase", "new_password", "via", "properties")


@dataclass(frozen=True)
class Given:
    """`file`: the one that was read, "" where none was. `data`: nested, as file and environment have it; no secret."""

    file: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), default=str).encode()


NOTHING_GIVEN = Given()
NO_FILE = Path()  # the environment alone; None stands for the operator's own file


@dataclass(frozen=True)
class Change:
    """A setting that is another now than when the run began, in words."""

    name: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.since_began}, and is {self.now} now"

    @property
    def since_began(self) -> str:
        return f"{self.name} was {self.was} when the run began"


def kept(path: Path) -> Given | None:
    """None: a run of an earlier version, or a file that cannot be read."""
    try:
        return Given(**reading.from_json(reading.data(path, limits.PLAN)))
    except (OSError, ValueError, TypeError):
        return None


def followed(began: Settings, then: Given | None, now: Given) -> tuple[Settings, tuple[Change, ...]]:
    """The settings of a run as they are now. Raises UsageProblem for a change that another plan would need.

    Only what the operator has changed counts: an option of the command that began it still goes before the file.
    Without `then` it is not known what changed, so what the plan rests on is left as it is.
    """
    before = dict(leaves(then.data if then else {}))
    changed = {name: value for name, value in leaves(now.data) if before.get(name) != value}
    after = _with(began, changed)
    changes = tuple(_changes(began, after, changed))
    refused = [change for change in changes if not is_free(change.name)]
    if refused and then:
        raise UsageProblem(
            "; ".join(map(str, refused)),
            hint="a run keeps its plan: set it back, or roll the run back and begin another",
        )
    free = {change.name: changed[change.name] for change in changes if is_free(change.name)}
    return _with(began, free), tuple(change for change in changes if is_free(change.name))


def private_again(copied: Settings, then: Given | None, now: Given) -> tuple[Settings, tuple[str, ...]]:
    """Settings of a copy, in which nothing private is: with what file and environment have of that now.

    And what is to be said of each that they had when the run began, or have. An option of the command that began it is
    in neither: of a run whose beginning is not known that is said too. Raises UsageProblem.
    """
    had = dict(leaves(then.data)) if then else dict.fromkeys(PRIVATE)
    has = {name: value for name, value in leaves(now.data) if name in PRIVATE}
    words = {True: "as file and environment have it now", False: "not set: nothing is done for it"}
    said = (f"the copy has no {name}: it is {words[name in has]}" for name in PRIVATE if name in has or name in had)
    return _with(copied, has), tuple(said)


def is_free(name: str) -> bool:
    return name not in PLANNED and any(name == each or name.startswith(f"{each}.") for each in FREE)


def leaves(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting by its path."""
    for key, value in data.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and key not in _WHOLE:
            yield from leaves(value, f"{name}.")
        else:
            yield name, value


def _with(began: Settings, changed: Mapping[str, Any]) -> Settings:
    """Raises UsageProblem."""
    if not changed:
        return began
    data = began.model_dump(mode="json", exclude_none=True)
    for name, value in changed.items():
        *tables, key = name.split(".")
        place = data
        for table in tables:
            place = place.setdefault(table, {})
        place[key] = value
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {plain(e['type'], e['msg'])}" for e in error.errors())
        raise UsageProblem(
            f"what has changed since the run began cannot be used: {wrong}",
            hint="correct it in the file or in the VMMIGRATE_… environment: vmmigrate config check",
        ) from error


def _changes(began: Settings, after: Settings, changed: Mapping[str, Any]) -> Iterator[Change]:
    for name in changed:
        was, now = _value(began, name), _value(after, name)
        if was != now:
            yield Change(name, _shown(name, was), _shown(name, now, before=was))


def _value(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _shown(name: str, value: object, before: object = None) -> str:
    """A source of a secret as it is written; never the secret, which no setting holds."""
    if name in PRIVATE and value is not None:
        return "set" if before is None else "changed"
    if isinstance(value, BaseModel):
        return json.dumps(value.model_dump(mode="json", exclude_defaults=True))
    return "not set" if value is None else str(value)
