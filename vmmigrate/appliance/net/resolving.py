"""A guest's resolvers and search domains: read behind a stub of its own, and set where no network stack sets them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from vmmigrate.addressing import Address, Addressing, address, domain
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.programs import question, which
from vmmigrate.errors import ApplianceError

RESOLV = "/etc/resolv.conf"
# What stands behind a server on the loopback, as the one who runs it says: systemd-resolved, NetworkManager.
BEHIND = ("/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf")
DROP_IN = "/etc/systemd/resolved.conf.d/vmmigrate.conf"
_RESOLVED = ("systemctl", "is-active", "systemd-resolved")
_DOMAINS = ("resolvectl", "domain")
QUESTIONS = (*(("cat", path) for path in (RESOLV, *BEHIND)), _RESOLVED, _DOMAINS, question("resolvconf"))
_META = FileMeta("0644", "root", "root")
T = TypeVar("T")


@dataclass(frozen=True)
class Resolvers:
    """`stub`: servers of the guest's own, on its loopback, behind which nothing was found.

    `not_read`: words of the file that are no address, domain or known line.
    `routing`: domains for which systemd-resolved asks the servers of one link alone ('~corp.example'; '~.' is all).
    """

    servers: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()
    stub: tuple[Address, ...] = ()
    not_read: tuple[str, ...] = ()
    routing: tuple[str, ...] = ()


def read(shell: Shell) -> Resolvers:
    """Those that the guest asks in the end."""
    return replace(_in_files(shell), routing=_routing(shell))


def _routing(shell: Shell) -> tuple[str, ...]:
    """Of all its links. A resolv.conf does not show them [resolved.conf(5), Domains=]."""
    listed = shell.run(_DOMAINS, check=False)
    words = listed.stdout.split() if listed.status == 0 else ()
    return tuple(dict.fromkeys(word for word in words if word.startswith("~")))


def _in_files(shell: Shell) -> Resolvers:
    first = parsed(_text(shell, RESOLV))
    if first.servers or not first.stub:
        return first
    for path in BEHIND:
        behind = parsed(_text(shell, path))
        if behind.servers:
            return Resolvers(behind.servers, behind.search or first.search, (), behind.not_read)
    return first


def parsed(text: str) -> Resolvers:
    """A resolv.conf. The last `search` or `domain` counts [resolv.conf(5)]."""
    lines = [words for line in text.split("\n") if (words := re.split(r"[#;]", line)[0].split())]
    servers, wrong = _each(address, [words[1] for words in lines if words[0] == "nameserver" and words[1:]])
    names: list[str] = next((words[1:] for words in reversed(lines) if words[0] in ("search", "domain")), [])
    search, bad = _each(domain, [name for name in names if name != "."])
    others = [" ".join(words) for words in lines if words[0] not in ("nameserver", "search", "domain")]
    own = tuple(server for server in servers if _is_own(server))
    return Resolvers(
        tuple(dict.fromkeys(server for server in servers if server not in own)),
        tuple(dict.fromkeys(search)),
        own,
        (*wrong, *bad, *others),
    )


def _is_own(server: Address) -> bool:
    """The guest itself: glibc asks there at 0.0.0.0 and :: too."""
    return server.is_loopback or server.is_unspecified


def set_where_no_stack_does(look: LookingShell, wanted: Addressing) -> Iterator[NewFile]:
    """For a stack that leaves resolv.conf alone: the file itself, or systemd-resolved's where that writes it.

    With resolvconf a stanza's own lines are enough. Raises ApplianceError where neither can be.
    """
    if not (wanted.dns or wanted.search) or which(look, "resolvconf"):
        return
    path, text = (DROP_IN, _drop_in(wanted)) if runs_resolved(look) else (RESOLV, _resolv(wanted))
    meta = look.file_meta(path)
    if path == RESOLV and meta and meta.mode == "0777":  # a link: some service of the guest writes what it points to
        raise ApplianceError(
            f"{RESOLV} on {look.host} is a link to what some service writes, and systemd-resolved does not run there:"
            f" the resolvers {', '.join(map(str, wanted.dns)) or 'and search domains'} cannot be set",
            hint=f"install resolvconf or systemd-resolved in the image, or replace the link {RESOLV} by a file",
        )
    if meta is None or look.read_file(path) != text.encode():
        yield NewFile(path, text.encode(), meta or _META)


def runs_resolved(shell: Shell) -> bool:
    return shell.run(_RESOLVED, check=False).stdout.strip() == "active"


def _drop_in(wanted: Addressing) -> str:
    return f"[Resolve]\nDNS={' '.join(map(str, wanted.dns))}\nDomains={' '.join(wanted.search)}\n"


def _resolv(wanted: Addressing) -> str:
    servers = "".join(f"nameserver {server}\n" for server in wanted.dns)
    return (f"search {' '.join(wanted.search)}\n" if wanted.search else "") + servers


def _each(parse: Callable[[str], T], words: list[str]) -> tuple[list[T], list[str]]:
    """What could be parsed, and the words that could not."""
    good: list[T] = []
    bad: list[str] = []
    for word in words:
        try:
            good.append(parse(word))
        except ValueError:
            bad.append(word)
    return good, bad


def _text(shell: Shell, path: str) -> str:
    return shell.run(("cat", path), check=False).stdout
