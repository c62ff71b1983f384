"""Give the new guest the old one's address and host name, on the live NIC that is still unplugged."""

from vmmigrate.appliance.net import network
from vmmigrate.facts import NewVm
from vmmigrate.run.stage import Run


def do(run: Run) -> None:
    who, new, shell = run.plan.identity, run.facts.of(NewVm), run.new_shell
    look = network.look_at(shell)
    if network.keep_dhcp(shell, look, new.staging_mac):
        look = network.look_at(shell)
    network.configure_live(shell, look, new.live_mac, who.address, who.gateway, who.dns, who.hostname, who.fqdn)
