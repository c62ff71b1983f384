"""The TCP ports at which a guest listens for others than itself, and which of them two guests do not share."""

from collections.abc import Iterator

from vmmigrate.appliance.port import Shell
from vmmigrate.reading import whole

QUESTION = ("ss", "-Hltn")
_INSIDE = ("127.", "[::1]", "::1")


def ports(shell: Shell) -> frozenset[int]:
    """Whatever the firewall lets through. Raises CommandFailed."""
    return frozenset(_listed(shell.run(QUESTION, user="root").stdout))


def _listed(said: str) -> Iterator[int]:
    """'LISTEN 0 128 0.0.0.0:22 0.0.0.0:*': the fourth word is this side; '127.0.0.53%lo:53' is the guest's own."""
    for words in map(str.split, said.splitlines()):
        if len(words) >= 5 and not words[3].startswith(_INSIDE):
            port = whole(words[3].rpartition(":")[2])
            if port is not None:
                yield port


def differing(old: frozenset[int], new: frozenset[int]) -> str:
    """'only in the old one: 161; only in the new one: 111'; "" where both have the same."""
    sides = (("old", old - new), ("new", new - old))
    return "; ".join(f"only in the {side} one: {', '.join(map(str, sorted(few)))}" for side, few in sides if few)
