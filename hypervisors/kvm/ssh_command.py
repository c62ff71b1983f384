"""The command line of the ssh that carries a connection to libvirt, and what it runs on the other side."""

import shlex
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote

from hypervisors.access import SshAccess
from hypervisors.errors import NotSupported
from hypervisors.kvm.transports import parameters, scheme_of

NO_PROXY = "vmmigrate: no virt-ssh-helper and no netcat"  # said on the other side
_SOCKET = "/var/run/libvirt/libvirt-sock"
# Nobody is asked, nobody new is trusted; from ssh's own configuration comes the way to the host, and no more.
_ALWAYS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ConnectTimeout=20",
    "ConnectionAttempts=1",
    "ServerAliveInterval=10",  # so that ssh ends by itself where the host went away and nobody is left to end it
    "ServerAliveCountMax=3",
    "ControlPath=none",  # a shared connection was verified by another process, and ends with it
    "RemoteCommand=none",
    "RequestTTY=no",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "LogLevel=DEBUG1",  # with it ssh names the host key that it saw
)


def command_line(parts: SplitResult, access: SshAccess, *, without_keys: tuple[str, ...] = ()) -> list[str]:
    """`without_keys`: kinds of host key that are not asked for, as the pinned one is not among them."""
    options = [*_ALWAYS, *_trust(parts, access, without_keys), *_identity(parts, access)]
    port = ["-p", str(parts.port)] if parts.port else []
    user = ["-l", unquote(parts.username)] if parts.username else []
    given = [word for option in options for word in ("-o", option)]
    return ["ssh", "-T", "-e", "none", *given, *port, *user, "--", parts.hostname or "", remote_command(parts)]


def _trust(parts: SplitResult, access: SshAccess, without_keys: tuple[str, ...]) -> Iterator[str]:
    """One place decides: the pin, else the file that was named, else what ssh is configured with."""
    file = access.known_hosts or parameters(parts).get("known_hosts")
    if access.host_key:
        yield f"KnownHostsCommand=/bin/sh -c {_quoted(_PINNED)} {access.host_key.rstrip('=')} %f %H %t %K"
        yield from ("UserKnownHostsFile=/dev/null", "CheckHostIP=no", "VerifyHostKeyDNS=no")
    elif file:
        yield f"UserKnownHostsFile={_quoted(str(file))}"
    if access.host_key or file:
        yield "GlobalKnownHostsFile=/dev/null"
    if without_keys:
        yield f"HostKeyAlgorithms=-{','.join(without_keys)}"


# ssh accepts a key that is in what this prints; first it asks for the order of kinds, and there is no key yet
_PINNED = "set -f; if test $0 = $1; then echo $2 $3 $4; fi"


def _identity(parts: SplitResult, access: SshAccess) -> Iterator[str]:
    file = access.key_file or parameters(parts).get("keyfile")
    if file:
        yield f"IdentityFile={_quoted(str(file))}"
        yield "IdentitiesOnly=yes"


def _quoted(text: str) -> str:
    """As ssh reads an argument of an option."""
    escaped = text.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def remote_command(parts: SplitResult) -> str:
    """For any log-in shell: joins ssh's streams to libvirt's socket there."""
    return f"sh -c {shlex.quote('; '.join(_proxies(parts)))}"


def _proxies(parts: SplitResult) -> Iterator[str]:
    """libvirt's own program knows where its sockets are, and starts a user's daemon; netcat is for older hosts."""
    given, proxy = parameters(parts), _proxy(parts)
    netcat = shlex.quote(given.get("netcat", "nc"))
    socket = given.get("socket", "" if parts.path.rstrip("/") == "/session" else _SOCKET)
    if proxy != "netcat":
        yield _if_there("virt-ssh-helper", f"exec virt-ssh-helper {shlex.quote(_url_there(parts))}")
    if proxy != "native" and socket:
        ends = f"if {netcat} -q 2>&1 | grep requires >/dev/null; then q=-q0; else q=; fi"  # Debian's lives on without
        yield _if_there(netcat, f"{ends}; exec {netcat} $q -U {shlex.quote(socket)}")
    yield f"echo {NO_PROXY} >&2; exit 127"


def _proxy(parts: SplitResult) -> str:
    """Raises NotSupported for a word that libvirt does not know."""
    given = parameters(parts)
    proxy = given.get("proxy") or ("netcat" if given.keys() & {"netcat", "socket"} else "auto")
    if proxy not in ("auto", "netcat", "native"):
        raise NotSupported(f"proxy={proxy} in the hypervisor's URL", hint="it is auto, netcat or native")
    return proxy


def _if_there(program: str, act: str) -> str:
    return f"if command -v {program} >/dev/null; then {act}; fi"


def _url_there(parts: SplitResult) -> str:
    mode = parameters(parts).get("mode")
    return f"{scheme_of(parts)[0]}://{parts.path}" + (f"?mode={mode}" if mode else "")
