"""How a hypervisor is entered: a password that is fetched when asked for, whom to trust, how long to wait."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hypervisors.errors import LoginRefused
from hypervisors.secrets import Secret
from hypervisors.trust import TlsTrust


def no_password() -> Secret:
    """For callers that have none: libvirt's own transports need none."""
    raise LoginRefused("this hypervisor needs a password, and none was given", hint="say where it comes from")


@dataclass(frozen=True)
class Access:
    """`password` is called once a log-in, so that nothing is asked for where no password is needed.

    `stall`: an upload of which no byte is taken for so many seconds is given up. libvirt has a keep-alive of its own.
    """

    password: Callable[[], Secret] = no_password
    trust: TlsTrust = field(default_factory=TlsTrust)
    stall: float = 120.0


def without_asking(url: str) -> str:
    """The same hypervisor, whose way there asks for nothing at the terminal: libvirt's ssh would ask for a password."""
    parts = urlsplit(url)
    if not parts.scheme.endswith("+ssh"):
        return url
    query = "&".join([*filter(None, [parts.query]), "no_tty=1"])
    return parts._replace(query=query).geturl() if parts.netloc else url
