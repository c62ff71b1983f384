"""The questions about the old guest, asked over its shell and its console."""

from collections import Counter
from collections.abc import Sequence

from hypervisors import Address, Carried, Fate
from vmmigrate.appliance import authorized, hostkeys, mail, programs
from vmmigrate.appliance.accounts import of_people
from vmmigrate.appliance.accounts import questions as accounts_as_root
from vmmigrate.appliance.database import read_database
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import firewall as filtering
from vmmigrate.appliance.net import network as networking
from vmmigrate.appliance.net.guest import GuestNetwork
from vmmigrate.appliance.permitted import UNLISTED, questions, unreadable
from vmmigrate.appliance.port import Console, Shell
from vmmigrate.appliance.queues import carrying
from vmmigrate.appliance.ssh.sudoers import rule
from vmmigrate.appliance.tls import as_shown
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.errors import NotDiscovered, PlanRefused
from vmmigrate.model import CARRY, REFUSE, Identity
from vmmigrate.plan.hypervisor import old_vm
from vmmigrate.plan.identity import identify, refuse_unsupported
from vmmigrate.plan.live import Live, facing_the_world, find
from vmmigrate.plan.look import Look
from vmmigrate.plan.placement import staging as chosen_staging
from vmmigrate.settings.accepting import MPA_ERROR, MPA_UNKNOWN
from vmmigrate.steps.accounts import chosen
from vmmigrate.steps.host_keys import KEEP
from vmmigrate.steps.intake import refuse_stuck_mail


def address(look: Look) -> str:
    """The bare address at which the old gateway is reached."""
    old = look.settings.old
    if old.address:
        return old.address
    vm = look.of(old_vm).vm
    found = sorted(_reported(look.hypervisor.addresses(vm), old.live_nic))
    if len(found) != 1:
        raise PlanRefused(
            f"the hypervisor reports {len(found)} addresses of {vm.name} ({', '.join(found) or 'none'})",
            hint="give the old gateway's address with old.address or --old-address ADDRESS",
        )
    return found[0]


def _reported(addresses: Sequence[Address], live_nic: str | None) -> set[str]:
    """Of the NIC that the operator names by its MAC, else of all; IPv6 only where there is no IPv4."""
    by_mac = {each.address for each in addresses if each.mac == (live_nic or "").lower()}
    found = by_mac or {each.address for each in addresses}
    return {each for each in found if ":" not in each} or {each for each in found if not each.startswith("fe80:")}


def _shell(look: Look) -> Shell:
    """The one that is open already, or a new one."""
    return look.doors.old.shell(look.of(address))


def software(look: Look) -> Software:
    """The first log-in over SSH: if it is refused, nothing more is asked of this guest."""
    return refuse_unsupported(look.doors.old.software(_shell(look)))


def network(look: Look) -> GuestNetwork:
    return networking.read_network(_shell(look))


def live(look: Look) -> Live:
    return find(look.of(network), look.of(address), look.of(old_vm), look.settings.old.live_nic)


def identity(look: Look) -> Identity:
    return identify(look.of(network), mail.name(_shell(look)), look.of(live))


def seen_as(look: Look) -> None:
    """Who passes the new guest's isolation is said by nobody but our own socket, the new guest and the operator."""
    shell, given = _shell(look), look.settings.old.seen_as
    ours, said = given or shell.own_address(), shell.seen_address()
    if said != ours:
        look.findings.warn(
            "seen-as",
            f"the old gateway says that it sees this workstation as {said}; "
            + (f"its address is {ours}" if ours else "the jump host's address there is not known"),
            f"if {said} is right (a jump host's, or behind NAT), set old.seen_as to it; else the run stops before"
            " the import, unless the new gateway sees that address on staging too",
        )


def carried(look: Look) -> tuple[Carried, ...]:
    """What becomes of all that the old guest's network has."""
    return look.of(live).carry(look.of(network)).lines


def console(look: Look) -> None:
    """One log-in, and a look at the backup page: no backup is made. Not needed for an archive exported by hand."""
    if look.settings.backup.file is not None:
        return
    opened = look.doors.old.console_of(_shell(look))
    try:
        opened.log_in(look.doors.old.account)
        opened.find_backup()
        _agent_queues(look, opened)
    finally:
        opened.close()


def _agent_queues(look: Look, opened: Console) -> None:
    """What the mail agent holds, which Postfix's queues do not show."""
    try:
        waiting = {queue: number for queue, number in opened.mail_queues().items() if number and queue != "mta"}
    except NotDiscovered as unknown:
        remedy = f"{unknown.hint}; else look there before the switch, and give --accept {MPA_UNKNOWN}"
        look.findings.warn("agent-queues", f"what the mail agent holds is not known: {unknown}", remedy)
        return
    if waiting:
        listed = ", ".join(f"{number} in {queue}" for queue, number in sorted(waiting.items()))
        look.findings.note("agent-queues", f"the mail agent holds now: {listed}")
    if waiting.get("error"):
        look.findings.warn(
            "agent-error",
            f"{waiting['error']} messages are in the mail agent's error queue, which does not empty by itself; nobody"
            " carries them",
            "see them in the old console (MPA queue): release or delete them there, or leave them there:"
            f" --accept {MPA_ERROR}",
        )


def queues(look: Look) -> None:
    if look.settings.mail.queue == CARRY and not carrying.is_permitted(_shell(look)):
        look.findings.warn(
            "carry-not-permitted",
            "sudo on the old gateway does not let this account run the scripts that carry mail: where some waits at the"
            " switch, the run goes back",
            "permit all in sudoers for the time of the switch (docs/privileges.md); or give --queue leave, or refuse",
        )
    if look.settings.mail.queue == REFUSE:
        refuse_stuck_mail(_shell(look))
    elif (waiting := mail.queues(_shell(look))).total:
        becomes = "carried into the new gateway" if look.settings.mail.queue == CARRY else "left in the old VM"
        look.findings.note("queues", f"mail that waits now: {waiting}; what waits at the switch is {becomes}")


def plainly(look: Look) -> LookingShell:
    """What needs no sudo, in one command."""
    plain = LookingShell(_shell(look))
    keys = hostkeys.QUESTIONS if look.settings.carry.host_keys == KEEP else ()
    plain.ahead(programs.question("nft"), authorized.ACCOUNTS, *hostkeys.PUBLIC, *questions(UNLISTED, *keys))
    return plain


def firewall(look: Look) -> None:
    filtering.refuse_without_firewall(look.of(plainly))


def accounts(look: Look) -> tuple[Carried, ...]:
    """What becomes of those that people log in as, and of the host keys that they know."""
    wanted, people = look.settings.carry, of_people(look.of(plainly).run(authorized.ACCOUNTS).stdout)
    names = chosen(wanted.accounts, people)
    if unknown := [name for name in names if name not in people]:
        look.findings.error(
            "accounts",
            f"carry.accounts names {', '.join(unknown)}: the old gateway has no such account of people",
            f"it has {', '.join(people)}",
        )
    asked = accounts_as_root([people[name] for name in names if name in people]) if names else ()
    keys = hostkeys.QUESTIONS if wanted.host_keys == KEEP else ()
    refused = unreadable(look.of(plainly), *asked, *keys)
    if lines := _lines(look, [each for each in asked if each in refused]):
        look.findings.error(
            "accounts",
            "sudo on the old gateway does not let this account read what is carried with accounts",
            f"permit in sudoers (docs/privileges.md): {lines}; or leave carry.accounts empty",
        )
    why = "" if keys else "carry.host_keys; who logs in there is warned of another machine"
    if lines := _lines(look, [each for each in keys if each in refused]):
        why = f"sudo there does not let this account read them: {lines}"
    fate, kinds = Fate.DROPPED if why else Fate.KEPT, ", ".join(hostkeys.public(look.of(plainly), user=None))
    why = why or (
        f"seen: {kinds}" if kinds else "their public halves are not where they are looked for: seen in the run"
    )
    return (Carried("guest/SSH host keys", fate, why), *(_account(name, name in names) for name in people))


def _lines(look: Look, commands: Sequence[Sequence[str]]) -> str:
    return "; ".join(rule(look.settings.old.ssh.user, "root", each) for each in commands)


def _account(name: str, carried: bool) -> Carried:
    why = "if the image has none; its authorized_keys too" if carried else "carry.accounts does not name it"
    return Carried(f"guest/account[{name}]", Fate.KEPT if carried else Fate.DROPPED, why)


def database(look: Look) -> None:
    read_database(_shell(look), b"only a look")


def staging_is_not_live(look: Look) -> None:
    if look.of(chosen_staging) == look.of(identity).network:
        look.findings.error(
            "staging-is-live",
            f"{look.of(chosen_staging)} is the live network: the new guest would answer there for the live address",
            "choose another network with new.staging or --staging NETWORK; where there is none, make one without an"
            " uplink (docs/network.md)",
        )


def certificates(look: Look) -> None:
    """Read, checked and thrown away: the keys are collected in the run."""
    bundle = tls.collect(LookingShell(_shell(look)), look.of(software))
    look.findings.all += tls.judge(bundle, look.of(identity).mail_name)
    look.findings.all += as_shown.otherwise(look.of(address), bundle, look.doors.old.dial)


def nics(look: Look) -> None:
    """Those beside the live one."""
    chosen, there = look.of(live).nic, look.of(old_vm).nics
    for mac, number in Counter(nic.mac for nic in there).items():
        if number > 1:
            look.findings.error(
                "nics",
                f"the old VM has {number} NICs of the MAC {mac}: unplugging one would leave it live on the other",
                "remove one of them first; a virtio NIC and a device of the host that stand in for each other are two",
            )
    others = [nic for nic in there if nic.mac != chosen.mac and (nic.link_up or nic.stored_link_up)]
    for nic in others:
        if nic.network == chosen.network:
            look.findings.error(
                "nics",
                f"the old VM has another NIC ({nic.mac}) connected to {nic.network}: it would stay live on that one",
                "disconnect it, now and for the next start",
            )
        elif look.settings.old.live_nic is None and (why := facing_the_world(look.of(network), nic.mac)):
            look.findings.error(
                "nics",
                f"the old VM has another NIC ({nic.mac}, on {nic.network}) that faces the world: {why}",
                "it would stay live there: disconnect it, now and for the next start; or name the live one with"
                f" old.live_nic ({chosen.mac}), and the old VM stays connected with the other",
            )
        else:
            look.findings.warn(
                "nics",
                f"the live NIC is {chosen.mac}; the old VM stays connected to {nic.network} with {nic.mac}, and the"
                " new one is not connected there",
                "it takes no mail there until its guest restarts: disconnect it where mail comes that way; where"
                " administrators do, add a NIC to the new VM when it is live",
            )


def resolver(look: Look) -> None:
    own = look.of(network).resolvers.stub
    if own:
        look.findings.warn(
            "resolver",
            f"the old guest has its own resolver ({', '.join(map(str, own))})",
            "make sure that the new guest has a resolver before it sends mail",
        )
