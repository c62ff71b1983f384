"""Debian's /etc/network/interfaces as text [interfaces(5)]: what it sources, and the file without one NIC."""

import re
from collections.abc import Iterable, Iterator, Sequence
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
    """The names of the stanzas that configure it: its own, aliases, VLANs on it, bridges and bonds that have it.

    Raises ApplianceError where a bridge or bond has it and another NIC as ports, or where another NIC inherits from it:
    to take that apart could cut our own way to the guest.
    """
    known = [stanza for text in texts for stanza in stanzas(text) if stanza.name]
    masters = frozenset(name for stanza in known if stanza.name == live.name for name in stanza.said(_MASTER))
    going = frozenset(stanza.name for stanza in known if stanza.name in masters or _concerns(stanza, live))
    for stanza in known:
        _refuse_shared(stanza, live, masters)
        if stanza.parent in going and stanza.name not in going:
            raise _joined(live, (stanza.name,), f"what {stanza.name} inherits")
    return going - {name for name, _ in live.beside}


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


def _concerns(stanza: Stanza, live: LiveNic) -> bool:
    if stanza.name == live.name or stanza.name.startswith((f"{live.name}:", f"{live.name}.")):
        return True
    return live.name in stanza.said((*_BELOW, *_PRIMARY)) or _is_port(live.name, stanza.said(_PORTS))


def _is_port(name: str, words: tuple[str, ...]) -> bool:
    """As bridge-utils-interfaces(5) has it: names, `all`, or `regex` and an expression."""
    patterns = [after for word, after in pairwise(words) if word == "regex"]
    return name in words or "all" in words or any(_matches(pattern, name) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.fullmatch(pattern, name) is not None
    except (re.error, RecursionError, OverflowError):  # the latter two of nesting, and of {99999999999}
        return False


def _refuse_shared(stanza: Stanza, live: LiveNic, masters: frozenset[str]) -> None:
    """A bridge or bond names its ports, or a port its bond, and maybe the bond's first port."""
    ports = stanza.said(_PORTS)
    shared = [name for name, _ in live.beside if _is_port(name, ports)] if _is_port(live.name, ports) else []
    if shared:
        raise _joined(live, shared, stanza.name)
    of_bond = masters.intersection(stanza.said(_MASTER)) or (
        live.name in stanza.said(_PRIMARY) and stanza.said(_MASTER)
    )
    if stanza.name in dict(live.beside) and of_bond:
        raise _joined(live, [stanza.name], ", ".join(of_bond))


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
