"""Configure a NIC by Debian's ifupdown: /etc/network/interfaces, ifup and ifdown."""

import re

from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net.static import StaticAddress
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.programs import question, which

MAIN = "/etc/network/interfaces"
_FOLDER = "/etc/network/interfaces.d"
_RESOLV = "/etc/resolv.conf"
_LISTING = ("ls", "-1", _FOLDER)
QUESTIONS = (question("ifup"), question("resolvconf"), _LISTING)
_META = FileMeta("0644", "root", "root")
_STARTS = ("iface", "mapping", "auto", "allow-", "source", "no-auto-down", "no-scripts", "rename")
_PATIENCE = 120.0  # seconds: ifdown waits for a DHCP client that is still looking for a server


def present(shell: Shell) -> bool:
    """Whether ifupdown is installed."""
    return which(shell, "ifup") is not None


def configures(shell: LookingShell, interface: str) -> bool:
    """Whether a stanza of it names this NIC."""
    stanza = re.compile(rf"^\s*iface\s+{re.escape(interface)}\s", re.MULTILINE)
    return present(shell) and any(stanza.search(text) for text in _files(shell).values())


def configure(shell: Shell, look: LookingShell, static: StaticAddress, in_force: bool) -> None:
    """Write the stanza and apply it only to this NIC; `in_force`: the address is there already.

    ifdown goes first, while the old stanza is still in place: it is what ends the NIC's DHCP client. A
    crash in between leaves the NIC down, and the next call goes through all of it again.
    """
    before = _files(look)
    wanted = {path: without_stanzas(text, static.interface) for path, text in before.items()}
    wanted[MAIN] = wanted.get(MAIN, "").rstrip("\n") + "\n\n" + stanza(static)
    if wanted == before and in_force:
        return
    # Debian brings a hot-plugged NIC up by this unit, which may still be asking for a lease.
    stop, down = ("systemctl", "stop", f"ifup@{static.interface}.service"), ("ifdown", "--force", static.interface)
    ask_all(shell, (stop, down), user="root", timeout=2 * _PATIENCE)
    changed = {path: text for path, text in wanted.items() if text != before.get(path)} | _resolvers(look, static.dns)
    if changed:
        shell.install(*(NewFile(path, text.encode(), look.file_meta(path) or _META) for path, text in changed.items()))
    shell.run(("ifup", static.interface), user="root", timeout=_PATIENCE)


def keep_dhcp(shell: Shell, look: LookingShell, interface: str) -> bool:
    """Add a DHCP stanza for that NIC if it has none; whether one was added. The running NIC is not touched."""
    if configures(look, interface):
        return False
    text = _files(look).get(MAIN, "").rstrip("\n")
    text += f"\n\nallow-hotplug {interface}\niface {interface} inet dhcp\n"
    shell.install(NewFile(MAIN, text.encode(), look.file_meta(MAIN) or _META))
    return True


def stanza(static: StaticAddress) -> str:
    """`auto`, not `allow-hotplug`: it must come up at boot although its link is down."""
    family = "inet" if static.parsed.version == 4 else "inet6"
    mask = str(static.parsed.netmask) if static.parsed.version == 4 else str(static.parsed.network.prefixlen)
    lines = [
        f"auto {static.interface}",
        f"iface {static.interface} {family} static",
        f"    address {static.parsed.ip}",
        f"    netmask {mask}",
    ]
    if static.gateway:
        lines.append(f"    gateway {static.gateway}")
    if static.dns:
        lines.append(f"    dns-nameservers {' '.join(static.dns)}")
    return "\n".join(lines) + "\n"


def without_stanzas(text: str, interface: str) -> str:
    """The file without what concerns that NIC; other lines stay as they are, comments too."""
    kept: list[str] = []
    dropping = False
    for line in text.splitlines():
        words = line.split()
        if words and words[0].startswith(_STARTS):
            dropping = words[0] == "iface" and words[1:2] == [interface]
            if words[0] == "auto" or words[0].startswith("allow-"):
                line = _without_name(words, interface)
                if not line:
                    continue
        if not dropping or line.lstrip().startswith("#"):
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept).rstrip("\n") + "\n")


def _without_name(words: list[str], interface: str) -> str:
    others = [word for word in words[1:] if word != interface]
    return " ".join([words[0], *others]) if others else ""


def _files(look: LookingShell) -> dict[str, str]:
    """interfaces and what lies in interfaces.d, path → text."""
    listing = look.run(_LISTING, check=False).stdout.splitlines()
    paths = [MAIN, *(f"{_FOLDER}/{name}" for name in listing if name)]
    look.ahead(files=paths)
    return {path: look.read_file(path).decode() for path in paths if look.file_meta(path)}


def _resolvers(look: LookingShell, dns: tuple[str, ...]) -> dict[str, str]:
    """resolv.conf itself, if no resolvconf writes the stanza's servers into it and it has others."""
    if not dns or which(look, "resolvconf"):
        return {}
    meta = look.file_meta(_RESOLV)
    if meta and meta.mode == "0777":  # a link: some service of the guest writes what it points to
        return {}
    text = "".join(f"nameserver {server}\n" for server in dns)
    return {} if meta and look.read_file(_RESOLV).decode() == text else {_RESOLV: text}
