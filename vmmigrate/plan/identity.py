"""Who the old gateway is to the rest of the world, and whether it is one that is migrated."""

from hypervisors import Inventory, Nic
from vmmigrate.appliance import mail
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.net import network
from vmmigrate.appliance.net.network import GuestNetwork
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import PlanRefused
from vmmigrate.model import Identity


def refuse_unsupported(software: Software) -> Software:
    """Raises PlanRefused for 6.x, whatever a profile says about its console [F-BACKUP-7, F-REST-4]."""
    if software.family == "6.x":
        raise PlanRefused(
            f"version {software.version or '6.x'} is not migrated: it is not known whether its backup can be"
            " imported into another release and where it keeps its TLS keys",
            hint="migrate 4.x and 5.x appliances; with a REST profile (docs/six.md) `vmmigrate backup export` and"
            " `backup import` work with 6.x",
        )
    return software


def read_identity(shell: Shell, host: str, inventory: Inventory) -> Identity:
    """Ask the guest, then do as `identify`."""
    return identify(network.read_network(shell), mail.name(shell), host, inventory)


def identify(guest: GuestNetwork, mail_name: str, host: str, inventory: Inventory) -> Identity:
    """By the interface that has the address `host`, matched by MAC with the hypervisor's NIC. Raises PlanRefused."""
    for interface in guest.interfaces:
        for address in interface.addresses:
            if address.partition("/")[0] == host:
                nic = _nic(inventory, interface.mac)
                own = guest.gateway if guest.gateway_interface == interface.name else None
                dns = tuple(server for server in guest.dns if not server.startswith("127.") and server != "::1")
                return Identity(guest.hostname, guest.fqdn, mail_name, address, own, dns, nic.mac, nic.network)
    seen = ", ".join(f"{address} on {each.name}" for each in guest.interfaces for address in each.addresses) or "none"
    raise PlanRefused(
        f"no interface of the old guest has the address {host}; it has: {seen}",
        hint="give the one that receives mail, with old.address or --old-address; if the guest is behind NAT, its own"
        " one, which this workstation must reach",
    )


def _nic(inventory: Inventory, mac: str) -> Nic:
    for nic in inventory.nics:
        if nic.mac == mac:
            return nic
    known = ", ".join(nic.mac for nic in inventory.nics) or "none"
    raise PlanRefused(
        f"the guest's MAC {mac} is not one of {inventory.vm.name}'s ({known})",
        hint="another machine answers at old.address: give this virtual machine's own, or name the other as OLD",
    )
