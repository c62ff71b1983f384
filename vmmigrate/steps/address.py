"""Give the new guest the old one's address and host name, on the live NIC that is still unplugged."""

from vmmigrate.appliance import network
from vmmigrate.model import NewVm
from vmmigrate.run import Run


def do(run: Run) -> None:
    identity, new = run.plan.identity, run.facts.of(NewVm)
    network.keep_dhcp(run.new_shell, new.staging_mac)
    network.configure_live(
        run.new_shell, new.live_mac, identity.address, identity.gateway, identity.dns, identity.hostname
    )
