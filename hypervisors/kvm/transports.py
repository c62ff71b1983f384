"""Which URLs of libvirt's are taken, by transport: each connects safely, or is refused with what to give instead."""

from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from hypervisors.access import SshAccess
from hypervisors.errors import NotSupported, Unusable

_SSH = "give qemu+ssh://USER@HOST/system"
_LOCAL = ("", "unix")
_IN_PROCESS = ("libssh", "libssh2")  # libvirt's own SSH: no child process, no ssh_config
_TRANSPORTS = (*_LOCAL, "ssh", *_IN_PROCESS, "tls", "tcp")
_DAEMONS = ("/system", "/session")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OWN_SSH = frozenset(("keyfile", "known_hosts", "netcat", "socket", "proxy", "mode", "no_tty", "no_sanity"))

# What would lead elsewhere, or trust anybody: each with what to do instead.
_REFUSED = {
    "command": "leave it out: ssh is called by its own name, and reads its own configuration (ProxyJump, Port, …)",
    "no_verify": "leave it out and pin the host's key: hypervisor.host_key = 'SHA256:…'",
    "root": "libvirt's embedded driver is not for machines that have to outlive this program: give qemu:///system",
}


def checked(url: str) -> SplitResult:
    """Raises NotSupported for what is refused, before anything is connected to."""
    parts = _split(url)
    scheme, transport = scheme_of(parts)
    if transport not in _TRANSPORTS:
        raise _refused(url, f"the transport {transport!r} is not supported", _SSH)
    if scheme == "qemu" and parts.path.rstrip("/") not in _DAEMONS:
        raise _refused(url, f"its path is {parts.path or '/'!r}", "a path is /system, or /session for a user's own")
    _check_host(url, parts, transport)
    given = parameters(parts)
    for name in given.keys() & _REFUSED.keys():
        if given[name] not in ("", "0") or name == "command":
            raise _refused(url, f"{name}= is not supported", _REFUSED[name])
    if given.get("known_hosts_verify", "normal") != "normal":
        raise _refused(url, "known_hosts_verify= trusts any host", "leave it out, and have its key in known_hosts")
    if transport == "ssh" and (unknown := sorted(given.keys() - _OWN_SSH - _REFUSED.keys())):
        known = ", ".join(sorted(_OWN_SSH))
        raise _refused(url, f"{', '.join(unknown)} has no meaning over ssh", f"leave it out; these have: {known}")
    return parts


def scheme_of(parts: SplitResult) -> tuple[str, str]:
    """The driver and the transport, '' where none is named: a URL with a host then means tls."""
    driver, _, transport = parts.scheme.partition("+")
    return driver, transport or ("tls" if parts.netloc else "")


def parameters(parts: SplitResult) -> Mapping[str, str]:
    """By name; as libvirt reads them, a plus sign is no space."""
    pairs = [pair.partition("=") for pair in parts.query.replace(";", "&").split("&") if pair]
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- it is what raises, as a bracket that is not closed
    except ValueError as error:
        raise _refused(url, str(error), "brackets are for IPv6, and a port is a number from 1 to 65535") from error
    return parts


def _check_host(url: str, parts: SplitResult, transport: str) -> None:
    if transport in _LOCAL:
        if parts.hostname:
            raise _refused(url, "a socket of this machine has no host", "leave the host out, or name qemu+ssh")
        return
    if not parts.hostname:
        raise _refused(url, "it names no host", f"give qemu+{transport}://HOST/system")
    if parts.hostname.startswith("-"):
        raise _refused(url, "its host begins with a dash", _SSH)
    if transport == "tcp" and parts.hostname not in _LOOPBACK:
        hint = "keys and mail would pass in clear text: give qemu+ssh:// or qemu+tls://"
        raise _refused(url, "tcp is not encrypted", hint)


def _refused(url: str, why: str, hint: str) -> NotSupported:
    return NotSupported(f"hypervisor URL {url!r}: {why}", hint=hint)


def refuse_ssh_settings(url: str, access: SshAccess) -> None:
    """Raises Unusable: a pin that nobody looks at must not look like one."""
    given = [name for name, value in vars(access).items() if value is not None]
    if given:
        raise Unusable(
            f"hypervisor.{given[0]} is for qemu+ssh:// and hyperv+ssh:// alone, and the URL is {url}",
            hint="leave it out, or reach libvirt by qemu+ssh://USER@HOST/system",
        )
