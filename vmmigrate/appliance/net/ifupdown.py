"""Configure a NIC by Debian's ifupdown: /etc/network/interfaces, ifup and ifdown."""

import re

from vmmigrate.appliance.net.static import StaticAddress
from vmmigrate.appliance.port import FileMeta, Shell
from vmmigrate.appliance.programs import which

MAIN = "/etc/network/interfaces"
_FOLDER = "/etc/network/interfaces.d"
_META = FileMeta("0644", "root", "root")
_STARTS = ("iface", "mapping", "auto", "allow-", "source", "no-auto-down", "no-scripts", "rename")
_PATIENCE = 120.0  # seconds: ifdown waits for a DHCP client that is still looking for a server


def present(shell: Shell) -> bool:
    """Whether ifupdown is installed."""
    return which(shell, "ifup") is not None


def configures(shell: Shell, interface: str) -> bool:
    """Whether a stanza of it names this NIC."""
    stanza = re.compile(rf"^\s*iface\s+{re.escape(interface)}\s", re.MULTILINE)
    return present(shell) and any(stanza.search(text) for text in _files(shell).values())


def configure(shell: Shell, static: StaticAddress, in_force: bool) -> None:
    """Write the stanza and apply it to this NIC alone; `in_force`: the address is there already.

    ifdown goes first, while the old stanza is still in place: it is what ends the NIC's DHCP client. A
    crash in between leaves the NIC down, and the next call goes through all of it again.
    """
    before = _files(shell)
    wanted = {path: without_stanzas(text, static.interface) for path, text in before.items()}
    wanted[MAIN] = wanted.get(MAIN, "").rstrip("\n") + "\n\n" + stanza(static)
    if wanted == before and in_force:
        return
    # Debian brings a hot-plugged NIC up by this unit, which may still be asking for a lease.
    shell.run(("systemctl", "stop", f"ifup@{static.interface}.service"), user="root", check=False, timeout=_PATIENCE)
    shell.run(("ifdown", "--force", static.interface), user="root", check=False, timeout=_PATIENCE)
    for path, text in wanted.items():
        if text != before.get(path):
            shell.install_file(path, text.encode(), shell.file_meta(path) or _META)
    _set_resolvers(shell, static.dns)
    shell.run(("ifup", static.interface), user="root", timeout=_PATIENCE)


def keep_dhcp(shell: Shell, interface: str) -> None:
    """A stanza for that NIC at the next boot, where none is left; the running NIC is not touched."""
    if not configures(shell, interface):
        text = _files(shell).get(MAIN, "").rstrip("\n")
        text += f"\n\nallow-hotplug {interface}\niface {interface} inet dhcp\n"
        shell.install_file(MAIN, text.encode(), shell.file_meta(MAIN) or _META)


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


def _files(shell: Shell) -> dict[str, str]:
    """interfaces and what lies in interfaces.d, path → text."""
    listing = shell.run(("ls", "-1", _FOLDER), check=False).stdout.splitlines()
    paths = [MAIN, *(f"{_FOLDER}/{name}" for name in listing if name)]
    return {path: shell.read_file(path).decode() for path in paths if shell.file_meta(path)}


def _set_resolvers(shell: Shell, dns: tuple[str, ...]) -> None:
    """resolv.conf itself, where no resolvconf turns the stanza's servers into it."""
    path = "/etc/resolv.conf"
    if not dns or which(shell, "resolvconf"):
        return
    meta = shell.file_meta(path)
    if meta and meta.mode == "0777":  # a link: some service of the guest writes what it points to
        return
    text = "".join(f"nameserver {server}\n" for server in dns)
    if meta is None or shell.read_file(path).decode() != text:
        shell.install_file(path, text.encode(), meta or _META)
