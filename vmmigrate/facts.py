"""What steps learn: one frozen group a concern, kept by its type and recorded as JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from hypervisors import VmRef


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
