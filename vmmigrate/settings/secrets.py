"""The secrets of one process (environment, file, command, keyring, prompt), each fetched once."""

import os
import select
import shlex
import subprocess
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from time import monotonic

from hypervisors import Secret, without_secrets
from vmmigrate import limits, reading
from vmmigrate.errors import UsageProblem
from vmmigrate.limits.seconds import PASSWORD_COMMAND
from vmmigrate.settings.models import Settings
from vmmigrate.settings.wanted import Wanted, all_wanted, given_as, variable

_PATIENCE = PASSWORD_COMMAND.most
_LARGEST = limits.PASSWORD_FILE.most
ATTEMPTS = 3  # to type a password
Ask = Callable[[Wanted], str]


def cannot_ask(wanted: Wanted) -> str:
    """For callers without a terminal."""
    raise UsageProblem(
        f"{wanted.what or wanted.name} is not given, and there is no terminal to ask for it", hint=wanted.hint
    )


class ProcessSecrets:
    """The one source of secrets in a process, made once. `known`: by name, those that were fetched already."""

    def __init__(
        self, environ: Mapping[str, str], ask: Ask = cannot_ask, known: dict[str, Secret] | None = None
    ) -> None:
        self._environ = environ
        self._ask = ask
        self._known = {} if known is None else known

    def without_asking(self) -> "ProcessSecrets":
        """The same, for a look that nobody waits for: no prompt, and no program or keyring, which may ask too."""
        return _Unasked(self._environ, cannot_ask, self._known)

    def of(self, settings: Settings) -> "Secrets":
        return Secrets(settings, self)

    def get(self, wanted: Wanted) -> Secret:
        """Raises UsageProblem if the source does not have it."""
        if wanted.name not in self._known:
            self._known[wanted.name] = Secret(self._fetch(wanted))
        return self._known[wanted.name]

    def is_given(self, wanted: Wanted) -> bool:
        """Whether the operator named a source or set its variable; else it is asked for only when needed."""
        name = wanted.name
        return name in self._known or wanted.source is not None or bool(self._environ.get(variable(name)))

    def _fetch(self, wanted: Wanted) -> str:
        name, source = wanted.name, wanted.source
        if source is None:
            return self._environ.get(variable(name)) or self._asked(wanted)
        if source.env is not None:
            return self._from_environment(name, source.env)
        if source.file is not None:
            return _from_file(name, source.file)
        if source.command is not None:
            return _from_command(name, source.command)
        if source.keyring is not None:
            return _from_keyring(name, source.keyring)
        return self._asked(wanted)

    def _asked(self, wanted: Wanted) -> str:
        """Again where what was typed cannot be it: nothing was sent yet, so it costs no attempt to log in."""
        question = wanted.question
        for _ in range(ATTEMPTS):
            typed = self._ask(replace(wanted, question=question))
            why = _fault(wanted, typed) or self._differs(wanted, typed)
            if not why:
                return typed
            question = f"{why}; {wanted.question}"
        what = wanted.what or wanted.name
        raise UsageProblem(f"{what}: {why} ({ATTEMPTS} times)", hint=f"nothing was sent; {wanted.hint}")

    def _differs(self, wanted: Wanted, typed: str) -> str:
        if not wanted.new or self._ask(replace(wanted, question=f"the same again: {wanted.question}")) == typed:
            return ""
        return "the two differ"

    def _from_environment(self, name: str, key: str) -> str:
        if not self._environ.get(key):
            raise UsageProblem(f"{name}: the environment has no {key}", hint=given_as(key))
        return self._environ[key]


class _Unasked(ProcessSecrets):
    def _fetch(self, wanted: Wanted) -> str:
        source = wanted.source
        if source is None and not self._environ.get(variable(wanted.name)):
            raise UsageProblem(f"{wanted.name} is not given, and is not asked for here", hint=wanted.hint)
        if source is not None and source.env is None and source.file is None:
            raise UsageProblem(f"{wanted.name} may have to be asked for, and is not here", hint=wanted.hint)
        return super()._fetch(wanted)


class Secrets:
    """Those that certain settings name, by the path of the setting (`old.ssh.password`)."""

    def __init__(self, settings: Settings, process: ProcessSecrets) -> None:
        self._settings, self._process = settings, process

    @cached_property
    def _wanted(self) -> dict[str, Wanted]:
        """Most of these are made for one secret, or for none."""
        return all_wanted(self._settings)

    def get(self, name: str) -> Secret:
        """Raises UsageProblem if the source does not have it."""
        return self._process.get(self._wanted[name])

    def without_asking(self) -> "Secrets":
        """The same, for a look that nobody waits for."""
        quiet = copy(self)
        quiet._process = self._process.without_asking()
        return quiet

    def is_given(self, name: str) -> bool:
        """Whether these settings have it, and the operator named a source or set its variable."""
        return name in self._wanted and self._process.is_given(self._wanted[name])


def _fault(wanted: Wanted, typed: str) -> str:
    return wanted.fault(typed) if typed else "no password was typed"


def _from_file(name: str, path: Path) -> str:
    try:
        seen = path.stat()
        if seen.st_mode & 0o077:
            raise UsageProblem(f"{name}: others may read {path}", hint=f"chmod 600 {shlex.quote(str(path))}")
        if seen.st_uid not in (os.geteuid(), 0):  # whoever owns it reads it, and says what is sent
            raise UsageProblem(
                f"{name}: {path} belongs to another user (uid {seen.st_uid})",
                hint=f"is it still a secret? then make it yours: chown {os.geteuid()} {shlex.quote(str(path))}",
            )
        text = reading.text(path, limits.PASSWORD_FILE).rstrip("\r\n")
    except OSError as error:
        raise UsageProblem(
            f"{name}: {path}: {error.strerror}", hint=f"see what is there: ls -l {shlex.quote(str(path))}"
        ) from error
    except UnicodeDecodeError:
        raise UsageProblem(f"{name}: {path} is not text", hint="write the password there, in UTF-8") from None
    except ValueError as error:
        raise UsageProblem(f"{name}: {path}: {error}", hint="name the file that has the password alone") from None
    return _not_empty(name, text, str(path))


def _from_command(name: str, argv: tuple[str, ...]) -> str:
    """The first line of what the command prints; its standard error goes to the operator's terminal."""
    try:
        status, said = _printed(argv)
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise UsageProblem(
            f"{name}: {argv[0]} did not end within {_PATIENCE:g} s",
            hint=f"run it by hand and see what it waits for: {shlex.join(argv)}",
        ) from error
    except OSError as error:
        raise UsageProblem(
            f"{name}: cannot run {argv[0]}: {error.strerror}",
            hint=f"name a program on PATH, or its whole path: command -v {shlex.quote(argv[0])}",
        ) from error
    if len(said) > _LARGEST:
        raise UsageProblem(
            f"{name}: {argv[0]} prints more than {_LARGEST >> 10} KiB", hint="name a command that prints the password"
        )
    if status != 0:
        raise UsageProblem(
            f"{name}: {argv[0]} ended with {status}", hint=f"run it by hand and see why: {shlex.join(argv)}"
        )
    return _not_empty(name, said.decode(errors="surrogateescape").partition("\n")[0], argv[0])


def _printed(argv: tuple[str, ...]) -> tuple[int, bytes]:
    """Its status, and what it printed, up to a little more than it may. Raises OSError, TimeoutExpired."""
    ends = monotonic() + _PATIENCE
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=without_secrets(os.environ)) as process:
        assert process.stdout is not None
        try:
            said = _read(process.stdout.fileno(), ends)
            return (0 if len(said) > _LARGEST else process.wait(max(0.0, ends - monotonic()))), said
        finally:
            process.kill()


def _read(descriptor: int, ends: float) -> bytes:
    """To the end, which what the command left behind may hold open. Raises TimeoutError."""
    said = b""
    while len(said) <= _LARGEST:
        if not select.select([descriptor], [], [], max(0.0, ends - monotonic()))[0]:
            raise TimeoutError
        piece = os.read(descriptor, _LARGEST)
        if not piece:
            break
        said += piece
    return said


def _from_keyring(name: str, entry: str) -> str:
    from vmmigrate.settings.keyrings import read  # slow (it searches for backends), so only for a keyring source

    service, _, user = entry.rpartition("/")
    return _not_empty(name, read(name, service, user), f"the keyring's entry {entry}")


def _not_empty(name: str, text: str, where: str) -> str:
    if not text:
        raise UsageProblem(f"{name}: {where} gives an empty password", hint="store the password there")
    return text
