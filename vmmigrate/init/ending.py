"""The end of the conversation: write the file, keep the previous one, store passwords, show the next commands."""

import itertools
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from hypervisors import Problem
from vmmigrate.durable import write_durably
from vmmigrate.errors import UsageProblem
from vmmigrate.init.asking import Dialogue
from vmmigrate.init.sources import Sources
from vmmigrate.settings.load import read_given


def refuse_unwritable(file: Path) -> None:
    """Raises UsageProblem before anything is asked."""
    folder = file.absolute().parent
    if why := _why_unwritable(file, folder):
        raise UsageProblem(f"{file} cannot be written: {why}", hint="give a file in a folder of yours, with -o FILE")


def _why_unwritable(file: Path, folder: Path) -> str:
    if file.is_dir():
        return "it is a folder"
    if not folder.is_dir():
        return f"there is no folder {folder}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"you may not write to the folder {folder}"


def write(dialogue: Dialogue, file: Path, text: str) -> None:
    """Mode 0600. Raises UsageProblem."""
    try:
        if file.exists():
            copy = _free_name(file)
            write_durably(copy, file.read_bytes())
            dialogue.good(f"the previous file is kept as {copy}")
        write_durably(file, text.encode())
    except OSError as error:
        raise UsageProblem(f"{file} cannot be written: {error.strerror}", hint="make room, or give -o FILE") from error
    dialogue.good(f"{file} is written")


def _free_name(file: Path) -> Path:
    """A link that leads nowhere has its name too: what is written there must not go through it."""
    names = (file.with_name(f"{file.name}.bak{number}") for number in itertools.chain([""], itertools.count(2)))
    return next(name for name in names if not os.path.lexists(name))


def keep_secrets(dialogue: Dialogue, chosen: Sources) -> None:
    """Each one separately: if one cannot be stored, that is reported and the others are stored."""
    for name, keep in chosen.keep:
        try:
            keep()
        except Problem as problem:
            dialogue.bad(problem)
        except OSError as error:
            dialogue.bad(UsageProblem(f"{name} cannot be stored: {error.strerror}", hint="store it by hand"))
        else:
            dialogue.good(f"{name} is stored")


def _is_read_unnamed(file: Path, environ: Mapping[str, str]) -> bool:
    """Whether the next commands read it without `--config`: in the current folder it may not use what is stored."""
    try:
        return read_given(None, environ).file == str(file.absolute())
    except UsageProblem:
        return False


def next_commands(old: str, file: Path, has_backup: bool, chosen: Sources) -> Iterator[str]:
    """The next commands."""
    for line in chosen.left:
        yield f"first: {line}"
    more = "" if _is_read_unnamed(file, os.environ) else f" --config {shlex.quote(str(file))}"
    more += "" if has_backup else " --backup-file FILE"
    vm = shlex.quote(old)
    yield f"next: vmmigrate plan {vm} IMAGE{more}    checks everything, changes nothing"
    yield f"next: vmmigrate {vm} IMAGE{more}         plans again, asks, migrates"
