"""Configure a NIC by netplan: a file of our own and `netplan apply`. Not tried on a real guest yet."""

import json

from vmmigrate.appliance.net.static import StaticAddress
from vmmigrate.appliance.port import FileMeta, Shell
from vmmigrate.appliance.programs import which

PATH = "/etc/netplan/90-vmmigrate.yaml"
STAGING_PATH = "/etc/netplan/91-vmmigrate-staging.yaml"
_FOLDER = "/etc/netplan"
_META = FileMeta("0600", "root", "root")


def present(shell: Shell) -> bool:
    """Whether netplan is installed and has a configuration."""
    listing = shell.run(("ls", "-1", _FOLDER), check=False).stdout.split()
    return any(name.endswith((".yaml", ".yml")) for name in listing) and which(shell, "netplan") is not None


def configure(shell: Shell, static: StaticAddress, in_force: bool) -> None:
    """Write the file and apply it; `in_force`: the address is there already."""
    text = document(static).encode()
    written = shell.file_meta(PATH) is not None and shell.read_file(PATH) == text
    if written and in_force:
        return
    shell.install_file(PATH, text, _META)
    shell.run(("netplan", "apply"), user="root", timeout=120.0)


def keep_dhcp(shell: Shell, interface: str) -> None:
    """A lease for that NIC at the next boot; nothing is applied now."""
    nic = {"dhcp4": True, "optional": True}
    text = json.dumps({"network": {"version": 2, "ethernets": {interface: nic}}}, indent=2) + "\n"
    if shell.file_meta(STAGING_PATH) is None or shell.read_file(STAGING_PATH) != text.encode():
        shell.install_file(STAGING_PATH, text.encode(), _META)


def document(static: StaticAddress) -> str:
    """JSON, which is YAML. The NIC's own name as the id: it overrides what an earlier file says of that id."""
    nic: dict[str, object] = {
        "match": {"macaddress": static.mac},
        "dhcp4": False,
        "dhcp6": False,
        "optional": True,  # its link is down: nobody is to wait for it at boot
        "addresses": [static.cidr],
    }
    if static.gateway:
        nic["routes"] = [{"to": "default", "via": static.gateway}]
    if static.dns:
        nic["nameservers"] = {"addresses": list(static.dns)}
    network = {"network": {"version": 2, "ethernets": {static.interface: nic}}}
    return json.dumps(network, indent=2) + "\n"
