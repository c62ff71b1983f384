"""Put files of an appliance in place so that they can be put back: the previous ones stay beside, a record says which.

The copies beside could not tell by themselves which files were not there before, nor in which state an interrupted
change is: so a small record is written before anything is touched. It holds paths and digests.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

from vmmigrate.appliance.port import INCOMING, FileMeta, Shell, fresh
from vmmigrate.errors import ApplianceError

BEFORE = ".before-vmmigrate"
RECORD = "/var/lib/vmmigrate-tls.json"
SELINUX = ("/sys/fs/selinux/enforce", "/etc/selinux/config")
_RECORD_META = FileMeta("0600", "root", "root")
_SCHEMA = 1


@dataclass(frozen=True)
class NewFile:
    """What a file is to hold; `default`: mode and owner where there is none yet."""

    path: str
    data: bytes = field(repr=False)
    default: FileMeta


@dataclass(frozen=True)
class Edit:
    """A program of the appliance's own that rewrites the configuration file `path`."""

    path: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """What is to be written. Empty where all is in place already."""

    files: tuple[NewFile, ...] = ()
    edits: tuple[Edit, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.edits)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([file.path for file in self.files] + [edit.path for edit in self.edits]))


@dataclass(frozen=True)
class _Entry:
    """A file before it was touched (`before` '' where there was none) and as it was left (`after`, once it was)."""

    path: str
    before: str
    after: str = ""

    @property
    def beside(self) -> str:
        return self.path + BEFORE


@dataclass(frozen=True)
class _Record:
    done: bool
    entries: tuple[_Entry, ...]


def place(shell: Shell, change: Change) -> bool:
    """Whether anything was done. Convergent, also after a crash: the copies beside stay those of before it."""
    record = _read_record(shell)
    interrupted = record is not None and not record.done
    if not change and not interrupted:
        return False
    known = record.entries if record is not None and interrupted else ()
    present = _digests(shell, (*change.paths, *(path for entry in known for path in (entry.path, entry.beside))))
    fresh = [path for path in change.paths if path not in {entry.path for entry in known}]
    entries = (*known, *(_Entry(path, present[path]) for path in fresh))
    _write_record(shell, _Record(False, entries))
    for entry in entries:
        _keep(shell, entry, present)
    _write(shell, change, present)
    after = _digests(shell, [entry.path for entry in entries])
    _write_record(shell, _Record(True, tuple(replace(entry, after=after[entry.path]) for entry in entries)))
    return True


def is_interrupted(shell: Shell) -> bool:
    """Whether a change was begun and neither finished nor put back."""
    record = _read_record(shell)
    return record is not None and not record.done


def kept(shell: Shell) -> object:
    """What the record says now, to be compared alone: another one means that something was put in place since."""
    return _read_record(shell)


def put_back(shell: Shell) -> tuple[str, ...]:
    """Every file byte for byte as it was, with all that belongs to it; which, in order. () where nothing is kept.

    The record stays until `forget`, so that what follows from it may be done again. Raises ApplianceError, and touches
    nothing, where somebody changed one of the files since.
    """
    record = _read_record(shell)
    _sweep(shell, record)
    if record is None:
        return ()
    present = _digests(shell, [path for entry in record.entries for path in (entry.path, entry.beside)])
    if record.done:
        _refuse_foreign_hands(shell, record.entries, present)
    _refuse_lost_copy(shell, record.entries, present)
    for entry in record.entries:
        if entry.before and present[entry.beside] == entry.before:
            shell.run(("mv", "-f", "-T", entry.beside, entry.path), user="root")
    made = [entry.path for entry in record.entries if not entry.before]
    half = [entry.beside for entry in record.entries if present[entry.beside] != entry.before]
    if made or half:
        shell.run(("rm", "-f", *made, *half), user="root")
    return tuple(entry.path for entry in record.entries)


def forget(shell: Shell) -> None:
    """Once the services have what was put back."""
    shell.run(("rm", "-f", RECORD), user="root")


def resolved(shell: Shell, path: str) -> str:
    """Where a symbolic link leads: the link stays, what it points to is replaced."""
    for user in (None, "root"):  # root, where the account may not look into a folder on the way
        said = shell.run(("readlink", "-f", path), user=user, check=False).stdout.strip()
        if said:
            return said
    return path


def _sweep(shell: Shell, record: _Record | None) -> None:
    """Remove what was on its way, maybe a key, where a change was killed."""
    paths = [entry.path for entry in record.entries] if record else []
    shell.run(("rm", "-rf", INCOMING, *map(fresh, (RECORD, *paths))), user="root")


def _keep(shell: Shell, entry: _Entry, present: dict[str, str]) -> None:
    """A copy beside with mode, owner, times and context, once; a copy cut short is made anew, the file being whole."""
    if entry.before and present.get(entry.beside) != entry.before and present[entry.path] == entry.before:
        shell.run(("cp", "-a", "-T", entry.path, entry.beside), user="root")


def _write(shell: Shell, change: Change, present: dict[str, str]) -> None:
    """What is there keeps its mode and owner; where the kernel has SELinux, its context."""
    metas = _metas(shell, change.paths)
    for file in change.files:
        shell.install_file(file.path, file.data, metas.get(file.path, file.default))
    for edit in change.edits:
        shell.run(edit.argv, user="root")
    if _has_selinux(shell):
        for path in change.paths:
            _label(shell, path, like=path + BEFORE if present[path] else "")


def _has_selinux(shell: Shell) -> bool:
    """As libselinux tells it: the kernel has it, and it is configured. Asked without sudo, wherever the tools lie."""
    return all(shell.run(("test", "-e", path), check=False).status == 0 for path in SELINUX)


def _label(shell: Shell, path: str, like: str) -> None:
    """The context of the previous file, else what the policy says; a file system without labels has neither."""
    if not like or shell.run(("chcon", f"--reference={like}", path), user="root", check=False).status != 0:
        shell.run(("restorecon", path), user="root", check=False)


def _refuse_foreign_hands(shell: Shell, entries: Iterable[_Entry], present: dict[str, str]) -> None:
    changed = [entry.path for entry in entries if present[entry.path] not in (entry.after, entry.before)]
    if changed:
        raise ApplianceError(
            f"{shell.host}: since the copy somebody changed {', '.join(changed)}",
            hint=f"nothing was put back; the previous content is beside, named …{BEFORE}: compare, and copy by hand",
        )


def _refuse_lost_copy(shell: Shell, entries: Iterable[_Entry], present: dict[str, str]) -> None:
    for entry in entries:
        if entry.before and entry.before not in (present[entry.path], present[entry.beside]):
            raise ApplianceError(
                f"{shell.host}: {entry.beside} is gone or damaged, so {entry.path} cannot be put back",
                hint="nothing was put back; restore the file from a backup of the appliance",
            )


def _digests(shell: Shell, paths: Sequence[str]) -> dict[str, str]:
    """SHA-256 of each file, '' where there is none: one command for all, because each sudo costs its time."""
    found = dict.fromkeys(paths, "")
    if found:
        for line in shell.run(("sha256sum", *found), user="root", check=False).stdout.splitlines():
            digest, _, path = line.partition("  ")
            found[path] = digest
    absent = [path for path, digest in found.items() if not digest]
    unread = _metas(shell, absent) if absent else {}
    if unread:
        raise _unseen(shell, unread)
    return found


def _metas(shell: Shell, paths: Sequence[str]) -> dict[str, FileMeta]:
    """Of those files that are there. `/` always is: where it is not seen, nothing is known of the others either."""
    said = shell.run(("stat", "-c", "%a %U %G %n", "/", *paths), user="root", check=False)
    lines = [line.split(" ", 3) for line in said.stdout.splitlines()]
    words = {words[-1]: words[:3] for words in lines}
    if "/" not in words or not words.keys() <= {"/", *paths}:  # a name of two lines is told as two
        raise _unseen(shell, paths)
    return {path: FileMeta(mode.zfill(4), owner, group) for path, (mode, owner, group) in words.items() if path != "/"}


def _unseen(shell: Shell, paths: Iterable[str]) -> ApplianceError:
    """A file that cannot be read is not one that is absent: an undo would remove it."""
    return ApplianceError(
        f"{shell.host}: {', '.join(paths)} cannot be looked at as root",
        hint="nothing was done to them by this; see there whether `sudo sha256sum FILE` reads them",
    )


def _read_record(shell: Shell) -> _Record | None:
    if shell.run(("test", "-e", RECORD), check=False).status != 0:  # every account may look there, so without sudo
        return None
    try:
        data = json.loads(shell.read_file(RECORD))
        if data["schema"] != _SCHEMA:
            raise ApplianceError(
                f"{shell.host}: {RECORD} was written by a newer vmmigrate", hint="use that version on this appliance"
            )
        return _Record(data["done"], tuple(_Entry(**entry) for entry in data["entries"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ApplianceError(
            f"{shell.host}: {RECORD} cannot be read: {error}",
            hint=f"the previous files lie beside the present ones, named …{BEFORE}: put them back by hand, "
            "then delete the record",
        ) from error


def _write_record(shell: Shell, record: _Record) -> None:
    entries: Sequence[dict[str, str]] = [asdict(entry) for entry in record.entries]
    text = json.dumps({"schema": _SCHEMA, "done": record.done, "entries": entries}, indent=1)
    shell.install_file(RECORD, text.encode() + b"\n", _RECORD_META)
