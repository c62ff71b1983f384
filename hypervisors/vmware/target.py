"""What a vsphere:// URL says: server, account, and where in the inventory new things go. Pure functions."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from hypervisors.errors import NotSupported

_FORM = "give vsphere://USER@VCENTER/DATACENTER/CLUSTER-OR-HOST[/RESOURCE-POOL], or vsphere://USER@ESXI"


@dataclass(frozen=True)
class Target:
    """`datacenter`, `compute` and `pool` are '' if the URL leaves them open."""

    host: str
    port: int
    user: str
    datacenter: str
    compute: str
    pool: str

    @property
    def bracketed(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def server(self) -> str:
        """For people."""
        return self.bracketed if self.port == 443 else f"{self.bracketed}:{self.port}"


def in_url(name: str) -> str:
    """A name of the inventory as a person writes it into the URL's path, or into new.folder."""
    return "".join(f"%{ord(letter):02X}" if letter in "%/?#" else letter for letter in name)


def target_of(url: str) -> Target:
    """Raises NotSupported if `url` is none of these, or holds a password."""
    parts = urlsplit(url)
    if parts.password is not None:
        raise NotSupported(
            "the hypervisor's URL contains a password, which logs and process lists would show",
            hint="leave it out: hypervisor.password names the password's source",
        )
    names = [unquote(name) for name in parts.path.split("/") if name]
    if parts.scheme != "vsphere" or not parts.hostname or len(names) > 3 or parts.query or parts.fragment:
        raise NotSupported(f"{url!r} names no vCenter and no ESXi host", hint=_FORM)
    if not parts.username:
        raise NotSupported(f"{url!r} names no account", hint=_FORM)
    datacenter, compute, pool = (*names, "", "", "")[:3]
    return Target(parts.hostname, _port(parts, url), unquote(parts.username), datacenter, compute, pool)


def _port(parts: SplitResult, url: str) -> int:
    try:
        return parts.port or 443
    except ValueError as error:
        raise NotSupported(f"{url!r}: {error}", hint=_FORM) from error
