"""Speak with the guest agent through libvirt: no network in between, so nobody can forge its answers."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import libvirt
import libvirt_qemu

from hypervisors import limits
from hypervisors.errors import HypervisorError, NotFound
from hypervisors.kvm.faults import NO_AGENT, NONSENSE, door, has_code

_TIMEOUT = limits.AGENT.most
_LARGEST = limits.AGENT_FILE.most
_PIECE = 1 << 18
_TOTAL = limits.AGENT_TOTAL.most
_MOST_PIECES = limits.AGENT_PIECES.most
NO_ANSWER = (
    "AGENT_UNRESPONSIVE",
    "AGENT_UNSYNCED",
    "ARGUMENT_UNSUPPORTED",  # no channel for an agent
    "NO_SUPPORT",  # a driver without agents
    "OPERATION_INVALID",  # not running
)


def answers(domain: libvirt.virDomain) -> bool:
    """Whether the agent answers a ping now. Raises Unreachable if the host does not."""
    try:
        ask(domain, "guest-ping")
    except libvirt.libvirtError as error:
        if has_code(error, *NO_ANSWER):
            return False
        raise
    return True


def read_file(domain: libvirt.virDomain, path: str) -> bytes:
    """Raises NotFound, NotSupported (no agent), HypervisorError (larger than 1 MiB)."""
    with door(f"guest agent of {domain.name()}"), _opened(domain, path) as handle:
        content = b"".join(_pieces(domain, handle))
    if len(content) > _LARGEST:
        raise HypervisorError(
            f"{path} in {domain.name()} is larger than 1 MiB", hint="the agent's channel is for small files"
        )
    return content


@contextmanager
def _opened(domain: libvirt.virDomain, path: str) -> Iterator[int]:
    handle = _open(domain, path)
    try:
        yield handle
    finally:
        ask(domain, "guest-file-close", handle=handle)


def _open(domain: libvirt.virDomain, path: str) -> int:
    try:
        return int(ask(domain, "guest-file-open", path=path, mode="r"))
    except libvirt.libvirtError as error:
        if has_code(error, *NO_ANSWER):
            raise NO_AGENT.kind(f"guest agent of {domain.name()}: {error}", hint=NO_AGENT.hint) from error
        if "No such file" in str(error):  # the agent's words: it has one class of errors only
            raise NotFound(
                f"there is no {path} in {domain.name()}", hint="is it the right guest, and has it booted?"
            ) from error
        raise


def _pieces(domain: libvirt.virDomain, handle: int) -> Iterator[bytes]:
    """Until the end, or past the limit by one piece at most. A guest may say that there is more, and give nothing."""
    total, ends = 0, monotonic() + _TOTAL
    for _ in range(_MOST_PIECES):
        if total > _LARGEST:
            return
        if monotonic() > ends:
            break
        answer = ask(domain, "guest-file-read", handle=handle, count=_PIECE)
        piece = base64.b64decode(answer["buf-b64"])
        total += len(piece)
        yield piece
        if answer["eof"]:
            return
    raise HypervisorError(
        f"the guest agent of {domain.name()} does not come to the file's end",
        hint="is its agent the distribution's own qemu-ga?",
    )


def ask(domain: libvirt.virDomain, command: str, **arguments: Any) -> Any:
    """What it returns to one command of its protocol. Raises libvirtError."""
    request = json.dumps({"execute": command, "arguments": arguments})
    said = libvirt_qemu.qemuAgentCommand(domain, request, _TIMEOUT, 0)
    try:
        return json.loads(said)["return"]
    except NONSENSE as error:
        raise HypervisorError(
            f"the guest agent of {domain.name()} answers {command} with what cannot be read",
            hint="is its agent the distribution's own qemu-ga?",
        ) from error
