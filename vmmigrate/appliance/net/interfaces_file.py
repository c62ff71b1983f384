"""Debian's /etc/network/interfaces as text [interfaces(5)]: what it sources, and the file without one NIC."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

from vmmigrate.addressing import LiveNic
from vmmigrate.errors import ApplianceError
from vmmigrate.reading import whole

_LISTS = ("auto", "no-auto-down", "no-scripts")  # and allow-…: words that name NICs
FOLDERS = ("source-directory", "source-dir")  # one line by two names
_HEADS = ("iface", "mapping", "source", *FOLDERS, "rename", "template", *_LISTS)
_PORTS = ("bridge_ports", "bridge-ports", "bond-slaves", "bond_slaves", "slaves", "ovs_ports")
_BELOW = ("vlan-raw-device", "vlan_raw_device")
_PRIMARY = ("bond-primary", "bond_primary")  # in the bond's stanza, or in each of its ports'
_MASTER = ("bond-master", "bond_master")
_EXPRESSION, _REPEATED = 64, 5  # characters of an expression, and what repeats in it: 16**5 steps
_REPEATS = re.compile(r"[*+?{]")
_NESTED = re.compile(r"\)[*+{]|\\[1-9]|\(\?P")  # a group that repeats, or one that is named again
_IFNAMSIZ = 16  # of Linux: 15 characters of a name, and here the sign behind it


@dataclass(frozen=True)
class Line:
    """One line, or several that end with a backslash. `words` of a comment: none."""

    raw: str
    words: tuple[str, ...]

    @property
    def starts(self) -> bool:
        """Whether it begins a stanza."""
        return self.words[:1] != () and (self.words[0] in _HEADS or self.words[0].startswith("allow-"))

    @property
    def lists(self) -> bool:
        return self.words[:1] != () and (self.words[0] in _LISTS or self.words[0].startswith("allow-"))


@dataclass(frozen=True)
class Stanza:
    """`head` None: what stands before the first one."""

    head: Line | None
    body: tuple[Line, ...]

    @property
    def name(self) -> str:
        """Of an `iface`, else ''."""
        words = self.head.words if self.head else ()
        return words[1] if words[:1] == ("iface",) and words[1:] else ""

    @property
    def parent(self) -> str:
        """Whose options it has too, '' without one."""
        words = self.head.words if self.head and self.name else ()
        return next((after for word, after in pairwise(words[2:]) if word == "inherits"), "")

    def said(self, options: Sequence[str]) -> tuple[str, ...]:
        """The values of these options."""
        return tuple(
            word for line in self.body if line.words[:1] and line.words[0] in options for word in line.words[1:]
        )


def stanzas(text: str) -> tuple[Stanza, ...]:
    found: list[tuple[Line | None, list[Line]]] = [(None, [])]
    for line in _lines(text):
        if line.starts:
            found.append((line, []))
        else:
            found[-1][1].append(line)
    return tuple(Stanza(head, tuple(body)) for head, body in found)


def sources(text: str) -> tuple[tuple[str, ...], ...]:
    """`source` or one of FOLDERS, each with its patterns."""
    heads = (stanza.head.words for stanza in stanzas(text) if stanza.head)
    return tuple(words for words in heads if words[0] in ("source", *FOLDERS) and words[1:])


def without(text: str, live: LiveNic, going: frozenset[str]) -> str:
    """The file without what concerns that NIC; other lines stay as they are, comments too.

    `going`: as `over_it` says of all files.
    """
    kept = [line for stanza in stanzas(text) for line in _kept(stanza, live, going)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept).rstrip("\n") + "\n")


def over_it(texts: Iterable[str], live: LiveNic) -> frozenset[str]:
    """The names of the stanzas that configure it: its own, and what stands on it at any height: aliases, VLANs, bridges
    and bonds.

    Raises ApplianceError where a bridge or bond stands on it and on another NIC, or where another NIC inherits from it:
    to take that apart could cut our own way to the guest.
    """
    known = [stanza for text in texts for stanza in stanzas(text) if stanza.name]
    others = frozenset(name for name, _ in live.beside)
    stack = _Stack(known)
    going = stack.over(live.name, others)
    joined = {name: going & stack.over(name, others - {name} | {live.name}) for name in sorted(others)}
    if names := frozenset().union(*joined.values()):
        raise _joined(live, [name for name, both in joined.items() if both], ", ".join(sorted(names)))
    for stanza in known:
        if stanza.parent in going and stanza.name not in going:
            raise _joined(live, (stanza.name,), f"what {stanza.name} inherits")
    return going


def _kept(stanza: Stanza, live: LiveNic, going: frozenset[str]) -> Iterator[str]:
    head = stanza.head.raw if stanza.head else None
    if stanza.head and stanza.head.lists:
        head = _without_names(stanza.head, live, going)
    elif stanza.head and stanza.head.words[0] == "mapping":
        head = _without_mapping(stanza.head, live)
    elif stanza.name in going:
        head = None
    goes = stanza.head is not None and head is None and not stanza.head.lists
    yield from () if head is None else (head,)
    yield from (line.raw for line in stanza.body if not goes or (not line.words and line.raw.strip()))


def _lines(text: str) -> Iterator[Line]:
    raw: list[str] = []
    for line in text.removesuffix("\n").split("\n"):  # nothing else ends a line there
        raw.append(line)
        is_comment = len(raw) == 1 and line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            continue
        words = () if is_comment else tuple(" ".join(each.removesuffix("\\") for each in raw).split())
        yield Line("\n".join(raw), words)
        raw = []
    if raw:
        yield Line("\n".join(raw), tuple(" ".join(each.removesuffix("\\") for each in raw).split()))


class _Stack:
    """Which name stands right on which: a VLAN or alias on its NIC, a bridge or bond on its ports."""

    def __init__(self, known: Iterable[Stanza]) -> None:
        self._on: defaultdict[str, set[str]] = defaultdict(set)
        self._choosing: defaultdict[re.Pattern[str], set[str]] = defaultdict(set)
        for stanza in known:
            self._add(stanza)

    def _add(self, stanza: Stanza) -> None:
        """A port names its bond, and maybe the bond's first port; a bond or bridge names its ports."""
        masters, ports = stanza.said(_MASTER), stanza.said(_PORTS)
        belows = (*stanza.said(_BELOW), *ports)
        for name in (stanza.name, *belows):  # of a VLAN that is a port no stanza is needed
            for sign in re.finditer("[.:]", name[:_IFNAMSIZ]):
                self._on[name[: sign.start()]].add(name)
        for below in belows:
            self._on[below].add(stanza.name)
        for first in stanza.said(_PRIMARY):
            self._on[first].update(masters or (stanza.name,))
        self._on[stanza.name].update(masters)
        for pattern in _patterns(ports):
            self._choosing[pattern].add(stanza.name)

    def over(self, name: str, others: frozenset[str]) -> frozenset[str]:
        """The name itself and what stands on it at any height, without these NICs and what stands on them alone."""
        found, left = set[str](), [name]
        while left:
            one = left.pop()
            if one not in found and one not in others:
                found.add(one)
                left += self._on.get(one, ())
                left += self._chosen_by(one, found)
        return frozenset(found)

    def _chosen_by(self, name: str, known: set[str]) -> Iterator[str]:
        for pattern, choosers in self._choosing.items():
            if not choosers <= known and pattern.fullmatch(name[:_IFNAMSIZ]):
                yield from choosers


def _patterns(ports: Sequence[str]) -> Iterator[re.Pattern[str]]:
    """Of `all`, and of `regex` and an expression [bridge-utils-interfaces(5)]; ports by name are none."""
    for word, after in pairwise((*ports, "")):
        with suppress(re.error, RecursionError, OverflowError):  # the latter two of nesting, and of {99999999999}
            if word in ("all", "regex"):
                yield re.compile(".*" if word == "all" else _bounded(after))


def _bounded(expression: str) -> str:
    """Raises ApplianceError for one whose comparison with a name could take all time: groups that repeat."""
    repeats = len(_REPEATS.findall(expression))
    if len(expression) > _EXPRESSION or repeats > _REPEATED or _NESTED.search(expression):
        raise ApplianceError(
            f"/etc/network/interfaces of the new guest chooses ports by {expression[:80]!r}, which is not worked out",
            hint="name the ports of that bridge there, or use a plainer expression",
        )
    return expression


def _joined(live: LiveNic, others: Sequence[str], name: str) -> ApplianceError:
    return ApplianceError(
        f"the image joins the live NIC {live.name} and {', '.join(others)} in {name}",
        hint="use an image whose NICs are apart, or take them apart in /etc/network/interfaces of the new guest",
    )


def _without_names(head: Line, live: LiveNic, going: frozenset[str]) -> str | None:
    """None where no name is left. A pattern becomes the other NICs that it means."""
    left = [name for word in head.words[1:] for name in _others(word, live, going)]
    if tuple(left) == head.words[1:]:
        return head.raw
    return " ".join([head.words[0], *left]) if left else None


def _others(word: str, live: LiveNic, going: frozenset[str]) -> list[str]:
    physical, equals, logical = word.partition("=")
    if "/" in physical and not physical.startswith("/dev/"):
        means = _meant(physical, live)
        if live.name not in means:
            return [word]
        return [f"{name}{equals}{logical}" for name in means if name not in going | {live.name}]
    is_it = physical == live.name or physical.startswith((f"{live.name}:", f"{live.name}.")) or physical in going
    return [] if is_it else [word]


def _meant(pattern: str, live: LiveNic) -> list[str]:
    """The guest's NICs that `[VARIABLE]/VALUE[/NUMBER]` means."""
    variable, value, *number = pattern.split("/")
    nics = sorted([(live.name, live.mac), *live.beside])
    if variable in ("mac", "address"):
        found = [name for name, mac in nics if fnmatchcase(mac, value.lower())]
    else:
        found = [name for name, _ in nics if not variable and fnmatchcase(name, value)]
    wanted = whole(number[0]) if number else None
    return found[wanted - 1 : wanted] if wanted else found


def _without_mapping(head: Line, live: LiveNic) -> str | None:
    """Its patterns without those that choose another stanza for that NIC."""
    left: list[str] = []
    for pattern in head.words[1:]:
        meant = fnmatchcase(live.name, pattern)
        left += [name for name, _ in live.beside if fnmatchcase(name, pattern)] if meant else [pattern]
    if tuple(left) == head.words[1:]:
        return head.raw
    return " ".join([head.words[0], *left]) if left else None
