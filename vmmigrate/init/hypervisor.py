"""The hypervisor: its URL, the old virtual machine, a staging network and a storage pool to choose."""

from hypervisors import (
    Access,
    GuestCommands,
    Hypervisor,
    Inventory,
    LoginRefused,
    Network,
    PowerState,
    Problem,
    Secret,
    SshAccess,
    TlsTrust,
    TrustRefused,
)
from vmmigrate.errors import PlanRefused
from vmmigrate.init import certificates
from vmmigrate.init.conversation import Conversation, Refusals
from vmmigrate.model import Identity
from vmmigrate.plan import beside, placement
from vmmigrate.show.sizes import size

DEFAULT = "qemu:///system"
HOST_KEY = "hypervisor.host_key"
PASSWORD = "hypervisor.password"  # noqa: S105 -- the name of a setting


def find_vm(talk: Conversation, old: str, url: str | None) -> tuple[Hypervisor, Inventory]:
    """Connected, and the old virtual machine running there. The caller closes it. `url`: not asked at first.

    Raises LoginRefused after too many refusals.
    """
    refusals = Refusals(talk.dialogue, "the hypervisor")
    given = url
    while True:
        where = given or talk.dialogue.text("Hypervisor URL", url or DEFAULT)
        given, url = None, where
        hypervisor = _connected(talk, where, refusals)
        if hypervisor is None:
            continue
        try:
            inventory = _running(hypervisor, old)
        except Problem as problem:
            hypervisor.close()
            talk.dialogue.bad(problem)
            old = talk.dialogue.text("The old virtual machine, by name or UUID", old)
            continue
        except BaseException:
            hypervisor.close()
            raise
        talk.answers.put("hypervisor.url", where, f"{inventory.vm.name} runs there")
        talk.dialogue.good(f"{inventory.vm.name} runs at {where}")
        return hypervisor, inventory


def _connected(talk: Conversation, where: str, refusals: Refusals) -> Hypervisor | None:
    """None if it is not there, which is reported. One attempt per password, one comparison per certificate."""
    talk.secrets.pop(PASSWORD, None)
    talk.answers.put("hypervisor.fingerprint", None, "")
    talk.answers.put(HOST_KEY, None, "")
    while True:
        try:
            return talk.connect(where, _access(talk, where, refusals))
        except LoginRefused as problem:
            if PASSWORD not in talk.secrets:  # SSH's or TLS's own log-in, if nothing was asked
                talk.dialogue.bad(problem)
                return None
            refusals.add(where, talk.secrets.pop(PASSWORD), problem)
        except TrustRefused as problem:
            talk.dialogue.bad(problem)
            if not _is_trusted(talk, where, problem):
                return None
        except Problem as problem:
            talk.dialogue.bad(problem)
            return None


def _access(talk: Conversation, where: str, refusals: Refusals) -> Access:
    """Ask for a password if this kind of hypervisor needs one."""

    def password() -> Secret:
        while PASSWORD not in talk.secrets:
            typed = talk.dialogue.secret(f"Password for {where}")
            if not refusals.knows(where, typed):
                talk.secrets[PASSWORD] = typed
        return talk.secrets[PASSWORD]

    ssh = SshAccess(host_key=talk.answers.get(HOST_KEY))
    return Access(password, TlsTrust(talk.answers.get("hypervisor.fingerprint")), ssh=ssh)


def _is_trusted(talk: Conversation, where: str, problem: TrustRefused) -> bool:
    """Whether the operator has compared what it shows; then it is pinned."""
    if where.startswith("vsphere://"):
        return _compared(talk, where)
    return (
        "+ssh://" in where
        and problem.seen is not None
        and _host_key_compared(talk, where.partition(":")[0], problem.seen)
    )


_SHOWS_KEYS = {
    "": "for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $key; done",
    "hyperv+ssh": r"Get-ChildItem $env:ProgramData\ssh\ssh_host_*_key.pub | ForEach-Object { ssh-keygen -lf $_ }",
}


def _host_key_compared(talk: Conversation, scheme: str, seen: str) -> bool:
    talk.dialogue.note(f"it shows the SSH host key {seen}; compare it on that host's own screen:")
    talk.dialogue.note(f"    {_SHOWS_KEYS.get(scheme.lower(), _SHOWS_KEYS[''])}")
    if not talk.dialogue.yes("Is it among those?", default=False):
        return False
    talk.answers.put(HOST_KEY, seen, "shown, and compared by you")
    return True


def _compared(talk: Conversation, where: str) -> bool:
    try:
        return certificates.compared(talk, certificates.shown_at(where), "hypervisor.fingerprint")
    except Problem as problem:
        talk.dialogue.bad(problem)
        return False


def _running(hypervisor: Hypervisor, old: str) -> Inventory:
    inventory = hypervisor.inventory(hypervisor.find(old))
    if inventory.power is not PowerState.RUNNING:
        raise PlanRefused(f"{inventory.vm.name} is not running", hint="start it, then run init again")
    return inventory


# ---- staging -------------------------------------------------------------------------------------------------


def choose_staging(talk: Conversation, hypervisor: Hypervisor, identity: Identity) -> None:
    """A network for the new VM's second NIC: never the live one."""
    talk.dialogue.say("It is prepared over a staging network, which only this workstation reaches:")
    fit: list[Network] = []
    for network in hypervisor.networks():
        why = _unfit(network, identity)
        if why:
            talk.dialogue.note(f"not {network}: {why}")
        else:
            fit.append(network)
    has_bridges = not any(network.kind == "switch" for network in hypervisor.networks())
    bridge = ["another: a bridge of the host, by its name"] if has_bridges else []
    one = [f"none: on {identity.network} itself, at an address of its own"] if _has_beside(hypervisor, identity) else []
    chosen = talk.dialogue.one_of("Staging network", [*map(str, fit), *bridge, *one])
    if chosen < len(fit):
        talk.answers.put("new.staging", str(fit[chosen]), "chosen from the hypervisor's list")
        return
    if chosen == len(fit) + len(bridge):
        _ask_beside(talk, identity)
        return
    name = _bridge(talk, identity)
    talk.answers.put("new.staging", f"bridge:{name}", "given by name: the hypervisor lists no bridges")


def _unfit(network: Network, identity: Identity) -> str:
    if network == identity.network:
        return "it is the live network; the new VM would answer there for the live address"
    return "" if network.active else "it is not active"


def _has_beside(hypervisor: Hypervisor, identity: Identity) -> bool:
    """Whether the new VM can be prepared on the live network: its agent must isolate it, and the address be of IPv4."""
    try:
        beside.subnet_of(identity)
    except PlanRefused:
        return False
    return isinstance(hypervisor, GuestCommands)


def _ask_beside(talk: Conversation, identity: Identity) -> None:
    talk.dialogue.say("Its guest agent isolates it before its cable is plugged in; the image must have one (qemu-ga).")
    while True:
        given = talk.dialogue.text(f"A free address of {beside.subnet_of(identity).network}, outside of DHCP's")
        try:
            beside.refuse_unfit(given, identity)
        except PlanRefused as refused:
            talk.dialogue.bad(refused)
            continue
        talk.answers.put("new.staging", placement.SAME_LAN, "there is one network only")
        talk.answers.put("new.staging_address", given, "the plan asks by ARP whether somebody has it")
        return


def _bridge(talk: Conversation, identity: Identity) -> str:
    while True:
        name = talk.dialogue.text("The bridge's name").removeprefix("bridge:")
        if Network(name, "bridge") != identity.network:
            return name
        talk.dialogue.note("that is the live network; the new VM would answer there for the live address")


# ---- the pool ------------------------------------------------------------------------------------------------


def choose_store(talk: Conversation, hypervisor: Hypervisor, old: Inventory) -> None:
    """For the new disk: the old VM's pool first, as in a plan, then those with the most free space.

    Raises PlanRefused if there is none.
    """
    talk.dialogue.say("The storage pool for the new disk:")
    olds = old.disks[0].store if old.disks else ""
    stores = sorted(hypervisor.stores(), key=lambda store: (store.name != olds, -store.available))
    fit = [store for store in stores if store.active]
    for store in stores:
        if not store.active:
            talk.dialogue.note(f"not {store.name}: it is not active")
    if not fit:
        raise PlanRefused(
            "there is no active storage pool or datastore", hint="start or create one, then run init again"
        )
    lines = [f"{store.name}: {size(store.available)} free of {size(store.capacity)}" for store in fit]
    if fit[0].name == olds and len(fit) > 1:
        lines[0] += ", with the old VM's disk"
    chosen = fit[talk.dialogue.one_of("Storage pool", lines)]
    talk.answers.put("hypervisor.store", chosen.name, f"{size(chosen.available)} free when it was chosen")
