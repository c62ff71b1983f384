"""Print the manual page, made from the help of the command line: python docs/manpage.py > docs/vmmigrate.1."""

import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from vmmigrate import __version__
from vmmigrate.cli import EXIT_CODES, app

_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "~": "\\(ti", "^": "\\(ha"}
_FILES = {
    "vmmigrate.toml": "The configuration: here, else in ~/.config/vmmigrate. See vmmigrate config template.",
    "~/.local/state/vmmigrate/runs": "One folder per run: its journal, its plan, encrypted files.",
    "~/.config/vmmigrate/keys": "A key a run, without which that stays shut.",
}
_VARIABLES = {
    "VMMIGRATE_SECTION__SETTING": "Any setting: VMMIGRATE_OLD__SSH__PORT is old.ssh.port.",
    "VMMIGRATE_OLD_SSH_PASSWORD": "A password without a source in the configuration; so the other passwords.",
    "VMMIGRATE_RUNS_FOLDER": "Another folder for the runs.",
    "VMMIGRATE_KEYS_FOLDER": "Another folder for their keys.",
}


def page() -> str:
    """In man(7) macros and ASCII alone: what every man reads."""
    root: Any = typer.main.get_command(app)
    lines = [
        f'.TH VMMIGRATE 1 "" "vmmigrate {__version__}" "User Commands"',
        ".SH NAME",
        f"vmmigrate \\- {_roff(_lower(root.help))}",
        *_section("SYNOPSIS", _synopsis()),
        ".SH COMMANDS",
        *(line for name, command in root.commands.items() for line in _command(f"vmmigrate {name}", command)),
        *_section("EXIT STATUS", _exit_codes()),
        *_section("FILES", _listed(_FILES)),
        *_section("ENVIRONMENT", _listed(_VARIABLES)),
    ]
    return "\n".join(lines) + "\n"


def _synopsis() -> Iterator[str]:
    for line in ("init OLD", "plan OLD IMAGE", "OLD IMAGE", "finish RUN", "COMMAND --help"):
        yield from (f".B vmmigrate {_roff(line)}", ".br")


def _command(name: str, command: Any) -> Iterator[str]:
    """A group is described by its commands."""
    if command.hidden:
        return
    if hasattr(command, "commands"):
        for inner, each in command.commands.items():
            yield from _command(f"{name} {inner}", each)
        return
    words = [parameter.metavar for parameter in command.params if parameter.param_type_name == "argument"]
    yield f'.SS "{_roff(" ".join([name, "[OPTIONS]", *words]))}"'
    yield from _paragraphs(command.help or "")
    for parameter in command.params:
        if not getattr(parameter, "hidden", False) and parameter.help:
            yield from _item(_title(parameter), parameter.help)


def _title(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar)
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return ", ".join(sorted(parameter.opts, key=len)) + value


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        if number:
            yield ".PP"
        yield _roff(" ".join(paragraph.split()))


def _exit_codes() -> Iterator[str]:
    for part in EXIT_CODES.replace("\n", " ").removeprefix("Exit codes: ").rstrip(".").split(" · "):
        number, _, meaning = part.strip().partition(" ")
        yield from _item(number, meaning)


def _listed(things: dict[str, str]) -> Iterator[str]:
    for thing, meaning in things.items():
        yield from _item(thing, meaning)


def _section(title: str, lines: Iterator[str]) -> list[str]:
    return [f".SH {title}", *lines]


def _item(title: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {_roff(title)}", _roff(" ".join(text.split())))


def _lower(text: str) -> str:
    return text[0].lower() + text[1:].rstrip(".")


def _roff(text: str) -> str:
    """Plain text for a line that is not a request."""
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in text)
    ascii_ = "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in escaped)
    return f"\\&{ascii_}" if ascii_.startswith(".") else ascii_


if __name__ == "__main__":
    sys.stdout.write(page())
