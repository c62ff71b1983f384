"""Words of another machine made fit for an operator's eyes: one line, no secret, nothing that steers a terminal."""

from hypervisors.errors import printable
from hypervisors.secrets import redacted


def in_one_line(text: str) -> str:
    """The lines that say something, joined; '(no words)' where none does."""
    lines = [printable(line).strip() for line in redacted(text).splitlines()]
    return " · ".join(line for line in lines if line) or "(no words)"
