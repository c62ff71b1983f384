"""Ask a question: free text, a number, a secret, yes or no, one of a list; all through one function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hypervisors import Problem, Secret, redacted
from vmmigrate.reading import whole


class Ask(Protocol):
    """Asks one question; returns what was typed, or '' for the default. A secret is not shown."""

    def __call__(self, question: str, default: str | None, *, secret: bool = False) -> str: ...


@dataclass(frozen=True)
class Dialogue:
    """One conversation. `say` prints a line."""

    ask: Ask
    say: Callable[[str], None]

    # ---- asking ----------------------------------------------------------------------------------------------

    def text(self, question: str, default: str | None = None) -> str:
        """Never empty."""
        while True:
            answer = self.ask(question, default).strip() or default
            if answer:
                return answer
            self.note("an answer is needed here; Ctrl-C quits, and nothing is written")

    def optional(self, question: str) -> str:
        return self.ask(question, None).strip()

    def secret(self, question: str) -> Secret:
        """Never empty, never stripped: a password may begin with a blank."""
        while True:
            answer = self.ask(question, None, secret=True)
            if answer:
                return Secret(answer)
            self.note("an answer is needed here; what you type is not shown")

    def optional_secret(self, question: str) -> Secret | None:
        answer = self.ask(question, None, secret=True)
        return Secret(answer) if answer else None

    def port(self, question: str, default: int) -> int:
        while True:
            answer = self.text(question, str(default))
            if (number := whole(answer)) and number <= 65535:
                return number
            self.note(f"{answer!r} is not a port: give a number from 1 to 65535")

    def yes(self, question: str, *, default: bool) -> bool:
        without = "yes" if default else "no"
        while True:
            answer = self.ask(f"{question} (yes or no)", without).strip().lower() or without
            if answer in ("y", "yes", "n", "no"):
                return answer[0] == "y"
            self.note("answer yes or no")

    def one_of(self, question: str, options: Sequence[str]) -> int:
        """The index of the chosen one; without an answer the first."""
        for number, option in enumerate(options, start=1):
            self.say(f"     {number}  {option}")
        while True:
            answer = self.text(question, "1")
            if (chosen := whole(answer)) and chosen <= len(options):
                return chosen - 1
            self.note(f"give a number from 1 to {len(options)}")

    # ---- saying ----------------------------------------------------------------------------------------------

    def heading(self, line: str) -> None:
        self.say("")
        self.say(line)

    def good(self, line: str) -> None:
        self.say(f"  ✓ {line}")

    def note(self, line: str) -> None:
        self.say(f"    {line}")

    def bad(self, problem: Problem) -> None:
        self.say(f"  ✗ {redacted(str(problem))}")
        self.say(f"    → {problem.hint}")
