"""Put files of an appliance in place so that they can be put back: the previous ones stay beside, a record says which.

The copies do not show which files did not exist before, nor in which state an interrupted
change is: so a small record is written before anything is touched. It holds paths and digests.
"""

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from posixpath import basename, dirname

from vmmigrate.appliance import entering
from vmmigrate.appliance.asking import in_order
from vmmigrate.appliance.looking import LookingShell, looking
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.reading import from_json

BEFORE = ".before-vmmigrate"
RECORD = "/var/lib/vmmigrate-tls.json"
SELINUX = ("/sys/fs/selinux/enforce", "/etc/selinux/config")
_RECORD_META = FileMeta("0600", "root", "root")
_SCHEMA = 1


@dataclass(frozen=True)
class Edit:
    """A program of the appliance's own that rewrites the configuration file `path`."""

    path: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """What is to be written. Empty if all is in place already. A file that is there keeps its mode and owner."""

    files: tuple[NewFile, ...] = ()
    edits: tuple[Edit, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.edits)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([file.path for file in self.files] + [edit.path for edit in self.edits]))


@dataclass(frozen=True)
class _Entry:
    """A file before it was touched (`before` '' if there was none) and as it was left (`after`, once it was)."""

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
    look = LookingShell(shell)
    selinux = [("test", "-e", path) for path in SELINUX]
    look.ahead(*_about(change.paths), *selinux, files=(RECORD,), user="root")
    record = _read_record(look)
    interrupted = record is not None and not record.done
    if not change and not interrupted:
        return False
    known = record.entries if record is not None and interrupted else ()
    present = _digests(look, (*change.paths, *(path for entry in known for path in (entry.path, entry.beside))))
    fresh = [path for path in change.paths if path not in {entry.path for entry in known}]
    entries = (*known, *(_Entry(path, present[path]) for path in fresh))
    _write_record(shell, _Record(False, entries))
    _keep(shell, entries, present)
    _write(shell, look, change, present)
    after = _digests(shell, [entry.path for entry in entries])
    _write_record(shell, _Record(True, tuple(replace(entry, after=after[entry.path]) for entry in entries)))
    return True


def is_interrupted(shell: Shell) -> bool:
    """Whether a change was begun and neither finished nor put back."""
    record = _read_record(shell)
    return record is not None and not record.done


def kept(shell: Shell) -> object:
    """What the record says now, only for comparing: if it differs later, something was put in place since."""
    return _read_record(shell)


def put_back(shell: Shell) -> tuple[str, ...]:
    """Every file byte for byte as it was, with all that belongs to it; which, in order. () if nothing is kept.

    The record stays until `forget`, so that what follows from it may be done again. Raises ApplianceError, and touches
    nothing, if somebody changed one of the files since.
    """
    record = _read_record(shell)
    _sweep(shell, record)
    if record is None:
        return ()
    present = _digests(shell, [path for entry in record.entries for path in (entry.path, entry.beside)])
    if record.done:
        _refuse_foreign_hands(shell, record.entries, present)
    _refuse_lost_copy(shell, record.entries, present)
    whole = [entry for entry in record.entries if entry.before and present[entry.beside] == entry.before]
    made = [entry.path for entry in record.entries if not entry.before]
    half = [entry.beside for entry in record.entries if present[entry.beside] != entry.before]
    acts: list[tuple[str, tuple[str, ...]]] = [
        (entry.path, ("mv", "-f", "-T", _here(entry.beside), _here(entry.path))) for entry in whole
    ]
    acts += [(path, ("rm", "-f", _here(path))) for path in (*made, *half)]
    lines = [act for folder, inside in _by_folder(acts).items() for act in (*entering.entered(folder), *inside)]
    if lines:
        shell.run(("sh", "-c", entering.line(lines)), user="root")
    return tuple(entry.path for entry in record.entries)


def forget(shell: Shell) -> None:
    """Once the services have what was put back."""
    shell.run(("rm", "-f", RECORD), user="root")


def resolved(shell: Shell, path: str) -> str:
    """Where a symbolic link leads: the link stays, what it points to is replaced."""
    for user in (None, "root"):  # as root, because the account may not look into a folder on the way
        said = shell.run(("readlink", "-f", path), user=user, check=False).stdout.strip()
        if said:
            return said
    return path


def _sweep(shell: Shell, record: _Record | None) -> None:
    """Remove unfinished files, maybe a key, that a killed change left."""
    paths = [RECORD, *(entry.path for entry in record.entries)] if record else [RECORD]
    left = [entering.swept(folder) for folder in dict.fromkeys(map(dirname, paths))]
    shell.run(("sh", "-c", "; ".join(left)), user="root", check=False)


def _keep(shell: Shell, entries: Iterable[_Entry], present: dict[str, str]) -> None:
    """Copies beside with mode, owner, times, context; once. One cut short is made again: the file is whole."""
    acts = [
        (entry.path, act)
        for entry in entries
        if entry.before and present.get(entry.beside) != entry.before and present[entry.path] == entry.before
        for act in (
            ("cp", "-a", "-T", f".{_here(entry.path)}", "./copy"),
            ("mv", "-f", "-T", "./copy", f".{_here(entry.beside)}"),
        )
    ]
    private = {folder: (entering.private_name(), inside) for folder, inside in _by_folder(acts).items()}
    lines = [
        act
        for folder, (name, inside) in private.items()
        for act in (*entering.entered(folder), *entering.made_private(folder, name), *inside)
    ]
    if lines:
        removed = (entering.removed(folder, name) for folder, (name, _) in private.items())
        shell.run(("sh", "-c", entering.line(lines, *removed)), user="root")


def _by_folder(acts: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, list[str]]:
    """By the folder of each path, in the order in which they come."""
    found: dict[str, list[str]] = {}
    for path, act in acts:
        found.setdefault(dirname(path), []).append(shlex.join(act))
    return found


def _here(path: str) -> str:
    """As it is named from within its folder."""
    return f"./{basename(path)}"


def _write(shell: Shell, look: LookingShell, change: Change, present: dict[str, str]) -> None:
    """What is there keeps mode, owner and, if the kernel has SELinux, context. `look`: from before the change."""
    metas = _metas(look, change.paths)
    if change.files:
        shell.install(*(replace(file, meta=metas.get(file.path, file.meta)) for file in change.files))
    if change.edits:
        shell.run(in_order(*(edit.argv for edit in change.edits)), user="root")
    if _has_selinux(look):
        labels = [_label(path, like=path + BEFORE if present[path] else "") for path in change.paths]
        shell.run(("sh", "-c", "; ".join(labels)), user="root", check=False)


def _has_selinux(shell: Shell) -> bool:
    """As libselinux sees it: the kernel has it, and it is configured."""
    return all(shell.run(("test", "-e", path), user="root", check=False).status == 0 for path in SELINUX)


def _label(path: str, like: str) -> str:
    """The context of the previous file, else what the policy says; a file system without labels has neither."""
    by_policy = shlex.join(("restorecon", path))
    return f"{shlex.join(('chcon', '-h', f'--reference={like}', path))} || {by_policy}" if like else by_policy


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
    """SHA-256 of each file, '' if there is none."""
    found = dict.fromkeys(paths, "")
    if not found:
        return found
    look = looking(shell)
    look.ahead(*_about(tuple(found)), user="root")
    for line in look.run(_sums(found), user="root", check=False).stdout.splitlines():
        digest, _, path = line.partition("  ")
        found[path] = digest
    unread = [path for path in _metas(look, tuple(found)) if not found[path]]
    if unread:
        raise _unseen(shell, unread)
    return found


def _metas(shell: Shell, paths: Sequence[str]) -> dict[str, FileMeta]:
    """Of the files that exist. `/` always exists: if it is not seen, nothing is known about the others either."""
    said = shell.run(_stats(paths), user="root", check=False)
    lines = [line.split(" ", 3) for line in said.stdout.splitlines()]
    words = {words[-1]: words[:3] for words in lines}
    if "/" not in words or not words.keys() <= {"/", *paths}:  # a name of two lines is listed as two
        raise _unseen(shell, paths)
    return {path: FileMeta(mode.zfill(4), owner, group) for path, (mode, owner, group) in words.items() if path != "/"}


def _about(paths: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """What `_digests` and `_metas` ask, for a look ahead."""
    return (_sums(paths), _stats(paths)) if paths else ()


def _sums(paths: Iterable[str]) -> tuple[str, ...]:
    return ("sha256sum", *paths)


def _stats(paths: Iterable[str]) -> tuple[str, ...]:
    return ("stat", "-c", "%a %U %G %n", "/", *paths)


def _unseen(shell: Shell, paths: Iterable[str]) -> ApplianceError:
    """A file that cannot be read is not one that is absent: an undo would remove it."""
    return ApplianceError(
        f"{shell.host}: {', '.join(paths)} cannot be looked at as root",
        hint="nothing was done to them by this; see there whether `sudo sha256sum FILE` reads them",
    )


def _read_record(shell: Shell) -> _Record | None:
    look = looking(shell)
    look.ahead(files=(RECORD,), user="root")
    if look.file_meta(RECORD) is None:
        return None
    try:
        data = from_json(look.read_file(RECORD))
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
    shell.install(NewFile(RECORD, text.encode() + b"\n", _RECORD_META))
