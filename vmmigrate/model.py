"""The nouns of a migration: Plan, Premise, and the Facts that steps learn. Read this first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from hypervisors import Image, Network, VmRef
from vmmigrate.findings import Finding, errors


@dataclass(frozen=True)
class Premise:
    """What the plan rests on. A run refuses to start where it no longer holds."""

    name: str
    value: str


@dataclass(frozen=True)
class Identity:
    """Who the gateway is to the rest of the world. `address` in CIDR form.

    `hostname`: as the guest's `hostname` prints it; `fqdn`: as its /etc/hosts completes that; `mail_name`:
    Postfix's myhostname, by which it greets.
    """

    hostname: str
    fqdn: str
    mail_name: str
    address: str
    gateway: str | None
    dns: tuple[str, ...]
    mac: str
    network: Network

    @property
    def host(self) -> str:
        """The bare address, without the prefix length."""
        return self.address.partition("/")[0]


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
    properties: Mapping[str, str | None] = field(default_factory=dict)  # vApp's, by key; None stands for a secret
    new_mac: str | None = None  # None: the old one's, which is kept wherever the hypervisor permits it
    insecure: tuple[str, ...] = ()  # every flag that gives up a check, for the report to repeat
    premises: tuple[Premise, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def live_mac(self) -> str:
        """Of the new VM's live NIC."""
        return self.new_mac or self.identity.mac

    def blocking(self) -> tuple[Finding, ...]:
        return errors(self.findings)

    def broken_premises(self, now: "Plan") -> tuple[tuple[Premise, Premise | None], ...]:
        """Premises of this plan that no longer hold, each with what stands in its place now."""
        current = {premise.name: premise for premise in now.premises}
        pairs = ((premise, current.get(premise.name)) for premise in self.premises)
        return tuple((then, at) for then, at in pairs if at is None or at.value != then.value)


# ---- facts: one frozen group a concern -----------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """The old VM's notes and autostart as they were before the run wrote anything. Learnt by `claim`."""

    notes: str
    autostart: bool


@dataclass(frozen=True)
class TableDigest:
    """Rows of one table and a keyed digest over them."""

    count: int
    digest: str


@dataclass(frozen=True)
class OldState:
    """What the old gateway is like from inside. Learnt by `note-old`."""

    packages: dict[str, str]
    banner: str
    units: dict[str, str]  # unit → its state
    settings: dict[str, str]  # postconf -n: name → keyed digest of the value
    workstation: str  # our own address as the old guest sees it


@dataclass(frozen=True)
class Backup:
    """The archive at rest. `size` (bytes) and `sha256` are of the plain archive. Learnt by `export`."""

    name: str
    container: str
    size: int
    sha256: str
    attempts: int
    tables: dict[str, TableDigest]
    by_hand: bool = False


@dataclass(frozen=True)
class TlsKept:
    """The old TLS pairs at rest. Fingerprints are SHA-256 of the leaves. Learnt by `collect-tls`."""

    web_fingerprint: str
    smtp_fingerprint: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class TlsPort:
    """A port that shows old leaves. `fingerprints`: by kind of key ('RSA', 'ECDSA')."""

    name: str
    port: int
    starttls: bool
    fingerprints: dict[str, str]


@dataclass(frozen=True)
class TlsInstalled:
    """The new appliance's ports that have the old pairs now. Learnt by `install-tls`."""

    ports: tuple[TlsPort, ...]


@dataclass(frozen=True)
class NewVm:
    """The virtual machine that this run made. Learnt by `deploy`."""

    vm: VmRef
    live_mac: str
    staging_mac: str


@dataclass(frozen=True)
class NewGuest:
    """First contact with the new guest. Learnt by `ready`.

    `host_key`: OpenSSH SHA256 fingerprint; `trusted_by`: 'guest agent', 'operator' or '--trust-staging'.
    """

    staging_address: str
    host_key: str
    trusted_by: str
    console_url: str
    console_fingerprint: str
    workstation: str
    packages: dict[str, str]

    @property
    def console_port(self) -> int:
        return urlsplit(self.console_url).port or 443


@dataclass(frozen=True)
class Reboot:
    """The boot id that the new guest had before it was asked to restart. Learnt by `restart`."""

    boot_id: str


@dataclass(frozen=True)
class Verified:
    """What was compared and found equal, in words; `drift`: names of main.cf parameters that differ."""

    checks: tuple[str, ...]
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifiedLive:
    """The same over the live network, after the switch. Learnt by `verify-live`."""

    checks: tuple[str, ...]


@dataclass(frozen=True)
class Intake:
    """When the old intake was closed (Unix seconds). Learnt by `close-intake` before it acts."""

    closed_at: float


@dataclass(frozen=True)
class Plugged:
    """The old VM as it was before the switch. Learnt by `switch` before it acts; all that its undo needs."""

    old_mac: str
    old_link_up: bool
    old_autostart: bool
    old_autostart_entry: str = ""  # as Inventory.autostart_entry


@dataclass(frozen=True)
class Opened:
    """When the new gateway was opened to the world (Unix seconds). Learnt by `open`."""

    opened_at: float


GROUPS: tuple[type[Any], ...] = (
    Claim,
    OldState,
    Backup,
    TlsKept,
    NewVm,
    NewGuest,
    Reboot,
    TlsInstalled,
    Verified,
    VerifiedLive,
    Intake,
    Plugged,
    Opened,
)
_BY_NAME = {group.__name__: group for group in GROUPS}

G = TypeVar("G")


@dataclass(frozen=True)
class Facts:
    """All that a run knows by now: at most one value of each group."""

    _groups: Mapping[str, Any] = field(default_factory=dict)

    def find(self, group: type[G]) -> G | None:
        return cast("G | None", self._groups.get(group.__name__))

    def of(self, group: type[G]) -> G:
        """The group's value; a KeyError here is a bug in the order of the steps."""
        return cast("G", self._groups[group.__name__])

    def with_(self, value: object) -> "Facts":
        return Facts({**self._groups, type(value).__name__: value})

    def without(self, names: Iterable[str]) -> "Facts":
        gone = set(names)
        return Facts({name: value for name, value in self._groups.items() if name not in gone})


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_BY_NAME[name])


def group_to_json(value: object) -> tuple[str, Any]:
    """A group's name and its JSON form."""
    name = type(value).__name__
    return name, _adapter(name).dump_python(value, mode="json")


def group_from_json(name: str, data: object) -> object:
    """The inverse. Raises KeyError for a group that this version does not know, ValueError for bad data."""
    return cast(object, _adapter(name).validate_python(data))


def plan_to_json(plan: Plan) -> str:
    return TypeAdapter(Plan).dump_json(plan, indent=2).decode()


def plan_from_json(text: str) -> Plan:
    """Raises ValueError where the text is no plan."""
    return TypeAdapter(Plan).validate_json(text)
