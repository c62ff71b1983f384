"""Configure a NIC by Debian's ifupdown: /etc/network/interfaces, ifup and ifdown."""

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from vmmigrate.addressing import CidrAddress, LiveNic, Route
from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import interfaces_file, networkd, resolving
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.programs import question, which
from vmmigrate.errors import CommandFailed
from vmmigrate.limits import INTERFACES_DEPTH
from vmmigrate.limits.seconds import NETWORK_SET

MAIN = "/etc/network/interfaces"
_FOLDER = "/etc/network/interfaces.d"
_VOLATILE = ("/run/", "/var/run/")  # made again at each boot, by a cloud image's udev rule
_LISTING = ("ls", "-1", _FOLDER)
QUESTIONS = (question("ifup"), _LISTING)
_META = FileMeta("0644", "root", "root")
_PATIENCE = NETWORK_SET.most
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_DEPTH = INTERFACES_DEPTH.most


def present(shell: Shell) -> bool:
    """Whether ifupdown is installed."""
    return which(shell, "ifup") is not None


def configures(look: LookingShell, interface: str) -> bool:
    """Whether a stanza of it names this NIC."""
    texts = _files(look).values() if present(look) else ()
    return any(stanza.name == interface for text in texts for stanza in interfaces_file.stanzas(text))


def configure(shell: Shell, look: LookingShell, live: LiveNic, in_force: bool) -> None:
    """Write the stanzas and apply them only to this NIC; `in_force`: all of it is there already.

    ifdown goes first, while the old stanza is still in place: it is what ends the NIC's DHCP client. A
    crash in between leaves the NIC down, and the next call goes through all of it again.
    """
    before = _files(look)
    changed = _changed(before, live, stanza(live))
    resolvers = tuple(resolving.set_where_no_stack_does(look, live.addressing))
    if not changed and not resolvers and in_force:
        return
    _take_down(shell, live)
    files = _files_of(look, changed)
    if files or resolvers:
        shell.install(*files, *resolvers, folders=tuple({str(PurePosixPath(each.path).parent) for each in resolvers}))
    for name in dict.fromkeys((live.name, live.device)):
        shell.run(("ifup", name), user="root", timeout=_PATIENCE)


def _take_down(shell: Shell, live: LiveNic) -> None:
    """Debian brings a hot-plugged NIC up by a unit that may still be asking for a lease."""
    stop = ("systemctl", "stop", f"ifup@{live.name}.service")
    downs = [("ifdown", "--force", name) for name in dict.fromkeys((live.device, live.name))]
    ask_all(shell, (stop, *downs), user="root", timeout=2 * _PATIENCE)


def prove(shell: Shell, live: LiveNic) -> Iterator[str]:
    """What ifquery says otherwise than it was wanted, and who else configures the NIC."""
    others = (("nmcli", "-g", "GENERAL.STATE", "device", "show", live.name), networkd.status(live.name))
    questions = (("ifquery", "--list"), ("ifquery", live.device), *others)
    listed, asked, by_nm, by_networkd = ask_all(shell, questions, user="root")
    if by_nm.status == 0 and not by_nm.stdout.startswith("10 "):
        yield f"NetworkManager configures {live.name} too (state {by_nm.stdout.strip()})"
    if file := networkd.file_in(by_networkd.stdout):
        yield f"systemd-networkd configures {live.name} too, by {file}"
    names = [name for name in listed.stdout.split() if name.partition("=")[0].partition(":")[0] == live.device]
    if set(names) != {live.device}:
        yield f"`ifquery --list` has {', '.join(names) or 'nothing'} for {live.device}"
    lines = [line.partition(":") for line in asked.stdout.splitlines()]
    found = {value.strip().partition("/")[0] for name, _, value in lines if name == "address"}
    wanted = {str(each.ip) for each in live.addressing.addresses}
    if found != wanted:
        yield f"`ifquery {live.device}` has the addresses {', '.join(sorted(found)) or 'none'}"


def keep_dhcp(shell: Shell, look: LookingShell, interface: str, *, ipv6: bool) -> bool:
    """Have that NIC look for an address if it has no stanza; whether one was added. The running NIC is not touched."""
    if configures(look, interface):
        return False
    text = _files(look).get(MAIN, "").rstrip("\n")
    text += f"\n\nallow-hotplug {interface}\niface {interface} {'inet6 auto' if ipv6 else 'inet dhcp'}\n"
    shell.install(NewFile(MAIN, _bytes(text), look.file_meta(MAIN) or _META))
    return True


def leave(shell: Shell, look: LookingShell, nic: LiveNic) -> bool:
    """Without any stanza for that NIC, whose DHCP client ends; whether there was one."""
    if changed := _changed(_files(look), nic, ""):
        _take_down(shell, nic)
        shell.install(*_files_of(look, changed))
    return bool(changed)


def stanza(live: LiveNic) -> str:
    """`auto`, not `allow-hotplug`: it must come up at boot although its link is down.

    Of a VLAN also the NIC below it. One stanza for each address; what is not an address stands in the first one.
    A NIC without IPv6 gets none from a router either, as with the other network stacks.
    """
    below = _below(live) if live.addressing.vlan else []
    first = {each.version: each for each in reversed(live.addressing.addresses)}
    own = [line for each in live.addressing.addresses for line in _of(live, each, is_first=first[each.version] is each)]
    return "\n".join([*below, f"auto {live.device}", *own]) + "\n"


def _below(live: LiveNic) -> list[str]:
    mtu = [f"    mtu {live.addressing.mtu}"] if live.addressing.mtu else []
    return [f"auto {live.name}", f"iface {live.name} inet manual", *mtu, _deaf("pre-up", live.name), ""]


def _deaf(when: str, name: str) -> str:
    """To router advertisements; ifupdown itself says it in these words, and only for IPv6."""
    return f"    {when} sysctl -q -e -w net/ipv6/conf/{name}/accept_ra=0 || true"


def _of(live: LiveNic, each: CidrAddress, *, is_first: bool) -> Iterator[str]:
    v6, wanted = each.version == 6, live.addressing
    yield f"iface {live.device} {'inet6' if v6 else 'inet'} static"
    yield f"    address {each.ip}"
    yield f"    netmask {each.network.prefixlen if v6 else each.netmask}"
    if v6:
        # Nobody answers for a duplicate while the link is down, and ifup would wait for that and then fail.
        yield f"    accept_ra {2 if wanted.advertised else 0}"
        yield "    dad-attempts 0"
    if not is_first:
        return
    if not wanted.of_family(6):
        yield _deaf("up" if wanted.vlan else "pre-up", live.device)  # a VLAN is only made after pre-up
    if live.device != f"{live.name}.{wanted.vlan}" and wanted.vlan:
        yield f"    vlan-raw-device {live.name}"
    if wanted.mtu:
        yield f"    mtu {wanted.mtu}"
    yield from (line for route in wanted.routes if route.to.version == each.version for line in _route(live, route))
    if each is wanted.addresses[0]:
        yield from (f"    {word}" for word in _resolvers(live))


def _route(live: LiveNic, route: Route) -> Iterator[str]:
    """`gateway` where that is enough; before Debian 12 it takes no next hop outside the subnet."""
    if route.is_default and route.via and not route.on_link and not route.source:
        yield f"    gateway {route.via}"
        return
    words = ["via", str(route.via)] if route.via else []
    words += ["dev", live.device]
    words += ["src", str(route.source)] if route.source else []
    words += ["metric", str(route.metric)] if route.metric else []
    words += ["onlink"] if route.on_link else []
    yield f"    up ip {'-6 ' if route.to.version == 6 else ''}route replace {route.to} {' '.join(words)}"


def _resolvers(live: LiveNic) -> Iterator[str]:
    if live.addressing.dns:
        yield f"dns-nameservers {' '.join(map(str, live.addressing.dns))}"
    if live.addressing.search:
        yield f"dns-search {' '.join(live.addressing.search)}"


def _changed(before: dict[str, str], live: LiveNic, own: str) -> dict[str, str]:
    return {path: text for path, text in _wanted(before, live, own).items() if text != before.get(path)}


def _files_of(look: LookingShell, texts: dict[str, str]) -> list[NewFile]:
    return [NewFile(path, _bytes(text), look.file_meta(path) or _META) for path, text in texts.items()]


def _wanted(before: dict[str, str], live: LiveNic, own: str) -> dict[str, str]:
    """Every file without that NIC, and `own` at the end of the first. What is made again at each boot is taken over."""
    going = interfaces_file.over_it(before.values(), live)
    wanted = {path: interfaces_file.without(text, live, going) for path, text in before.items()}
    lasting = {path: text for path, text in wanted.items() if not path.startswith(_VOLATILE)}
    taken_over = [text for path, text in wanted.items() if path.startswith(_VOLATILE) and text.strip()]
    if len(lasting) != len(wanted):
        lasting = {path: _without_volatile(text) for path, text in lasting.items()}
    main = [lasting.get(MAIN, "").rstrip("\n"), *(text.rstrip("\n") for text in taken_over)]
    lasting[MAIN] = "\n\n".join([*main, own]) if own else "\n\n".join(main) + "\n"
    return lasting


def _without_volatile(text: str) -> str:
    gone = [" ".join(words) for words in interfaces_file.sources(text) if words[1].startswith(_VOLATILE)]
    return "".join(line for line in text.splitlines(keepends=True) if " ".join(line.split()) not in gone)


def _files(look: LookingShell) -> dict[str, str]:
    """interfaces, and what it sources: path → text. Bytes of any encoding stay.

    interfaces.d is read ahead, but what is there counts only where it is sourced.
    """
    listing = look.run(_LISTING, check=False).stdout.splitlines()
    look.ahead(files=[MAIN, *(f"{_FOLDER}/{name}" for name in listing if name)])
    found: dict[str, str] = {}
    paths = [MAIN]
    for _ in range(_DEPTH):
        look.ahead(files=paths)
        there = [path for path in paths if path not in found and look.file_meta(path)]
        new = {path: text for path in there if (text := _text(look, path)) is not None}
        found |= new
        sources = [(path, words) for path, text in new.items() for words in interfaces_file.sources(text)]
        paths = [name for path, words in sources for name in _named(look, path, words)]
    return found


def _text(look: LookingShell, path: str) -> str | None:
    """None of what ifupdown passes over where it is sourced: a folder, a link that leads nowhere."""
    try:
        return look.read_file(path).decode(errors="surrogateescape")
    except CommandFailed:
        if path == MAIN:
            raise
        return None


def _named(look: LookingShell, path: str, words: tuple[str, ...]) -> list[str]:
    """The files that a `source` or `source-directory` line of `path` means; the latter takes plain names alone."""
    whole = words[0] in interfaces_file.FOLDERS
    ending = ["*"] if whole else []
    patterns = _patterns(PurePosixPath(path).parent, " ".join(words[1:]))
    named = [name for each in patterns for name in _expanded(look, [*each.parts[1:], *ending])]
    return [name for name in named if not whole or _PLAIN.fullmatch(PurePosixPath(name).name)]


def _patterns(folder: PurePosixPath, said: str) -> list[PurePosixPath]:
    """As a shell takes the words apart [wordexp(3)]; nothing where it cannot.

    ifupdown puts the folder before all of it, unless it begins with "/": a quoted path counts from the folder too.
    """
    try:
        words = shlex.split(said if said.startswith("/") else f"{folder}/{said}")
    except ValueError:
        return []
    return [folder / word for word in words]


def _expanded(look: LookingShell, parts: list[str], there: str = "") -> list[str]:
    if not parts:
        return [there]
    if not any(mark in parts[0] for mark in "*?["):
        return _expanded(look, parts[1:], f"{there}/{parts[0]}")
    names = look.run(("ls", "-1", there or "/"), check=False).stdout.splitlines()
    meant = [name for name in names if fnmatchcase(name, parts[0]) and not name.startswith(".")]
    return [path for name in meant for path in _expanded(look, parts[1:], f"{there}/{name}")]


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
