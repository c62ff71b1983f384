"""Several questions to a guest in one command: one round trip and one sudo for all, because each sudo costs seconds."""

import re
import secrets
import shlex
from collections.abc import Sequence

from hypervisors import in_one_line
from vmmigrate.appliance.port import Result, Shell
from vmmigrate.appliance.several import Line, status_as_of_sh
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.limits.seconds import GUEST_COMMAND, QUESTIONS

_EACH_MORE = QUESTIONS.most
_NAMED, _SHOWN = 3, 400  # questions, and characters of what was said, in a message


def ask_all(
    shell: Shell, questions: Sequence[Sequence[str]], *, user: str | None = None, timeout: float = GUEST_COMMAND.most
) -> tuple[Result, ...]:
    """Run each command, even if one before it failed. Each answer has its own status, output and error output.

    `timeout` is for one question; each further one adds `_EACH_MORE`, so a dead guest is noticed within minutes.
    A random mark separates the answers: no file can forge it, because nobody knows it beforehand. A program can see it
    in the list of processes: one that runs with the rights of somebody who is not trusted is asked by itself.
    Raises ApplianceError.
    """
    mark = secrets.token_hex(16)
    asked = [piece for question in questions for piece in (question, f'; echo "{mark} $?"; echo {mark} >&2; ')]
    line = Line("exec </dev/null; ", *asked, mark=mark)
    said = shell.run(line, user=user, check=False, timeout=timeout + _EACH_MORE * (len(questions) - 1))
    pieces = re.split(rf"{mark} ([0-9]{{1,3}})\n", said.stdout)  # output, status, output, status, …, rest
    outputs, statuses, errors = pieces[:-1:2], pieces[1::2], said.stderr.split(f"{mark}\n")[:-1]
    if said.status != 0 and not statuses:
        raise _none_was_run(shell.host, questions, said)
    if not len(statuses) == len(errors) == len(questions):
        raise ApplianceError(
            f"{shell.host} answered {min(len(statuses), len(errors))} of {len(questions)} questions",
            hint="a start-up file of this account joins its output streams (exec 2>&1): remove that from it"
            if f"\n{mark}\n" in said.stdout
            else "is its disk or its memory full? look at its screen, then run this again",
        )
    return tuple(
        Result(status_as_of_sh(int(status), error), output, error)
        for status, output, error in zip(statuses, outputs, errors, strict=True)
    )


def _none_was_run(host: str, questions: Sequence[Sequence[str]], said: Result) -> CommandFailed:
    """Names the questions, not the line that asks them: nobody can run that again."""
    named = [f"`{shlex.join(question)}`" for question in questions]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return CommandFailed(
        f"on {host}: {', '.join(named[:_NAMED])}{more} could not be run (status {said.status}):"
        f" {in_one_line(said.stderr or said.stdout)[:_SHOWN]}",
        hint="log in there, and run them by hand to see more",
    )


def in_order(*commands: Sequence[str]) -> tuple[str, ...]:
    """One command that runs these until one fails."""
    if len(commands) == 1:
        return tuple(commands[0])
    first, *others = commands
    return Line(first, *(piece for command in others for piece in (" && ", command)))
