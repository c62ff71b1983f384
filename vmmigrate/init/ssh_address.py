"""Find the old gateway: an address where SSH answers with a trusted host key."""

import ipaddress
import socket
from contextlib import closing

from hypervisors import GuestAgent, Hypervisor, Inventory, Problem, TrustRefused, Unreachable
from hypervisors.wire import bracketed
from hypervisors.wire.ssh import HostKey, fingerprint_of_key, host_key_seen, known_fingerprints
from vmmigrate.errors import UsageProblem
from vmmigrate.init.conversation import Conversation
from vmmigrate.settings.sides import JumpSettings

_KEY_FILES = {"ssh-ed25519": "ed25519", "ecdsa": "ecdsa", "ssh-rsa": "rsa"}
_COMPARE = "compare it with the one at the gateway's own screen (the hypervisor's console viewer); as root, run"


def reach(talk: Conversation, hypervisor: Hypervisor, inventory: Inventory) -> str:
    """An address where SSH answers with a trusted host key."""
    every = {each.address for each in hypervisor.addresses(inventory.vm)}
    reported = sorted({each for each in every if ":" not in each} or every)
    if len(reported) > 1:
        talk.dialogue.note(
            f"the hypervisor reports several addresses: {', '.join(reported)}; give the one that receives mail"
        )
    default, port = reported[0] if len(reported) == 1 else None, 22
    while True:
        try:
            address = _address(talk, talk.dialogue.text(f"Address of {inventory.vm.name}", default))
            port = talk.dialogue.port("Its SSH port", port)
            seen = _host_key(talk, address, port)
        except Unreachable as problem:
            talk.dialogue.bad(problem)
            _ask_for_jump(talk)
            continue
        except Problem as problem:
            talk.dialogue.bad(problem)
            continue
        remark = (
            "reported by the hypervisor; SSH answers there" if address in reported else "entered; SSH answers there"
        )
        talk.answers.put("old.address", address, remark)
        talk.answers.put("old.ssh.port", port, "SSH answers there")
        talk.answers.put("old.ssh.host_key", seen.fingerprint, _trust(talk, hypervisor, inventory, seen))
        return address


def _host_key(talk: Conversation, address: str, port: int) -> HostKey:
    with closing(talk.doors()) as doors:
        return host_key_seen(address, port, known_hosts=talk.known_hosts, dial=doors.old.dial)


def _ask_for_jump(talk: Conversation) -> None:
    """Without an answer there is none, even if one was given before."""
    url = talk.dialogue.optional("Is there a jump host in front of it? ssh://USER@HOST, or nothing")
    try:
        talk.answers.put("old.via", JumpSettings(url=url).url if url else None, "entered; ssh-agent has the key for it")
    except ValueError:
        talk.dialogue.note(f"{url!r} is not such a URL: ssh://USER@HOST or ssh://USER@HOST:PORT")


def _address(talk: Conversation, answer: str) -> str:
    """Resolve a name, because the plan compares addresses. Raises UsageProblem."""
    try:
        return str(ipaddress.ip_address(answer))
    except ValueError:
        pass
    try:
        known = socket.getaddrinfo(answer, None, type=socket.SOCK_STREAM)
        found = min(known, key=lambda each: each[0] != socket.AF_INET)[4][0]
    except OSError as error:
        raise UsageProblem(f"{answer!r} has no address: {error.strerror}", hint="give its address") from error
    talk.dialogue.good(f"{answer} is {found}")
    return str(found)


# ---- the host key --------------------------------------------------------------------------------------------


def _trust(talk: Conversation, hypervisor: Hypervisor, inventory: Inventory, seen: HostKey) -> str:
    """Who vouches for the key. Raises TrustRefused if nobody does."""
    host, port = talk.answers.get("old.address"), talk.answers.get("old.ssh.port")
    known = known_fingerprints(host, port, talk.known_hosts)
    if seen.fingerprint in known:
        talk.dialogue.good(f"SSH answers; its host key {seen.fingerprint} is in {talk.known_hosts}")
        return "from known_hosts"
    kind = seen.line.split()[0]
    talk.dialogue.good(f"SSH answers; it shows the host key {kind} {seen.fingerprint}")
    if known:
        talk.dialogue.note(f"WARNING: {talk.known_hosts} has another for it: {', '.join(known)}")
        talk.dialogue.note("either the gateway was reinstalled since, or somebody intercepts the connection")
    path = f"/etc/ssh/ssh_host_{_KEY_FILES.get(kind.split('-sha2')[0], 'ed25519')}_key.pub"
    inside = _reported_by_agent(hypervisor, inventory, path)
    if inside is None:
        return _compared(talk, path)
    if inside != seen.fingerprint:
        raise TrustRefused(
            f"inside {inventory.vm.name} the host key is {inside}, but {bracketed(host)}:{port} shows another",
            hint="does that address really belong to this virtual machine? if so, somebody intercepts the connection",
        )
    talk.dialogue.good("the hypervisor's guest agent reads the same key inside the virtual machine")
    return "read inside by the guest agent"


def _reported_by_agent(hypervisor: Hypervisor, inventory: Inventory, path: str) -> str | None:
    """The key read through the hypervisor, independent of the network. None without an agent."""
    try:
        if isinstance(hypervisor, GuestAgent) and hypervisor.agent_answers(inventory.vm):
            return fingerprint_of_key(hypervisor.read_guest_file(inventory.vm, path).decode())
    except (Problem, UnicodeDecodeError):
        return None
    return None


def _compared(talk: Conversation, path: str) -> str:
    talk.dialogue.note(f"{_COMPARE}:")
    talk.dialogue.note(f"    ssh-keygen -lf {path}")
    if not talk.dialogue.yes("Is it the same there?", default=False):
        raise TrustRefused(
            "the host key was not confirmed, so no password is sent there",
            hint="compare it at the gateway's own screen, then run init again",
        )
    return "shown, and compared by you"
