"""The ports at which Postfix takes mail from the network, as its master.cf says."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vmmigrate.reading import whole

QUESTION = ("postconf", "-M")
USUAL = (25, 465, 587)
AGENT = (10025, 10026)  # between Postfix and the mail agent: mail under way needs both [F-MAIL-1]
_NAMES = {"smtp": 25, "smtps": 465, "submissions": 465, "urd": 465, "ssmtp": 465, "submission": 587}
_TAKES = ("smtpd", "postscreen", "qmtpd", "qmqpd")
_INSIDE = ("127.", "localhost", "::1", "[::1]")


@dataclass(frozen=True)
class MailPorts:
    """`all`: to be closed. `inside`: reached from the machine itself alone; a filter gives mail back there, a
    program submits it. `unknown`: names of services whose number nobody here knows.
    """

    all: tuple[int, ...]
    inside: tuple[int, ...] = AGENT
    unknown: tuple[str, ...] = ()

    @property
    def sessions(self) -> tuple[int, ...]:
        """A connection to one of these may still bring mail."""
        return (*self.all, *self.inside)


def read(listed: str, *more: int) -> MailPorts:
    """Of what `postconf -M` lists; '' where it cannot. The usual ones and `more` are closed whether they are named or
    not. A service that only the machine itself reaches stays open: mail under way comes back by it.
    """
    names = list(_entries(line.split() for line in listed.splitlines()))
    numbers = {name: whole(name) or _NAMES.get(name) for name, _ in names}
    found = {name: number for name, number in numbers.items() if number is not None and 0 < number < 65536}
    inside = {*AGENT, *(found[name] for name, only_here in names if only_here and name in found)}
    outside = {found[name] for name, only_here in names if not only_here and name in found}
    ports = {*USUAL, *more, *outside} - set(AGENT)
    unknown = tuple(dict.fromkeys(name for name, only_here in names if numbers[name] is None and not only_here))
    return MailPorts(tuple(sorted(ports)), tuple(sorted(inside - ports)), unknown)


def _entries(lines: Iterable[list[str]]) -> Iterator[tuple[str, bool]]:
    """'submission' of 'submission inet …', '2525' of '[2001:db8::1]:2525 inet …'; whether it is the machine's alone."""
    for words in lines:
        if len(words) >= 8 and words[1] == "inet" and words[7] in _TAKES:
            yield words[0].rpartition(":")[2], words[0].startswith(_INSIDE)
