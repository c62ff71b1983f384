"""Where the old gateway is, and that it is itself: an address where SSH answers with a host key that is believed."""

import ipaddress
import socket
from contextlib import closing

from hypervisors import GuestAgent, Hypervisor, Inventory, Problem, TrustRefused, Unreachable
from hypervisors.wire.ssh import HostKey, fingerprint_of_key, host_key_seen, known_fingerprints
from vmmigrate.errors import UsageProblem
from vmmigrate.init.conversation import Conversation
from vmmigrate.settings.sides import JumpSettings

_KEY_FILES = {"ssh-ed25519": "ed25519", "ecdsa": "ecdsa", "ssh-rsa": "rsa"}
_COMPARE = "compare it with the one at the gateway's own screen (the hypervisor's console viewer), where root says"


def reach(talk: Conversation, hypervisor: Hypervisor, inventory: Inventory) -> str:
    """An address where SSH answers with a host key that is believed."""
    told = sorted({each.address for each in hypervisor.addresses(inventory.vm) if ":" not in each.address})
    if len(told) > 1:
        talk.dialogue.note(f"the hypervisor tells several addresses: {', '.join(told)}; give the one that takes mail")
    default, port = told[0] if len(told) == 1 else None, 22
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
        remark = "as the hypervisor tells it; SSH answers there" if address in told else "asked; SSH answers there"
        talk.answers.put("old.address", address, remark)
        talk.answers.put("old.ssh.port", port, "SSH answers there")
        talk.answers.put("old.ssh.host_key", seen.fingerprint, _believe(talk, hypervisor, inventory, seen))
        return address


def _host_key(talk: Conversation, address: str, port: int) -> HostKey:
    with closing(talk.doors()) as doors:
        return host_key_seen(address, port, known_hosts=talk.known_hosts, dial=doors.old.dial)


def _ask_for_jump(talk: Conversation) -> None:
    """Without an answer: none, also where one was given before."""
    url = talk.dialogue.optional("Is there a jump host before it? ssh://USER@HOST, or nothing")
    try:
        talk.answers.put("old.via", JumpSettings(url=url).url if url else None, "given; ssh-agent holds the key for it")
    except ValueError:
        talk.dialogue.note(f"{url!r} is no such URL: ssh://USER@HOST or ssh://USER@HOST:PORT")


def _address(talk: Conversation, answer: str) -> str:
    """A name is looked up: the plan compares addresses. Raises UsageProblem."""
    try:
        return str(ipaddress.ip_address(answer))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(answer, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        raise UsageProblem(f"{answer!r} has no address: {error.strerror}", hint="give its address") from error
    talk.dialogue.good(f"{answer} is {found}")
    return str(found)


# ---- the host key --------------------------------------------------------------------------------------------


def _believe(talk: Conversation, hypervisor: Hypervisor, inventory: Inventory, seen: HostKey) -> str:
    """Who vouches for it. Raises TrustRefused where nobody does."""
    host, port = talk.answers.get("old.address"), talk.answers.get("old.ssh.port")
    known = known_fingerprints(host, port, talk.known_hosts)
    if seen.fingerprint in known:
        talk.dialogue.good(f"SSH answers; its host key {seen.fingerprint} is in {talk.known_hosts}")
        return "as known_hosts has it"
    kind = seen.line.split()[0]
    talk.dialogue.good(f"SSH answers; it shows the host key {kind} {seen.fingerprint}")
    if known:
        talk.dialogue.note(f"BEWARE: {talk.known_hosts} has another for it: {', '.join(known)}")
        talk.dialogue.note("either the gateway was made anew since, or somebody stands in between")
    path = f"/etc/ssh/ssh_host_{_KEY_FILES.get(kind.split('-sha2')[0], 'ed25519')}_key.pub"
    inside = _told_by_agent(hypervisor, inventory, path)
    if inside is None:
        return _compared(talk, path)
    if inside != seen.fingerprint:
        raise TrustRefused(
            f"inside {inventory.vm.name} the host key is {inside}, at {host}:{port} another is shown",
            hint="is that address really this virtual machine's? if it is, somebody stands in between",
        )
    talk.dialogue.good("the hypervisor's guest agent reads the same one inside the virtual machine")
    return "as the guest agent reads it inside"


def _told_by_agent(hypervisor: Hypervisor, inventory: Inventory, path: str) -> str | None:
    """The key read through the hypervisor, which no network can forge. None without an agent."""
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
            "the host key was not found to be the same, so no password is sent there",
            hint="compare it at the gateway's own screen, then begin anew",
        )
    return "shown, and compared by you"
