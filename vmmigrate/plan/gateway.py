"""The questions about the old guest, asked over its shell and its console."""

from vmmigrate.appliance import mail
from vmmigrate.appliance.database import read_database
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import firewall as filtering
from vmmigrate.appliance.net import network as networking
from vmmigrate.appliance.net.network import GuestNetwork
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.errors import PlanRefused
from vmmigrate.model import Identity
from vmmigrate.plan.hypervisor import old_vm
from vmmigrate.plan.identity import identify, refuse_unsupported
from vmmigrate.plan.look import Look
from vmmigrate.plan.placement import staging as chosen_staging
from vmmigrate.steps.intake import refuse_stuck_mail


def address(look: Look) -> str:
    """The bare address at which the old gateway is reached."""
    if look.settings.old.address:
        return look.settings.old.address
    vm = look.of(old_vm).vm
    reported = {each.address for each in look.hypervisor.addresses(vm)}
    found = sorted({each for each in reported if ":" not in each} or reported)
    if len(found) != 1:
        raise PlanRefused(
            f"the hypervisor reports {len(found)} addresses of {vm.name} ({', '.join(found) or 'none'})",
            hint="give the old gateway's address with old.address or --old-address ADDRESS",
        )
    return found[0]


def _shell(look: Look) -> Shell:
    """The one that is open already, or a new one."""
    return look.doors.old.shell(look.of(address))


def software(look: Look) -> Software:
    """The first log-in over SSH: if it is refused, nothing more is asked of this guest."""
    return refuse_unsupported(look.doors.old.software(_shell(look)))


def network(look: Look) -> GuestNetwork:
    return networking.read_network(_shell(look))


def identity(look: Look) -> Identity:
    return identify(look.of(network), mail.name(_shell(look)), look.of(address), look.of(old_vm))


def console(look: Look) -> None:
    """One log-in, and a look at the backup page: no backup is made. Not needed for an archive exported by hand."""
    if look.settings.backup.file is not None:
        return
    opened = look.doors.old.console_of(_shell(look))
    try:
        opened.log_in(look.doors.old.account)
        opened.find_backup()
    finally:
        opened.close()


def queues(look: Look) -> None:
    refuse_stuck_mail(_shell(look))


def firewall(look: Look) -> None:
    filtering.refuse_without_firewall(_shell(look))


def database(look: Look) -> None:
    read_database(_shell(look), b"only a look")


def staging_is_not_live(look: Look) -> None:
    if look.of(chosen_staging) == look.of(identity).network:
        look.findings.error(
            "staging-is-live",
            f"{look.of(chosen_staging)} is the live network: the new guest would answer there for the live address",
            "choose another network with new.staging or --staging NETWORK",
        )


def certificates(look: Look) -> None:
    """Read, checked and thrown away: the keys are collected in the run."""
    bundle = tls.collect(LookingShell(_shell(look)), look.of(software))
    look.findings.all += tls.judge(bundle, look.of(identity).mail_name)


def addresses(look: Look) -> None:
    """Those that the new VM will not have."""
    live = look.of(identity)
    more = [each for each in look.of(network).by_mac(live.mac).addresses if each != live.address]
    if more:
        look.findings.warn("addresses", f"the live NIC also has {', '.join(more)}", "add them in the new guest by hand")


def resolver(look: Look) -> None:
    own = [server for server in look.of(network).dns if server not in look.of(identity).dns]
    if own:
        look.findings.warn(
            "resolver",
            f"the old guest has its own resolver ({', '.join(own)})",
            "make sure that the new guest has a resolver before it sends mail",
        )
