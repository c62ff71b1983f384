"""The runs that this workstation has: their ids, one found by id, name or `last`, and the status of each."""

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from hypervisors import Problem
from vmmigrate.errors import JournalDamaged, UsageProblem
from vmmigrate.parts import Parts
from vmmigrate.run import way_out
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.status import RunStatus, read_status
from vmmigrate.settings.folders import run_ids
from vmmigrate.settings.here import foreign

LAST = "last"  # for a run's id: the newest


def status(run_id: str, parts: Parts) -> RunStatus:
    """Raises UsageProblem if there is no such run, JournalDamaged, with what to type, if it cannot be read."""
    with way_out.said_of(existing(run_id, parts), parts.itineraries):
        return _one_of_many(run_id, parts)


def _one_of_many(run_id: str, parts: Parts) -> RunStatus:
    return read_status(existing(run_id, parts), parts.itineraries, parts.wall())


def found(word: str, parts: Parts) -> tuple[RunStatus, ...]:
    """The run of that id; the newest for `last`; or those that concern a virtual machine, newest first.

    Raises UsageProblem where there is none.
    """
    every = ids(parts)
    if word not in every and word != LAST:
        concerned = tuple(run for run in _readable(reversed(every), parts) if word in run.plan.concerns)
        return concerned or (status(word, parts),)
    return (status(every[-1] if word == LAST and every else word, parts),)


def _readable(run_ids: Iterable[str], parts: Parts) -> Iterator[RunStatus]:
    for run_id in run_ids:
        with suppress(Problem):
            yield _one_of_many(run_id, parts)


def statuses(parts: Parts) -> Iterator[RunStatus]:
    """Each run that can be read, oldest first; after the others, JournalDamaged names all that cannot."""
    unread: dict[str, Problem] = {}
    for run_id in ids(parts):
        try:
            seen = _one_of_many(run_id, parts)
        except Problem as problem:
            unread[run_id] = problem
        else:
            yield seen
    if unread:
        raise _all_of(unread)


def _all_of(unread: Mapping[str, Problem]) -> JournalDamaged:
    named = [f"run {run_id}: {problem}" for run_id, problem in unread.items()]
    listed = named[0] if len(named) == 1 else f"{len(named)} runs cannot be read:\n  " + "\n  ".join(named)
    return JournalDamaged(listed, hint="; ".join(dict.fromkeys(problem.hint for problem in unread.values())))


def ids(parts: Parts) -> tuple[str, ...]:
    """The ids of all runs, oldest first."""
    try:
        return run_ids(parts.runs_folder)
    except OSError as error:
        raise UsageProblem(
            f"{parts.runs_folder} cannot be read: {error.strerror}",
            hint="permit it, or name another folder in VMMIGRATE_RUNS_FOLDER",
        ) from error


def _how_to_name_one(word: str, every: tuple[str, ...]) -> str:
    """What changes a run takes its id alone: what it is meant for is then said by whoever runs it."""
    if not every:
        return "was it begun by another user, or on another workstation?"
    if word == LAST:
        return f"only `vmmigrate status` takes {LAST!r}; the newest run is {every[-1]}"
    return "list the runs with `vmmigrate status`; only that command also takes `last` and a virtual machine's name"


def existing(run_id: str, parts: Parts) -> RunDir:
    """Its folder. Raises UsageProblem if there is no such run, or others may write to it."""
    every = ids(parts)
    if run_id not in every:
        known = ", ".join(every[-5:]) or "none"
        raise UsageProblem(
            f"there is no run {run_id!r} in {parts.runs_folder} (known: {known})",
            hint=_how_to_name_one(run_id, every),
        )
    rundir = parts.rundir(run_id)
    _refuse_foreign(rundir)
    return rundir


def _refuse_foreign(rundir: RunDir) -> None:
    """What is in it is done: its settings name programs and hosts. Raises UsageProblem.

    One look at all of the folder, and at the run's key, before anything is opened: then it stays so.
    """
    for path, why in _foreign(rundir):
        if why:
            raise UsageProblem(f"run {rundir.run_id} is not read, because {path} {why}", hint=_cure(path))


def _cure(path: Path) -> str:
    """chmod follows a link that it is given: it is named for files and folders alone."""
    at = shlex.quote(str(path))
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return f"it was not made by this program: see what it is, ls -la {at}, and remove it"
    modes = f"find {at} -type f,d -exec chmod go= {{}} +"
    return f"is it a run of yours? then make it yours alone: chown -hR {os.geteuid()} {at}; {modes}"


def _foreign(rundir: RunDir) -> Iterator[tuple[Path, str]]:
    keys = rundir.key_path.parent
    for folder in (rundir.path, keys):
        with suppress(FileNotFoundError, PermissionError):
            yield folder, foreign(folder.stat())
    for file in (*_files(rundir.path), rundir.key_path):
        with suppress(FileNotFoundError, PermissionError):  # let go by another process; or nobody here can read it
            seen = file.lstat()
            yield file, foreign(seen) if stat.S_ISREG(seen.st_mode) else _KINDS.get(stat.S_IFMT(seen.st_mode), "")


def _files(folder: Path) -> list[Path]:
    """None of one that this user may not look into: who reads a file of it says so."""
    try:
        return sorted(folder.iterdir())
    except PermissionError:
        return []


# A folder has nothing to be read; who expects a file in its place says so.
_KINDS = {stat.S_IFLNK: "is a link", stat.S_IFIFO: "is a pipe", stat.S_IFSOCK: "is a socket"}
_KINDS |= {stat.S_IFCHR: "is a device", stat.S_IFBLK: "is a device"}
