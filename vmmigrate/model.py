"""The nouns of a migration: Plan, Premise, and the Facts that steps learn. Read this first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from pydantic import TypeAdapter

from hypervisors import Carried, Image, Network, VmRef
from vmmigrate.addressing import Addressing, addressing
from vmmigrate.findings import Finding


@dataclass(frozen=True)
class Premise:
    """A premise of the plan. A run refuses to start if it no longer holds."""

    name: str
    value: str


@dataclass(frozen=True)
class Identity:
    """The gateway's identity, as the world sees it. `address` in CIDR form.

    `hostname`: as the guest's `hostname` prints it; `fqdn`: as its /etc/hosts completes that; `mail_name`:
    Postfix's myhostname, by which it greets. `whole`: all that its live NIC has; a plan of an earlier version has
    only address, gateway and dns.
    """

    hostname: str
    fqdn: str
    mail_name: str
    address: str
    gateway: str | None
    dns: tuple[str, ...]
    mac: str
    network: Network
    whole: Addressing | None = None

    @property
    def addressing(self) -> Addressing:
        """What the new guest's live NIC gets."""
        return self.whole or addressing(self.address, self.gateway, self.dns)

    @property
    def host(self) -> str:
        """The bare address, without the prefix length."""
        return self.address.partition("/")[0]


CARRY, LEAVE, REFUSE = "carry", "leave", "refuse"  # what becomes of mail that waits in the old gateway


@dataclass(frozen=True)
class Plan:
    """Decisions, not commands, and no secret. Sizes in bytes."""

    hypervisor: str
    old: VmRef
    old_version: str
    identity: Identity
    image: Image
    new_name: str
    store: str
    staging: Network
    staging_first: bool
    vcpus: int
    memory: int
    firmware: str | None = None
    disk_bus: str | None = None  # None for either: as the old VM's
    folder: str | None = None  # None: the old VM's
    like_old: tuple[str, ...] | None = None  # None: what the hypervisor carries by itself
    properties: Mapping[str, str | None] = field(default_factory=dict)  # vApp's, by key; None stands for a secret
    new_mac: str | None = None  # None: the old one's, which is kept wherever the hypervisor permits it
    insecure: tuple[str, ...] = ()  # every option that disables a check; the report repeats them
    premises: tuple[Premise, ...] = ()
    findings: tuple[Finding, ...] = ()
    carried: tuple[Carried, ...] = ()  # of the old VM; a plan of an earlier version has none
    retired_name: str = ""  # the old VM's after `finish`, when the new one gets its name; '' leaves both as they are
    restarts_for_name: bool = False  # for which the hypervisor wants the new VM to be off
    mail_queue: str = REFUSE  # as settings.mail.queue; a plan of an earlier version refuses
    run_id: str = ""  # of the run that it plans; a plan of an earlier version has none
    same_lan: str = ""  # the new VM's own address on the live network, where it is prepared on that; in CIDR form

    @property
    def names(self) -> Mapping[str, str]:
        """Whose place is taken by whom."""
        return {"old": self.old.name, "new": self.new_name}

    @property
    def concerns(self) -> tuple[str, ...]:
        """Names and ids by which a person asks for its runs."""
        return (self.old.name, self.old.id, self.new_name, *filter(None, (self.retired_name,)))

    @property
    def final_name(self) -> str:
        """The new VM's after `finish`."""
        return self.old.name if self.retired_name else self.new_name

    @property
    def live_mac(self) -> str:
        """Of the new VM's live NIC."""
        return self.new_mac or self.identity.mac

    def broken_premises(self, now: "Plan") -> tuple[tuple[Premise, Premise | None], ...]:
        """Premises of this plan that no longer hold, each with its present value."""
        current = {premise.name: premise for premise in now.premises}
        pairs = ((premise, current.get(premise.name)) for premise in self.premises)
        return tuple((then, at) for then, at in pairs if at is None or at.value != then.value)


@cache
def _plans() -> TypeAdapter[Plan]:
    """Made once: that takes longer than reading a plan."""
    return TypeAdapter(Plan)


def plan_to_json(plan: Plan) -> str:
    return _plans().dump_json(plan, indent=2).decode()


def plan_from_json(text: str) -> Plan:
    """Raises ValueError if the text is not a plan."""
    return _plans().validate_json(text)
