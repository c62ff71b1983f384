"""Become root or another user by sudo: with a password or without, on a terminal if sudo requires one."""

import base64
import binascii
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hypervisors import Secret, in_one_line
from hypervisors.wire.ssh import Output
from vmmigrate.appliance.several import Line
from vmmigrate.appliance.ssh.sudoers import rule
from vmmigrate.limits.seconds import SUDO
from vmmigrate.reading import whole

PATIENCE = SUDO.most
# Replaces sudo's own prompt, which may be in any language: what comes before it is sudo's lecture.
PROMPT = "vmmigrate-asks:"
# `requiretty`, as old RHEL and SUSE have it: "sorry, you must have a tty to run sudo", and "tty" in each translation
_NEEDS_TTY = re.compile(rb"\btty\b", re.IGNORECASE)
# sudo's own words for one command: no rule names it, or none names it as NOPASSWD while others are
_MAY_NOT_RUN, _NEEDS_PASSWORD = ("not allowed to run '", "not allowed to execute '"), "sudo: a password is required"
_BEHIND = "' as "  # what comes after the command in these words
ANY_LINE = ("sh", "-c", ":")  # where sudo permits this, it permits sh with any words
_LONG = 80  # characters of its arguments
_MAY_NOT = re.compile(r"not in the sudoers|not allowed to (run|execute)|may not run", re.IGNORECASE)

# On a terminal both streams, sudo's own words and the echo come as one, with changed line ends. So the command's
# streams are sent as base64 in lines of their own, and the terminal is only for sudo's question: a PKCS#12 arrives
# byte for byte, and nothing is written to the appliance's disk. $1 marks the lines.
_ON_TTY = (
    "stty -echo; m=$1; shift; exec 4>&1; s=$(exec 3>&1; "
    '{ { "$@" </dev/null 3>&- 4>&- 5>&-; echo $? >&3; } 2>&5 | base64 | sed "s/^/${m}1/" >&4; } 5>&1 '
    '| base64 | sed "s/^/${m}2/" >&4); echo "${m}0$s"'
)


class Refused(Exception):
    """sudo refused this account. `hint`: what to do now."""

    def __init__(self, words: str, hint: str) -> None:
        super().__init__(words)
        self.hint = hint


class Talk(Protocol):
    """How commands reach the appliance."""

    def plain(self, argv: Sequence[str], given: bytes, timeout: float) -> Output: ...

    def on_tty(self, argv: Sequence[str], prompt: str, secret: Secret | None, timeout: float) -> Output:
        """With a terminal; the secret answers the prompt once. A second question ends the command with status 1."""


@dataclass(frozen=True)
class Sudo:
    """How sudo must be called here. `password` is None if it asks for none."""

    password: Secret | None
    tty: bool

    def run(self, talk: Talk, argv: Sequence[str], user: str, timeout: float, given: bytes = b"") -> Output:
        """Run a command. `given` is its standard input; with a terminal it has none.

        `-k` makes sudo forget a password that was given before, so that it reads the one given now. If sudoers permits
        this command without a password (NOPASSWD for it, or `-u` oneself), sudo reads none, and with `-S` the password
        is left for the command (sudo 1.9). So a command that reads its standard input first looks for a mark in it.
        """
        target = () if user == "root" else ("-u", user)
        if self.password is None:
            words = ("sudo", "-k", "-n", *target, "--", *argv)
            return talk.on_tty(words, PROMPT, None, timeout) if self.tty else talk.plain(words, given, timeout)
        if self.tty:
            return talk.on_tty(("sudo", "-k", "-p", PROMPT, *target, "--", *argv), PROMPT, self.password, timeout)
        words = ("sudo", "-k", "-S", "-p", PROMPT, *target, "--", *argv)
        output = talk.plain(words, self.password.reveal().encode() + b"\n" + given, timeout)
        return without_prompt(output)

    @property
    def of_each(self) -> bool:
        """Whether each command of a line can be given to a sudo of its own: none asks anything."""
        return self.password is None and not self.tty

    @staticmethod
    def silently(user: str) -> tuple[str, ...]:
        """What comes before a command that needs no password."""
        return ("sudo", "-k", "-n", *(() if user == "root" else ("-u", user)))

    def before(self, argv: Sequence[str]) -> tuple[tuple[str, ...], bytes]:
        """How a command is run as root without a terminal, and what its input begins with."""
        if self.password is None:
            return ("sudo", "-k", "-n", "--", *argv), b""
        return ("sudo", "-k", "-S", "-p", PROMPT, "--", *argv), self.password.reveal().encode() + b"\n"


def without_prompt(output: Output) -> Output:
    return Output(output.status, output.stdout, _after_the_prompt(output.stderr))


def _after_the_prompt(stderr: bytes) -> bytes:
    """Only the first prompt is sudo's: the command itself may print these words too."""
    lecture, prompt, said = stderr.partition(PROMPT.encode())
    return said if prompt else lecture


def does_not_permit(output: Output, argv: Sequence[str] = ()) -> bool:
    """Whether sudo itself refused a command, which then did not run: sudoers permits only others.

    The status is that of the last command of a `Line`, of which another may have been refused.
    """
    said = refused_in(output.stderr.decode("utf-8", "replace"))
    return said and (output.status == 1 or isinstance(argv, Line))


def refused_in(stderr: str) -> bool:
    return any(map(_refuses, stderr.splitlines()))


def which_are_denied(talk: Talk, commands: Sequence[Sequence[str]], user: str) -> tuple[Sequence[str], ...]:
    """Those that its rules do not let this account run as `user` without a password, in one look."""
    ask = Sudo.silently(user)
    each = (
        f"{shlex.join((*ask, '-l', '--', *one))} >/dev/null 2>/dev/null || echo {at}" for at, one in enumerate(commands)
    )
    said = talk.plain(("sh", "-c", f"{'; '.join(each)}; true"), b"", PATIENCE).stdout.decode("utf-8", "replace")
    numbers = [number for line in said.splitlines() if (number := whole(line)) is not None]
    return tuple(commands[number] for number in numbers if number < len(commands))


def in_sudos_words(output: Output) -> str:
    """Why it refused the command; of a long one only the program, because its line is ours."""
    said = output.stderr.decode("utf-8", "replace")
    refusals = [line for line in said.splitlines() if _refuses(line)]
    return in_one_line(_without_arguments(refusals[0] if refusals else said))


def _refuses(line: str) -> bool:
    """By searches for plain words: what else a line holds is the machine's, and may be as long as it likes."""
    begins = [line.find(words) for words in _MAY_NOT_RUN if words in line]
    return line == _NEEDS_PASSWORD or any(line.rfind(_BEHIND) > at for at in begins)


def _without_arguments(said: str) -> str:
    before, quote, rest = said.partition("'")
    command, behind, after = rest.rpartition(_BEHIND)
    program, _, arguments = command.partition(" ")
    return f"{before}{quote}{program} …{behind}{after}" if len(arguments) >= _LONG else said


def what_to_permit(user: str, settings: str, denied: Sequence[Sequence[str]] = (), target: str = "root") -> str:
    """`denied`: the commands themselves, where they are known."""
    if denied:
        return "permit in sudoers (docs/privileges.md): " + "; ".join(rule(user, target, each) for each in denied)
    return (
        f"permit all, with `{user} ALL=(ALL) ALL` in sudoers and no NOPASSWD beside it; or, on the old gateway, the"
        f" commands of docs/privileges.md with NOPASSWD; or give another account as {settings}.user"
    )


def find_out(talk: Talk, passwords: Callable[[], Iterable[Secret]], settings: str = "ssh") -> Sudo:
    """How sudo must be called. Each password is tried once, on `true`: later failures are the command's.

    `settings`: the table that names the account. Raises Refused.
    """
    first = talk.plain(("sudo", "-k", "-n", "true"), b"", PATIENCE)
    if first.status == 0:
        return Sudo(None, tty=False)
    if first.status in (126, 127):
        raise Refused(
            _words(first),
            f"there is no sudo for this account: install it, or give root as {settings}.user with a key",
        )
    tty = bool(_NEEDS_TTY.search(first.stderr))
    if tty and Sudo(None, tty).run(talk, ("true",), "root", PATIENCE).status == 0:
        return Sudo(None, tty)
    answer = first
    for password in passwords():
        found = Sudo(password, tty)
        answer = found.run(talk, ("true",), "root", PATIENCE)
        if answer.status == 0:
            return found
        if _MAY_NOT.search(_words(answer)):
            break
    words = _words(answer)
    raise Refused(
        words,
        f"this account may not use sudo: add it to the group sudo or wheel, or give another as {settings}.user"
        if _MAY_NOT.search(words)
        else "may this account use sudo, and is its password right? it was tried once",
    )


def on_tty_words(mark: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The command that runs `argv` on a terminal with its streams apart."""
    return ("sh", "-c", _ON_TTY, "sh", mark, *argv)


def apart(mark: str, seen: str) -> Output | None:
    """The streams and the status out of what came over the terminal; None if it broke off before its end.

    Lines without the mark are from sudo.
    """
    ours = [line[len(mark) :] for line in seen.splitlines() if line.startswith(mark)]
    status = next((line[1:] for line in ours if line.startswith("0")), "")
    if (number := whole(status)) is None:
        return None
    try:
        stdout, stderr = (
            base64.b64decode("".join(line[1:] for line in ours if line.startswith(stream)), validate=True)
            for stream in "12"
        )
    except binascii.Error:
        return None
    return Output(number, stdout, stderr)


def _words(output: Output) -> str:
    return in_one_line((output.stderr or output.stdout).decode("utf-8", "replace").replace(PROMPT, ""))
