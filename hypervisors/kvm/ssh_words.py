"""Why ssh did not lead to libvirt, by its own words and those of what it ran there."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult

from hypervisors.access import SshAccess
from hypervisors.errors import HypervisorError, LoginRefused, NotSupported, Problem, TrustRefused, Unreachable
from hypervisors.kvm.faults import REFUSED
from hypervisors.kvm.ssh_command import NO_PROXY
from hypervisors.words import in_one_line

# ssh's words are never translated
_HOST_KEY = re.compile(r"^debug1: Server host key: (\S+) (SHA256:\S+)", re.MULTILINE)
_UNTRUSTED = "Host key verification failed."
_NO_OTHER_KIND = "no matching host key type found"
_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_REFUSALS = ("Permission denied (", "Too many authentication failures")
_SOCKET_REFUSED = re.compile(r"\bPermission denied$", re.MULTILINE)
_NOT_LIBVIRT = "received from server too large"  # libvirt's, of text where it expects a packet
_TOO_OLD = re.compile(r"Bad configuration option: \"?knownhostscommand", re.IGNORECASE)
_DEBUG = re.compile(r"^debug1: .*\n?", re.MULTILINE)
_ASIDE = re.compile(r"^(Warning: .*|@+|Pseudo-terminal .*|Authenticated to .*|Transferred: .*|Bytes per second: .*|)$")
_WORDS = 3  # lines of ssh's that an error repeats


def another_key(said: str, access: SshAccess, seen: Mapping[str, str]) -> Mapping[str, str] | None:
    """The kind and fingerprint of a host key that is not the pinned one, where the server may have one that is."""
    kind, fingerprint = _key_seen(said)
    return {kind: fingerprint} if access.host_key and _UNTRUSTED in said and kind and kind not in seen else None


def _key_seen(said: str) -> tuple[str, str]:
    """Kind and fingerprint of the host's key; of a way over a jump host the last is the host's own."""
    found = list(_HOST_KEY.finditer(said))
    return (found[-1][1], found[-1][2]) if found else ("", "")


def problem(parts: SplitResult, access: SshAccess, said: str, seen: tuple[str, ...], error: Problem) -> Problem:
    """`error`: libvirt's, where ssh has no word to it. `seen`: fingerprints of host keys of earlier attempts."""
    host = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
    user, spoken = parts.username or "your user", _DEBUG.sub("", said)  # the rest of it holds our command too
    words = _last_words(spoken)
    if _UNTRUSTED in said or (seen and _NO_OTHER_KIND in said):
        return _untrusted(host, access, said, seen)
    if any(refusal in spoken for refusal in _REFUSALS):
        return _key_refused(host, user, words)
    if NO_PROXY in spoken:
        return _no_proxy(host)
    if _SOCKET_REFUSED.search(spoken):
        return LoginRefused(f"libvirt on {host} does not accept {user}: {words}", hint=REFUSED.hint)
    if _TOO_OLD.search(spoken):
        return _too_old()
    if _NOT_LIBVIRT in str(error):
        return _not_libvirt(host)
    return Unreachable(f"no way to libvirt on {host}: {words}", hint=_by_hand(parts)) if words else error


def _untrusted(host: str, access: SshAccess, said: str, seen: tuple[str, ...]) -> TrustRefused:
    shown = tuple(dict.fromkeys(filter(None, (*seen, _key_seen(said)[1]))))
    known = "or add it to known_hosts"
    if access.host_key:
        why, known = f"not the pinned {access.host_key}", ""
    elif _CHANGED in said:
        why = "not the one in known_hosts: the host was reinstalled, or somebody is in between"
        known = "or replace it in known_hosts (ssh-keygen -R)"
    else:
        why = "not in known_hosts"
    pin = f"pin it: hypervisor.host_key = {shown[0] if shown else 'SHA256:…'!r}"
    return TrustRefused(
        f"the SSH host key of {host}, {' and '.join(shown) or 'which it does not show'}, is {why}",
        hint="compare it with what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub prints on that host;"
        f" if it is the same, {', '.join(filter(None, (pin, known)))}",
        seen=shown[0] if shown else None,
    )


def _key_refused(host: str, user: str, words: str) -> LoginRefused:
    return LoginRefused(
        f"SSH at {host} refused {user}: {words}",
        hint="no password is asked for: give a key that this account accepts, in ssh-agent (ssh-add), in ~/.ssh/config"
        " or as hypervisor.key_file; it was tried once and is not tried again",
    )


def _no_proxy(host: str) -> NotSupported:
    return NotSupported(
        f"{host} has nothing that connects ssh to libvirt's socket: no virt-ssh-helper, and no netcat",
        hint="install it there: virt-ssh-helper comes with libvirt 6.8 and later (Debian: libvirt-daemon; Fedora and"
        " RHEL: libvirt-daemon-common); for older ones netcat-openbsd or nmap-ncat",
    )


def _too_old() -> NotSupported:
    return NotSupported(
        "this workstation's ssh is older than OpenSSH 8.5 and cannot pin a host key by hypervisor.host_key",
        hint="name a file in place of it, hypervisor.known_hosts, with a line of the host's key",
    )


def _not_libvirt(host: str) -> HypervisorError:
    return HypervisorError(
        f"{host}: what answers over ssh is not libvirt",
        hint="a start file of the account's shell there writes to standard output (ssh HOST true shows it); have it"
        " write nothing where no person logs in",
    )


def _last_words(said: str) -> str:
    lines = [line for line in said.splitlines() if not _ASIDE.match(line.strip())]
    return in_one_line("; ".join(lines[-_WORDS:])) if lines else ""


def _by_hand(parts: SplitResult) -> str:
    user = f"{parts.username}@" if parts.username else ""
    port = f"-p {parts.port} " if parts.port else ""
    return f"see whether ssh gets there, and libvirt answers: ssh {port}{user}{parts.hostname} virsh uri"
