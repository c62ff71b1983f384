"""What the steps of an update learn: one frozen group per concern."""

from dataclasses import dataclass, field

from vmmigrate.facts import Checked


@dataclass(frozen=True)
class HostState:
    """The gateway before anything was done. `settings`: `postconf -n`, name → keyed digest.

    `certificates`: port → SHA-256 of the leaf that it shows. `agent`: whether the mail agent listens where Postfix
    hands mail over. Learnt by `note`."""

    banner: str
    settings: dict[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    certificates: dict[str, str] = field(default_factory=dict)
    agent: bool = False


@dataclass(frozen=True)
class KeptPackages:
    """The installed packages that are kept on the host, name → version. Learnt by `keep`."""

    versions: dict[str, str]


@dataclass(frozen=True)
class HostIntake:
    """When the intake was closed (Unix seconds), in which boot, and what was stopped with it.

    Learnt by `close-intake` before it acts.
    """

    closed_at: float
    boot_id: str
    stopped: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostStopped:
    """The gateway's units that are stopped, and which of them start at a boot. Learnt by `stop` before it acts."""

    units: tuple[str, ...]
    enabled: tuple[str, ...]


@dataclass(frozen=True)
class DumpedDatabase:
    """Tables in the dump, which has all that came until the services were stopped. Learnt by `dump`."""

    tables: int


@dataclass(frozen=True)
class HostSnapshot:
    """The machine's snapshot: its name, and the boot of the guest in it. `ahead`: its clock before ours, in seconds.

    Learnt by `snapshot` before it acts.
    """

    name: str
    boot_id: str
    ahead: float


@dataclass(frozen=True)
class Installing:
    """What is replaced, name → version; "" of what was not installed. Learnt by `install` before it acts."""

    before: dict[str, str]


@dataclass(frozen=True)
class Fetched:
    """Names of packages that come from the host's repositories with the update, as its package tool resolved them.

    Learnt by `install` before it acts.
    """

    names: tuple[str, ...]


@dataclass(frozen=True)
class VerifiedUpdate:
    """What was compared; `drift`: names of main.cf parameters that differ from before. Learnt by `verify`."""

    checks: Checked
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenedHost:
    """When the gateway took mail again (Unix seconds), and the snapshot of before, to which nothing goes back since.

    Learnt by `open` before it acts.
    """

    opened_at: float
    snapshot: str = ""
