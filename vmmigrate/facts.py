"""What steps learn: one frozen group per concern, stored by its type and recorded as JSON."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from hypervisors import Network, VmRef
from vmmigrate.findings import Check, Verdict
from vmmigrate.offered import Offered


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
    """The old gateway's state, seen from inside. Learnt by `note-old`."""

    packages: dict[str, str]
    banner: str
    units: dict[str, str]  # unit → its state
    settings: dict[str, str]  # postconf -n: name → keyed digest of the value
    workstation: str  # our own address on the way there, "" behind a jump host; earlier versions: as `seen_as`
    ports: tuple[int, ...] = ()  # that it serves, seen from here; earlier versions did not look
    seen_as: str = ""  # our address as the old guest says it sees it: it decides nothing
    offers: tuple[Offered, ...] = ()  # of SMTP, seen from here; earlier versions did not ask


@dataclass(frozen=True)
class Backup:
    """The stored archive. `size` (bytes) and `sha256` are of the plain archive. Learnt by `export`."""

    name: str
    container: str
    size: int
    sha256: str
    attempts: int
    tables: dict[str, TableDigest]
    by_hand: bool = False


@dataclass(frozen=True)
class TlsKept:
    """The stored TLS pairs of the old gateway. Fingerprints are SHA-256 of the leaves. Learnt by `collect-tls`."""

    web_fingerprint: str
    smtp_fingerprint: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeptHostKeys:
    """The stored SSH host keys of the old gateway, by kind, as lines of their public half. Learnt by `collect-tls`."""

    since: ClassVar[int] = 3
    lines: dict[str, str] = field(default_factory=dict)


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


def _check_of(recorded: object) -> object:
    """Version 0.1.0 recorded a check that passed as its words."""
    return Check("in-words", recorded, "", "", Verdict.PASS) if isinstance(recorded, str) else recorded


Checked = tuple[Annotated[Check, BeforeValidator(_check_of)], ...]


@dataclass(frozen=True)
class Verified:
    """What was compared, also where something did not pass; `drift`: names of main.cf parameters that differ."""

    checks: Checked
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifiedLive:
    """The same over the live network, after the switch; its line of known_hosts. Learnt by `verify-live`."""

    checks: Checked
    known_hosts: str = ""


@dataclass(frozen=True)
class ConsoleClosed:
    """When the old console was closed to all others (Unix seconds), and the boot whose kernel has those rules.

    Learnt by `close-console` before it acts.
    """

    since: ClassVar[int] = 3
    closed_at: float
    boot_id: str


@dataclass(frozen=True)
class Intake:
    """When the old intake was closed (Unix seconds), and the boot whose kernel has those rules.

    Learnt by `close-intake` before it acts.
    """

    closed_at: float
    boot_id: str = ""  # an earlier version recorded none
    stopped: tuple[str, ...] = ()  # units that fetch or send mail, which were active
    accepted: tuple[str, ...] = ()  # ids of what the operator permits to stay otherwise than it should be


@dataclass(frozen=True)
class Frozen:
    """When the old Postfix was stopped (Unix seconds). Learnt by `carry` before it acts."""

    stopped_at: float


@dataclass(frozen=True)
class CarriedMail:
    """What waited in the old queues then: carried, by queue, or left there. Learnt by `carry`, once all is on hold.

    `manifest`: HMAC-SHA-256 of the list of messages, which is in the run's encrypted part.
    """

    messages: int = 0
    queues: dict[str, int] = field(default_factory=dict)
    recipients: int = 0
    manifest: str = ""
    left: int = 0


@dataclass(frozen=True)
class CarriedBack:
    """What the new gateway had accepted, and not delivered, when a way back stopped it. Learnt by `open`, once all of
    it is in the run's folder; nothing where the new gateway was opened again after that.
    """

    messages: int = 0
    queues: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MailAccount:
    """What became of the mail that waited when a Postfix was stopped, in messages. Learnt by `open`, as it is let go.

    `unaccounted`: nobody knows where it is. `own`: written by the new VM itself before it was open, on hold there.
    """

    carried: int = 0
    held: int = 0
    left: int = 0
    back: int = 0
    unaccounted: int = 0
    own: int = 0


@dataclass(frozen=True)
class MailBack(MailAccount):
    """The same of a way back, and of mail that was left. Learnt by `carry`."""


@dataclass(frozen=True)
class Plugged:
    """The old VM as it was before the switch. Learnt by `switch` before it acts; all that its undo needs."""

    old_mac: str
    old_link_up: bool
    old_autostart: bool
    old_autostart_entry: str = ""  # as Inventory.autostart_entry
    new_id: str = ""  # of the VM that was to be plugged in; "": an earlier version did not record it
    old_network: Network | None = None  # with its VLAN; None: an earlier version did not record it


@dataclass(frozen=True)
class StartsAtBoot:
    """Whether the new VM starts with its host, in the old one's place. Learnt by `autostart`."""

    since: ClassVar[int] = 3  # the journal's schema: a version that begins an earlier one does not know this group
    new: bool


@dataclass(frozen=True)
class Opened:
    """When the new gateway was opened to the world (Unix seconds). Learnt by `open`.

    `own`: queue ids of what it wrote itself before, which is on hold there.
    """

    opened_at: float
    own: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostKeys:
    """The new gateway's lines of known_hosts. `kept`: the old one's public keys that it may show from then on.

    `settled`: they are in place and proved, or are not to be. `vm`: the id of the new VM. `added`: the kinds
    of which it had none. Learnt by `host-keys` before it acts, and at its end.
    """

    since: ClassVar[int] = 3
    lines: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    settled: bool = False
    vm: str = ""
    added: tuple[str, ...] = ()
