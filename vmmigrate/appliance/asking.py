"""Several looks at a guest in one command: a round trip and a sudo for all of them, because each sudo costs seconds."""

import secrets
import shlex
from collections.abc import Sequence

from vmmigrate.appliance.port import Result, Shell
from vmmigrate.errors import ApplianceError


def ask_all(
    shell: Shell, questions: Sequence[Sequence[str]], *, user: str | None = None, timeout: float = 60.0
) -> tuple[Result, ...]:
    """What each command answers, with its own status and words; each is run whatever became of those before it.

    A mark that nobody can know beforehand parts the answers, so that no file or program can forge one. Raises
    ApplianceError.
    """
    mark = secrets.token_hex(16)
    asked = [f'{shlex.join(question)}; echo "{mark} $?"; echo {mark} >&2' for question in questions]
    said = shell.run(("sh", "-c", "; ".join(("exec </dev/null", *asked))), user=user, timeout=timeout)
    stdout, stderr = said.stdout.split(f"{mark} "), said.stderr.split(f"{mark}\n")
    if len(stdout) != len(questions) + 1:
        raise ApplianceError(
            f"{shell.host} answered {len(stdout) - 1} of {len(questions)} questions",
            hint="is its disk or its memory full? look at its screen, then run this again",
        )
    answers: list[Result] = []
    for words, after, errors in zip(stdout, stdout[1:], stderr, strict=False):
        out = words if not answers else words.partition("\n")[2]
        answers.append(Result(int(after.partition("\n")[0]), out, errors))
    return tuple(answers)


def in_order(*commands: Sequence[str]) -> tuple[str, ...]:
    """One command that runs these until one fails."""
    return tuple(commands[0]) if len(commands) == 1 else ("sh", "-c", " && ".join(map(shlex.join, commands)))
