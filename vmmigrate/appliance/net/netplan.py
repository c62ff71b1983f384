"""Configure a NIC by netplan: a file of our own and `netplan apply`. Not tried on a real guest yet."""

import json

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net.static import StaticAddress
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.programs import question, which

PATH = "/etc/netplan/90-vmmigrate.yaml"
STAGING_PATH = "/etc/netplan/91-vmmigrate-staging.yaml"
_FOLDER = "/etc/netplan"
_LISTING = ("ls", "-1", _FOLDER)
QUESTIONS = (question("netplan"), _LISTING)
_META = FileMeta("0600", "root", "root")


def present(shell: Shell) -> bool:
    """Whether netplan is installed and has a configuration."""
    listing = shell.run(_LISTING, check=False).stdout.split()
    return any(name.endswith((".yaml", ".yml")) for name in listing) and which(shell, "netplan") is not None


def configure(shell: Shell, look: LookingShell, static: StaticAddress, in_force: bool) -> None:
    """Write the file and apply it; `in_force`: the address is there already."""
    text = document(static).encode()
    written = look.file_meta(PATH) is not None and look.read_file(PATH) == text
    if written and in_force:
        return
    shell.install(NewFile(PATH, text, _META))
    shell.run(("netplan", "apply"), user="root", timeout=120.0)


def keep_dhcp(shell: Shell, look: LookingShell, interface: str) -> bool:
    """Have that NIC ask for a lease at the next boot; whether that was new. Nothing is applied now."""
    nic = {"dhcp4": True, "optional": True}
    text = json.dumps({"network": {"version": 2, "ethernets": {interface: nic}}}, indent=2) + "\n"
    if look.file_meta(STAGING_PATH) is not None and look.read_file(STAGING_PATH) == text.encode():
        return False
    shell.install(NewFile(STAGING_PATH, text.encode(), _META))
    return True


def document(static: StaticAddress) -> str:
    """JSON, which is YAML. The NIC's own name as the id: it overrides what an earlier file says of that id."""
    nic: dict[str, object] = {
        "match": {"macaddress": static.mac},
        "dhcp4": False,
        "dhcp6": False,
        "optional": True,  # its link is down: the boot must not wait for it
        "addresses": [static.cidr],
    }
    if static.gateway:
        nic["routes"] = [{"to": "default", "via": static.gateway}]
    if static.dns:
        nic["nameservers"] = {"addresses": list(static.dns)}
    network = {"network": {"version": 2, "ethernets": {static.interface: nic}}}
    return json.dumps(network, indent=2) + "\n"
