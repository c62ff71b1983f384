"""A look at a guest: many questions asked in one command before they are needed, each only once; nothing is changed.

Its answers are not renewed. After a change of the guest, and to find out whether the guest has changed, make a new one.
"""

import base64
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar

from hypervisors import in_one_line
from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.port import FileMeta, NewFile, Result, Shell
from vmmigrate.appliance.stat import QUESTION, meta_of
from vmmigrate.errors import CommandFailed
from vmmigrate.limits.seconds import GUEST_COMMAND

T = TypeVar("T")
_ABOUT_FILES = (("base64",), QUESTION, ("readlink", "-f"))


class LookingShell:
    """port.Shell over another one. What was seen is remembered."""

    def __init__(self, shell: Shell) -> None:
        self.host = shell.host
        self._shell = shell
        self._seen: dict[object, object] = {}

    def ahead(
        self,
        *questions: tuple[str, ...],
        files: Sequence[str] = (),
        user: str | None = None,
        timeout: float = GUEST_COMMAND.most,
    ) -> None:
        """Ask these in one command, except those asked before; of each file its content, mode and real path."""
        about = [(*question, path) for path in dict.fromkeys(files) for question in _ABOUT_FILES]
        fresh = [each for each in (*questions, *about) if (each, user) not in self._seen]
        if not fresh:
            return
        answers = ask_all(self._shell, fresh, user=user, timeout=timeout)
        self._seen |= {(question, user): answer for question, answer in zip(fresh, answers, strict=True)}
        for path in files:
            self._keep(path, user, dict(zip(fresh, answers, strict=True)))

    def run(
        self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = GUEST_COMMAND.most
    ) -> Result:
        def look() -> Result:
            return self._shell.run(argv, user=user, check=False, timeout=timeout)

        seen = self._once((tuple(argv), user), look)
        if check and seen.status != 0:
            # again by itself, so that the error has its own message
            return self._shell.run(argv, user=user, timeout=timeout)
        return seen

    def read_file(self, path: str) -> bytes:
        return self._once(("read", path), lambda: self._shell.read_file(path))

    def file_meta(self, path: str) -> FileMeta | None:
        return self._once(("meta", path), lambda: self._shell.file_meta(path))

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        raise AssertionError(f"{files[0].path} was to be written while looking")

    def take(self, argv: Sequence[str], sink: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> None:
        self._shell.take(argv, sink, timeout=timeout)

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> str:
        raise AssertionError(f"{argv[0]} was to be given something while looking")

    def own_address(self) -> str:
        return self._shell.own_address()

    def seen_address(self) -> str:
        return self._shell.seen_address()

    def close(self) -> None:
        self._shell.close()

    def _keep(self, path: str, user: str | None, answers: dict[tuple[str, ...], Result]) -> None:
        """Of an account other than root only a success is kept: a file that it cannot see may exist."""
        content, meta, real = (answers.get((*question, path)) for question in _ABOUT_FILES)
        if content and (user == "root" or content.status == 0):
            self._seen["read", path] = _content(self.host, path, content)
        if meta and (user == "root" or meta.status == 0):
            self._seen["meta", path] = _meta(self.host, path, meta)
        if real and real.status == 0:
            self._seen[("readlink", "-f", path), None] = real

    def _once(self, key: object, look: Callable[[], T]) -> T:
        if key not in self._seen:
            try:
                self._seen[key] = look()
            except CommandFailed as error:
                self._seen[key] = error
        seen = self._seen[key]
        if isinstance(seen, CommandFailed):
            raise seen
        return seen  # type: ignore[return-value]  # what `look` of this very key gave


def looking(shell: Shell) -> LookingShell:
    """The given look if it is one, else a new one."""
    return shell if isinstance(shell, LookingShell) else LookingShell(shell)


def _content(host: str, path: str, said: Result) -> bytes | CommandFailed:
    if said.status == 0:
        try:
            return base64.b64decode(said.stdout)
        except ValueError:
            hint = f"is that machine's `base64` the distribution's? see it there: base64 {path}"
            return CommandFailed(f"on {host}: `base64 {path}` printed something else", hint=hint)
    words = in_one_line(said.stderr)
    return CommandFailed(f"on {host}: {path} cannot be read: {words}", hint=f"look there, as root, at {path}")


def _meta(host: str, path: str, said: Result) -> FileMeta | CommandFailed | None:
    try:
        return meta_of(host, path, said)
    except CommandFailed as error:
        return error
