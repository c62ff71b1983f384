"""What the parts of the conversation share: the dialogue, the answers so far, how to connect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypervisors import Access, Hypervisor, LoginRefused, Problem, Secret
from vmmigrate.doors import Doors
from vmmigrate.init.answers import Answers
from vmmigrate.init.asking import Dialogue
from vmmigrate.settings.secrets import ProcessSecrets, cannot_ask
from vmmigrate.settings.wanted import Wanted

_REFUSALS = 4  # the fifth within five minutes blocks an account [facts: 6.x; presumed for the others]


@dataclass
class Conversation:
    """`secrets`: what was typed and accepted, by the setting's name; never written to the file."""

    dialogue: Dialogue
    connect: Callable[[str, Access], Hypervisor]
    known_hosts: Path | None
    answers: Answers = field(default_factory=Answers)
    secrets: dict[str, Secret] = field(default_factory=dict)

    def doors(self, questions: Mapping[str, str] | None = None) -> Doors:
        """The same ones that a plan will use, with the answers so far. The caller closes them.

        `questions`: the question for each secret that turns out to be needed.
        """

        def ask(wanted: Wanted) -> str:
            question = (questions or {}).get(wanted.name)
            return self.dialogue.secret(question).reveal() if question else cannot_ask(wanted)

        settings = self.answers.settings()
        return Doors(settings, ProcessSecrets({}, ask, self.secrets).of(settings))


class Refusals:
    """The refused log-ins of one account: none is tried twice, and never so many that the account is blocked."""

    def __init__(self, dialogue: Dialogue, where: str) -> None:
        self._dialogue, self._where = dialogue, where
        self._refused: list[tuple[str, object]] = []

    def knows(self, user: str, proof: object) -> bool:
        """Whether this one was refused already; then the output says so."""
        if (user, proof) not in self._refused:
            return False
        self._dialogue.note("this one was refused already and is not tried again; give another")
        return True

    def add(self, user: str, proof: object, problem: Problem) -> None:
        """Raises LoginRefused if another attempt could block the account."""
        self._refused.append((user, proof))
        self._dialogue.bad(problem)
        count = sum(name == user for name, _ in self._refused)
        self._dialogue.note(f"refused log-ins of {user!r}: {count}; the appliance may block an account after five")
        if count >= _REFUSALS:
            raise LoginRefused(
                f"{self._where} refused {user!r} {count} times; the next refusal might block the account",
                hint="wait five minutes, check the password in a browser or a terminal, then start again",
            )
