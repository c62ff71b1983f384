"""The files in which Postfix looks things up, as its settings name them, and which of them differ."""

import re
from collections.abc import Iterator, Sequence

from vmmigrate.appliance.port import Shell

SETTINGS, OVERRIDES, FOLDER = ("postconf", "-n"), ("postconf", "-P"), ("postconf", "-h", "config_directory")
QUESTIONS = (SETTINGS, OVERRIDES, FOLDER)
# TYPE:/PATH (postconf(5), "lookup table"); a socket is named alike, and a URL has two strokes
_NAMED = re.compile(r"(?<![\w.-])\$?\{?(?!unix:|local:|inet6?:|fifo:|pass:)\w+\}?:(/(?!/)[^\s,{}]+)")


def named(shell: Shell) -> tuple[str, ...]:
    """Their paths, each once. Raises CommandFailed where main.cf cannot be read."""
    settings = shell.run(SETTINGS, user="root").stdout
    overrides = shell.run(OVERRIDES, user="root", check=False).stdout  # a Postfix before 2.11 cannot list them
    folder = shell.run(FOLDER, user="root").stdout.strip()
    said = re.sub(r"\$\{?config_directory\}?", lambda _: folder, settings + overrides)
    return tuple(dict.fromkeys(_NAMED.findall(said)))


def question(path: str) -> tuple[str, ...]:
    """What is asked of one file: each by itself, so that rules of sudoers can name it."""
    return ("sha256sum", path)


def digests(shell: Shell, paths: Sequence[str]) -> dict[str, str]:
    """Path → SHA-256, of those that are there."""
    said = {path: shell.run(question(path), user="root", check=False) for path in paths}
    return {path: answer.stdout.partition(" ")[0] for path, answer in said.items() if answer.status == 0}


def differing(paths: Sequence[str], old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """'/etc/postfix/header_checks is missing'; one that neither has is no difference."""
    for path in paths:
        if old.get(path) != new.get(path):
            yield path if path in old and path in new else f"{path} is missing" if path in old else f"{path} is new"
