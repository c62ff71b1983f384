"""Configure a NIC by NetworkManager's nmcli. Not tried on a real guest yet."""

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net.static import StaticAddress
from vmmigrate.appliance.port import Shell

QUESTION = ("systemctl", "is-active", "NetworkManager")
PROFILE = "vmmigrate-live"


def present(shell: Shell) -> bool:
    """Whether NetworkManager runs."""
    return shell.run(QUESTION, check=False).stdout.strip() == "active"


def configure(shell: Shell, look: LookingShell, static: StaticAddress, in_force: bool) -> None:
    """Add or change a profile of our own, and bring it up unless the address is `in_force`.

    While the link is down NetworkManager refuses to bring it up; it does so by itself (autoconnect, with a
    priority above the image's own profiles) as soon as the link is there.
    """
    exists = look.run(("nmcli", "connection", "show", PROFILE), user="root", check=False).status == 0
    verb = ("modify", PROFILE) if exists else ("add", "type", "ethernet", "con-name", PROFILE)
    shell.run(("nmcli", "connection", *verb, *settings(static)), user="root")
    if not in_force:
        shell.run(("nmcli", "connection", "up", PROFILE), user="root", check=False)


def settings(static: StaticAddress) -> tuple[str, ...]:
    """nmcli's properties and values."""
    kind, other = ("ipv4", "ipv6") if static.parsed.version == 4 else ("ipv6", "ipv4")
    pairs = {
        "connection.interface-name": static.interface,
        "802-3-ethernet.mac-address": static.mac,
        "connection.autoconnect": "yes",
        "connection.autoconnect-priority": "100",
        f"{kind}.method": "manual",
        f"{kind}.addresses": static.cidr,
        f"{kind}.gateway": static.gateway or "",
        f"{kind}.dns": ",".join(static.dns),
        f"{other}.method": "disabled",
    }
    return tuple(word for pair in pairs.items() for word in pair)
