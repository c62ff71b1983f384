"""Words of another machine made fit for an operator's eyes: no secret, nothing that steers a terminal."""

from dataclasses import dataclass

from hypervisors.errors import printable
from hypervisors.limits import WORDS
from hypervisors.secrets import redacted

_LONGEST = WORDS.most


def in_one_line(text: str) -> str:
    """The lines that say something, joined, as far as a message may go; '(no words)' where none does."""
    said = _joined(text)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def end_in_one_line(text: str, most: int) -> str:
    """The same of the last so many characters: most programs say why they failed at their end."""
    said = _joined(text)
    return said if len(said) <= most else f"…{said[-most:]}"


def _joined(text: str) -> str:
    lines = [printable(line).strip() for line in redacted(text).splitlines()]
    return " · ".join(line for line in lines if line) or "(no words)"


def recordable(text: str) -> str:
    """The words without a secret, and without what steers a terminal."""
    shown = redacted(text)
    return shown if shown.isprintable() else "\n".join(map(printable, shown.split("\n")))


@dataclass(frozen=True)
class Words:
    """Words that are recorded and shown. Some are another machine's, such as a console's page."""

    def __post_init__(self) -> None:
        """First all at once: almost always there is nothing to take out."""
        together = " ".join([value for value in vars(self).values() if type(value) is str])
        if recordable(together) == together:
            return
        for name, value in tuple(vars(self).items()):
            if type(value) is str and (fit := recordable(value)) != value:
                object.__setattr__(self, name, fit)
