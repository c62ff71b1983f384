"""Translate libvirt's errors into the port's, at the door: no libvirtError passes."""

import errno
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import libvirt

from hypervisors.errors import (
    Ambiguous,
    HypervisorError,
    LoginRefused,
    NameTaken,
    NoRoom,
    NotFound,
    NotSupported,
    Problem,
    TrustRefused,
    Unreachable,
    Unusable,
)


@dataclass(frozen=True)
class Verdict:
    """What an error of libvirt's is in the port's terms, and what to do about it."""

    kind: type[Problem]
    hint: str


UNREACHABLE = Verdict(
    Unreachable, "check that libvirtd runs on that host and that the address is right: virsh -c {url} uri"
)
REFUSED = Verdict(LoginRefused, "use an account that may manage libvirt there (root, or the group libvirt)")
NOT_FOUND = Verdict(NotFound, "see what there is: virsh list --all, net-list --all, pool-list --all")
TAKEN = Verdict(NameTaken, "choose another name, or remove what has it")
AMBIGUOUS = Verdict(Ambiguous, "name it by its UUID")
UNSUPPORTED = Verdict(NotSupported, "this libvirt, driver or guest cannot do that; a newer one may")
NO_AGENT = Verdict(NotSupported, "the guest's agent does not answer: is qemu-guest-agent running inside?")
NO_ROOM = Verdict(NoRoom, "free room in the storage pool, or choose another")
BUSY = Verdict(HypervisorError, "something else works on it just now: wait for that to end, then run this again")
BROKEN = Verdict(HypervisorError, "the host's journal says more: journalctl -u libvirtd (or -u virtqemud)")
NOT_ACCEPTED = Verdict(
    HypervisorError, "libvirt does not accept what it was asked for: look for the name or value it complains about"
)
OTHER_HOST = Verdict(
    TrustRefused,
    "its certificate must be signed by cacert.pem and have the host's name as the URL has it: give pkipath=",
)
NO_CERTIFICATES = Verdict(
    Unusable,
    "qemu+tls:// needs cacert.pem, clientcert.pem and clientkey.pem of one authority in a folder, which pkipath= names;"
    " qemu+ssh:// needs none",
)
OTHER_SERVICE = Verdict(Unreachable, "is that the port on which libvirt listens for TLS (16514)?")
HOST_KEY = Verdict(
    TrustRefused,
    "name a file that has the host's key, known_hosts=; or give qemu+ssh://, which shows the key and pins it",
)
KEY_REFUSED = Verdict(
    LoginRefused,
    "give keyfile= of a key without passphrase that the account accepts, or sshauth=agent; or qemu+ssh://, which reads"
    " ~/.ssh/config",
)
NOTHING_THERE = Verdict(
    Unreachable, "does libvirtd run there, with virt-ssh-helper or netcat? qemu+ssh:// says which of them is missing"
)

# Of the same code for several causes; libvirt's own words, of its TLS, libssh2 and libssh.
_BY_WORDS = {
    "Failed to verify peer's certificate": OTHER_HOST,
    "Our own certificate": NO_CERTIFICATES,
    "Cannot read CA certificate": NO_CERTIFICATES,
    "Cannot read certificate": NO_CERTIFICATES,
    "Cannot read private key": NO_CERTIFICATES,
    "TLS handshake failed": OTHER_SERVICE,
    "Can't verify the session host key": HOST_KEY,
    "SSH HOST KEY VERIFICATION FAILED": HOST_KEY,
    "Access denied for": KEY_REFUSED,
    "authentication with private key": KEY_REFUSED,
    "error while reading private key": KEY_REFUSED,
    "private key passphrase": KEY_REFUSED,
    "connect to ssh agent": KEY_REFUSED,
    "Remote command terminated": NOTHING_THERE,
}
_BY_CODE = {
    UNREACHABLE: (
        "UNKNOWN_HOST NO_CONNECT INVALID_CONN HTTP_ERROR GET_FAILED POST_FAILED RPC GNUTLS_ERROR SSH LIBSSH"
        " NO_SERVER NO_CLIENT"
    ),
    REFUSED: "OPERATION_DENIED AUTH_FAILED AUTH_CANCELLED AUTH_UNAVAILABLE ACCESS_DENIED",
    NOT_FOUND: (
        "NO_DOMAIN NO_NETWORK NO_STORAGE_POOL NO_STORAGE_VOL NO_NODE_DEVICE NO_INTERFACE NO_NWFILTER"
        " NO_SECRET NO_DOMAIN_SNAPSHOT NO_DOMAIN_METADATA DEVICE_MISSING NO_NWFILTER_BINDING"
        " NO_DOMAIN_CHECKPOINT NO_DOMAIN_BACKUP NO_NETWORK_PORT"
    ),
    TAKEN: "DOM_EXIST NETWORK_EXIST STORAGE_VOL_EXIST NETWORK_PORT_EXIST",
    AMBIGUOUS: "MULTIPLE_INTERFACES MULTIPLE_DOMAINS",
    UNSUPPORTED: "NO_SUPPORT CONFIG_UNSUPPORTED ARGUMENT_UNSUPPORTED OPERATION_UNSUPPORTED CPU_INCOMPATIBLE",
    NO_AGENT: "AGENT_UNRESPONSIVE AGENT_UNSYNCED",
    NOT_ACCEPTED: "INVALID_ARG XML_ERROR XML_DETAIL XML_INVALID_SCHEMA PARSE_FAILED INVALID_MAC NO_NAME NO_SOURCE",
    BUSY: "OPERATION_TIMEOUT RESOURCE_BUSY BLOCK_COPY_ACTIVE",
}
# an older libvirt-python lacks the newer codes, and then its library never reports them
VERDICTS: dict[int, Verdict] = {
    getattr(libvirt, f"VIR_ERR_{name}"): verdict
    for verdict, names in _BY_CODE.items()
    for name in names.split()
    if hasattr(libvirt, f"VIR_ERR_{name}")
}

# what reading raises where a definition or an answer has another form than libvirt's
NONSENSE = (ValueError, ArithmeticError, LookupError, TypeError, RecursionError)

_INSIDE = (libvirt.VIR_FROM_SSH, libvirt.VIR_FROM_LIBSSH)  # its own SSH
_TRANSPORT = (libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE, *_INSIDE)


@contextmanager
def opening(url: str) -> Iterator[None]:
    """Let out as the port's what libvirt raises when it connects.

    Nothing is open yet, so a host whose silence libvirt cannot explain did not answer: where the far side ends at once,
    libvirt races with its own reading of it, and reports "the cause is unknown" or the bare end of the file.
    """
    try:
        yield
    except libvirt.libvirtError as error:
        verdict = UNREACHABLE if _has_no_cause(error) else _verdict(error)
        if verdict is UNREACHABLE and urlsplit(url).scheme.endswith(("+libssh", "+libssh2")):
            verdict = NOTHING_THERE
        raise _as(verdict, error, f"connection to {url}", url) from error


def _has_no_cause(error: libvirt.libvirtError) -> bool:
    """No code at all, or the internal error of nobody's, which libvirt makes up where a layer failed without a word."""
    of_nobody = error.get_error_domain() == libvirt.VIR_FROM_NONE and has_code(error, "INTERNAL_ERROR")
    return of_nobody or not error.get_error_code()


@contextmanager
def door(thing: str, url: str = "URL") -> Iterator[None]:
    """Let libvirt's errors out only as the port's; `thing` is what the message names, `url` what its hint tries."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise problem_of(error, thing, url) from error
    except NONSENSE as error:
        raise HypervisorError(
            f"{thing}: what libvirt answers cannot be read: {type(error).__name__}: {error}",
            hint="is it libvirt that answers at this URL? its version: virsh version",
        ) from error


def problem_of(error: libvirt.libvirtError, thing: str, url: str = "URL") -> Problem:
    return _as(_verdict(error), error, thing, url)


def _as(verdict: Verdict, error: libvirt.libvirtError, thing: str, url: str) -> Problem:
    return verdict.kind(f"{thing}: {error}", hint=verdict.hint.format(url=shlex.quote(url)))


def has_code(error: libvirt.libvirtError, *names: str) -> bool:
    """Whether the error is one of these, named as in libvirt without `VIR_ERR_`."""
    return error.get_error_code() in {getattr(libvirt, f"VIR_ERR_{name}", None) for name in names}


def broke_off(error: libvirt.libvirtError) -> bool:
    """Whether the connection is gone: its errors have the codes that a driver has for less."""
    return error.get_error_domain() in _TRANSPORT and _verdict(error).kind is Unreachable


def _verdict(error: libvirt.libvirtError) -> Verdict:
    system_error = error.get_int1() if has_code(error, "SYSTEM_ERROR") else None
    if system_error in (errno.ENOSPC, errno.EDQUOT):
        return NO_ROOM
    if error.get_error_domain() in _TRANSPORT:
        return _transport_verdict(error, system_error)
    return VERDICTS.get(error.get_error_code() or 0, BROKEN)


def _transport_verdict(error: libvirt.libvirtError, system_error: int | None) -> Verdict:
    """What the RPC layer reports: an unsupported call, or else the connection is not there or no more."""
    for words, verdict in _BY_WORDS.items():
        if words in str(error):
            return verdict
    if system_error == errno.EACCES:
        return REFUSED
    return VERDICTS.get(error.get_error_code() or 0, UNREACHABLE)
