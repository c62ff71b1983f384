"""Write a redacted profile from what a console showed, and find where a profile no longer fits. Pure functions."""

import datetime
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tomlkit
from pydantic import BaseModel
from tomlkit.items import Table

from hypervisors import redacted
from vmmigrate.appliance.profile import ConsoleProfile, Profile

Value = str | tuple[str, ...] | tuple[int, ...]

# The meaning of each key, as written into the file.
MEANINGS: Mapping[str, str] = {
    "ports": "tried in this order when only a host is given",
    "contexts": "paths at which the log-in page is searched for",
    "wizard_skip": "caption of the link or button that skips a first-run wizard",
    "login.page": "path of the log-in page",
    "login.action": "path to which the log-in form is sent",
    "login.user": "field for the user name",
    "login.next": "button after the user name, if the password has its own page",
    "login.password": "field for the password",
    "login.button": "button that logs in",
    "backup.page": "path of the page with the backup form",
    "backup.menu": "links from the home page to it",
    "backup.action": "path to which the backup form is sent",
    "backup.password": "field for the archive's password",
    "backup.repeat": "field that asks for it again",
    "backup.location": "field that says where the archive goes",
    "backup.download": "its value for a download",
    "backup.no_database": "checkbox that leaves the database out",
    "backup.database": "checkbox that includes the database",
    "backup.button": "button that starts the backup",
    "backup.result": "link to the finished archive; visible only when a backup is made",
    "restore.page": "path of the page with the restore form",
    "restore.menu": "links from the home page to it",
    "restore.action": "path to which the archive is sent",
    "restore.file": "field for the archive",
    "restore.password": "field for the archive's password",
    "restore.repeat": "field that asks for it again",
    "restore.location": "field that says where the archive comes from",
    "restore.upload": "its value for a file sent from here",
    "restore.confirm": "checkbox that agrees to all settings being overwritten",
    "restore.button": "button that restores",
    "restore.yes": "button that answers a question after the upload; visible only during a restore",
    "restore.success": "regular expression: the console's message after a restore; known only then",
    "restore.failure": "regular expression: its message after a failed restore; known only then",
    "queues.mta": "path of the list of Postfix's queue",
    "queues.outgoing": "path of the list of the mail agent's queue for outgoing mail",
    "queues.error": "path of the list of what it could not handle",
    "queues.spool": "path of the list of what it is handling",
    "queues.respool": "path of the list of what it handles again",
    "queues.menu": "links from the home page to the page that has or leads to all of them",
    "pam.page": "path of the page with the box for log-ins by PAM; visible only to update --pam",
    "pam.menu": "links from the home page to it",
    "pam.action": "path to which its form is sent",
    "pam.enabled": "that box, or a choice of on and off",
    "pam.button": "button that keeps it",
}
_LATE = (
    *("backup.result", "restore.yes", "restore.success", "restore.failure"),
    *(f"pam.{name}" for name in ("page", "menu", "action", "enabled", "button")),  # `update --pam` looks for it
)
_WIDTH = 110  # of a comment
_RELEASE = re.compile(r"([456])\.\d+\.\d+(?:[-.]\w+)*")
_SAYS_RELEASE = re.compile(
    r"(?:ciphermail|djigzo|gateway|version|release)\D{0,30}\b(" + _RELEASE.pattern + ")", re.IGNORECASE
)
# Long, with letters and digits: a session's or a form's token, not a word that somebody chose.
_TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*[A-Za-z])(?=(?:[\w-]*\d){3})[\w-]{20,}")


@dataclass(frozen=True)
class Seen:
    """What a visit found. `release` as on the pages ('' if not shown); `withheld`: keys left out."""

    console: ConsoleProfile
    release: str = ""
    family: str | None = None
    withheld: tuple[str, ...] = ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """Keys that stay empty, including withheld ones."""
        known = pins(self.console)
        return tuple(key for key in keys_of(ConsoleProfile) if key not in known)


@dataclass(frozen=True)
class Difference:
    """`key` as written in the file. `seen`: what the console has there; '' if discovery finds nothing."""

    key: str
    pinned: Value
    seen: Value


def release_in(text: str) -> str:
    """The release of these families that the text names; '' if it names none."""
    found = _SAYS_RELEASE.search(text)
    return found.group(1) if found else ""


def family_of(release: str) -> str | None:
    """'5.5.3' → '5.x'."""
    found = _RELEASE.match(release)
    return f"{found.group(1)}.x" if found else None


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key, without `console.`: `login.page`."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def pins(profile: ConsoleProfile) -> dict[str, Value]:
    """A profile's values by key, without those left to discovery."""
    said = profile.model_dump(exclude_unset=True)
    flat = {
        f"{name}.{key}" if isinstance(value, dict) else name: inner
        for name, value in said.items()
        for key, inner in (value.items() if isinstance(value, dict) else ((name, value),))
    }
    return {key: value for key, value in flat.items() if value}


def redact(profile: ConsoleProfile, names: tuple[str, ...]) -> tuple[ConsoleProfile, tuple[str, ...]]:
    """Without values that contain a secret, a token, or one of `names` (hosts, accounts); and the keys left out."""
    known = pins(profile)
    withheld = tuple(key for key, value in known.items() if _reveals(value, names))
    return profile_of({key: value for key, value in known.items() if key not in withheld}), withheld


def _reveals(value: Value, names: tuple[str, ...]) -> bool:
    texts = [str(each) for each in value] if isinstance(value, tuple) else [value]
    named = [re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE) for name in names if name]
    return any(
        redacted(text) != text or _TOKEN.search(text) or any(pattern.search(text) for pattern in named)
        for text in texts
    )


def profile_of(known: Mapping[str, Value]) -> ConsoleProfile:
    """The reverse of `pins`."""
    tree: dict[str, object] = {}
    for key, value in known.items():
        section, _, name = key.rpartition(".")
        branch = tree.setdefault(section, {}) if section else tree
        assert isinstance(branch, dict)
        branch[name] = value
    return ConsoleProfile.model_validate(tree)


# ---- the file --------------------------------------------------------------------------------------------


def profile_text(seen: Seen, today: datetime.date, version: str) -> str:
    """TOML with comments; a key without a value is commented out."""
    file = tomlkit.document()
    for line in _header(seen, today, version):
        file.add(tomlkit.comment(line))
    file.add(tomlkit.nl())
    if seen.family:
        file.add("family", tomlkit.item(seen.family))
    else:
        file.add(tomlkit.comment('family = ""  # "4.x" or "5.x"'))
    file.add("console", _table(ConsoleProfile, pins(seen.console), ""))
    return tomlkit.dumps(file)


def _header(seen: Seen, today: datetime.date, version: str) -> Iterator[str]:
    yield f"A console's profile, written by vmmigrate {version} on {today.isoformat()}."
    if seen.release:
        yield f"Its pages say release {seen.release}."
    else:
        yield "Its pages do not say which release it is."
    yield "Only paths, field names and captions: no address, account, token or value."
    if seen.withheld:
        yield f"Left out, because it may identify somebody or be a token: {', '.join(seen.withheld)}."
    yield from textwrap.wrap(f"Not found, so left to discovery: {', '.join(seen.unknown) or 'nothing'}.", _WIDTH)


def _table(model: type[BaseModel], known: Mapping[str, Value], prefix: str) -> Table:
    table = tomlkit.table()
    for name, field in model.model_fields.items():
        key, inner = prefix + name, field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            table.add(name, _table(inner, known, f"{key}."))
        elif key in known:
            value = known[key]
            item = tomlkit.item(list(value) if isinstance(value, tuple) else value)
            table.add(name, item.comment(MEANINGS[key]) if key in MEANINGS else item)
        else:
            empty = "[]" if str(inner).startswith("tuple") else '""'
            table.add(tomlkit.comment(f"{name} = {empty}  # {MEANINGS.get(key, '')}"))
    return table


# ---- the check -------------------------------------------------------------------------------------------


def without(profile: Profile, keys: tuple[str, ...]) -> Profile:
    """The same with these keys left to discovery; keys as written in the file."""
    bare = {key.removeprefix("console.") for key in keys}
    kept = {key: value for key, value in pins(profile.console).items() if key not in bare}
    return profile.model_copy(update={"console": profile_of(kept)})


def differences(pinned: Profile, settled: ConsoleProfile, failed: tuple[str, ...]) -> tuple[Difference, ...]:
    """For each key that does not fit: the pinned value, and the one that discovery found instead."""
    was, now = pins(pinned.console), pins(settled)
    return tuple(
        Difference(key, value, now.get(bare, ""))
        for bare, value in was.items()
        if (key := f"console.{bare}") in failed and value != now.get(bare)
    )


def untried(pinned: Profile) -> tuple[str, ...]:
    """Keys of the file that only a real backup, restore or switch of PAM can test."""
    return tuple(f"console.{key}" for key in pins(pinned.console) if key in _LATE)


def other_family(pinned: Profile, release: str) -> tuple[Difference, ...]:
    """The family, if both the profile and the pages name one."""
    seen = family_of(release)
    return (Difference("family", pinned.family, seen),) if pinned.family and seen not in (None, pinned.family) else ()
