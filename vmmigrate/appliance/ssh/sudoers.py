"""Spell a command as a rule of sudoers: exact words, or words and what may follow them."""

import re
from collections.abc import Sequence

ANYTHING = "*"  # as the last word: whatever follows
_SPECIAL = re.compile(r"([\\\\,:=*?\[\]!#\" ()])")
_IN_SBIN = (
    "postconf",
    "postqueue",
    "postsuper",
    "nft",
    "iptables",
    "ip6tables",
    "iptables-restore",
    "ip6tables-restore",
)


def rule(user: str, target: str, argv: Sequence[str]) -> str:
    """One line for `user`, who may run that as `target` without a password."""
    return f"{user} ALL=({target}) NOPASSWD: {command(argv)}"


def command(argv: Sequence[str]) -> str:
    """Its path as of Debian and RHEL since /bin is a link to /usr/bin. A program without arguments gets none."""
    name, *words = argv
    folder = "/usr/sbin" if name in _IN_SBIN else "/usr/bin"
    spelt = [word if word == ANYTHING and word is words[-1] else _SPECIAL.sub(r"\\\1", word) for word in words]
    return " ".join((f"{folder}/{name}", *(spelt or ['""'])))
