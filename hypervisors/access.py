"""How a hypervisor is entered: a password that is fetched when asked for, whom to trust, how long to wait."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypervisors.errors import LoginRefused
from hypervisors.secrets import Secret
from hypervisors.trust import TlsTrust


def no_password() -> Secret:
    """For callers that have none: libvirt's own transports need none."""
    raise LoginRefused("this hypervisor needs a password, and none was given", hint="say where it comes from")


@dataclass(frozen=True)
class SshAccess:
    """For a hypervisor that is reached over ssh: whom to trust, and with which key to log in.

    `host_key`: SHA256:…, in place of `known_hosts`; without both, what ssh is configured with.
    """

    host_key: str | None = None
    known_hosts: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class Access:
    """`password` is called once a log-in, so that nothing is asked for where no password is needed.

    `stall`: an upload of which no byte is taken for so many seconds is given up.
    """

    password: Callable[[], Secret] = no_password
    trust: TlsTrust = field(default_factory=TlsTrust)
    stall: float = 120.0
    ssh: SshAccess = SshAccess()
