"""Choose once where the passwords come from in future; the file gets only these sources, never the passwords."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypervisors import Problem, Secret
from vmmigrate.durable import write_durably
from vmmigrate.init.conversation import Conversation
from vmmigrate.settings import keyrings
from vmmigrate.settings.wanted import all_wanted, variable


@dataclass
class Sources:
    """What is done after the file is confirmed, and what the operator must do then."""

    keep: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def choose(talk: Conversation, names: list[str], folder: Path, vm: str) -> Sources:
    """One kind of source for all of `names`; each becomes a setting. `folder`: the place for password files."""
    talk.dialogue.say("Where should the passwords come from, each time a plan or a run needs them?")
    ways = {
        "asked at the terminal": _prompt,
        "environment variables": _environment,
        f"files that only you can read, in {folder}": _files(folder),
        "this desktop's keyring": _keyring(vm),
    }
    while True:
        way = list(ways.values())[talk.dialogue.one_of("Passwords", list(ways))]
        try:
            return way(talk, names)
        except Problem as problem:
            talk.dialogue.bad(problem)


def _prompt(talk: Conversation, names: list[str]) -> Sources:
    for name in names:
        talk.answers.put(name, {"prompt": True}, "asked at the terminal, each time")
    return Sources()


def _environment(talk: Conversation, names: list[str]) -> Sources:
    sources = Sources()
    for name in names:
        talk.answers.put(name, {"env": variable(name)}, "from the environment")
        sources.left.append(f"read -rs {variable(name)}; export {variable(name)}    # {name}")
    return sources


Way = Callable[[Conversation, list[str]], Sources]


def _files(folder: Path) -> Way:
    def way(talk: Conversation, names: list[str]) -> Sources:
        def keep(name: str, secret: Secret) -> None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(folder / name, secret.reveal().encode() + b"\n")

        left = "(umask 077; read -rs P; printf '%s\\n' \"$P\" > {path})    # {name}"
        return _kept(
            talk,
            names,
            lambda name: ({"file": str(folder / name)}, "from a file that only you can read"),
            keep,
            lambda name: left.format(path=folder / name, name=name),
        )

    return way


def _keyring(vm: str) -> Way:
    service = f"vmmigrate-{vm}"

    def way(talk: Conversation, names: list[str]) -> Sources:
        talk.dialogue.good(f"there is a keyring: {keyrings.backend()}")
        return _kept(
            talk,
            names,
            lambda name: ({"keyring": f"{service}/{name}"}, "from the desktop's keyring"),
            lambda name, secret: keyrings.keep(name, service, name, secret),
            lambda name: f"keyring set {service} {name}",
        )

    return way


def _kept(
    talk: Conversation,
    names: list[str],
    setting: Callable[[str], tuple[dict[str, Any], str]],
    keep: Callable[[str, Secret], None],
    command: Callable[[str], str],
) -> Sources:
    """Passwords already typed, and those typed here, are stored; the operator stores the others."""
    sources = Sources()
    for name in names:
        talk.answers.put(name, *setting(name))
        whose = all_wanted(talk.answers.settings())[name].question
        typed = talk.secrets.get(name) or talk.dialogue.optional_secret(f"{whose}, or nothing to store it later")
        if typed:
            sources.keep.append((name, lambda name=name, typed=typed: keep(name, typed)))  # type: ignore[misc]
        else:
            sources.left.append(command(name))
    return sources
