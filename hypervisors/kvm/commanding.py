"""Run a command in a guest of our own through its agent, as the agent's root: no network is needed for it."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import libvirt

from hypervisors import limits
from hypervisors.errors import HypervisorError, NotSupported
from hypervisors.kvm import guest
from hypervisors.kvm.deadline import within
from hypervisors.kvm.faults import NO_AGENT, NONSENSE, door, has_code
from hypervisors.kvm.session import Session, require_ours
from hypervisors.types import Ran, VmRef
from hypervisors.waiting import REAL_TIME, NotYet, Pace, wait_for

# Of a program that is not there the agent makes an error of its own; sh says 127, as it does over SSH.
_SH = ("sh", "-c", 'exec "$@"', "sh")
_MOST = limits.AGENT_OUTPUT.most
# The agent has one class of errors only. A command that its host forbids it (RHEL's `--block-rpcs`) is named so.
_FORBIDDEN = ("has been disabled", "has not been found", "is not allowed")


def ours(session: Session, vm: VmRef, run_id: str) -> libvirt.virDomain:
    """Raises NotOurs, Unreachable."""
    what = f"guest agent of {vm.name}"

    def look() -> libvirt.virDomain:
        domain = session.domain(vm)
        with door(what):
            require_ours(domain, run_id)
        return domain

    return within(limits.LIBVIRT.most, what, look)


def run(domain: libvirt.virDomain, argv: Sequence[str], given: bytes, timeout: float, pace: Pace = REAL_TIME) -> Ran:
    """`timeout` is the command's; each question to libvirt has its own limit besides.

    Raises Unreachable, NotSupported (no agent, or none that runs commands), TimedOut, HypervisorError.
    """
    name = domain.name()
    with door(f"guest agent of {name}"):
        number = _begin(domain, argv, given)
        ended = wait_for(
            f"`{argv[0]}` in {name}",
            lambda: _ended(domain, number),
            timeout=timeout,
            clears=f"see the screen of {name}: is it very busy?",
            pace=pace,
            pause=0.05,
        )
    return _read(name, ended)


def _begin(domain: libvirt.virDomain, argv: Sequence[str], given: bytes) -> int:
    asked = {"path": _SH[0], "arg": [*_SH[1:], *argv], "capture-output": True}
    if given:
        asked["input-data"] = base64.b64encode(given).decode()
    try:
        return int(_ask(domain, "guest-exec", **asked)["pid"])
    except libvirt.libvirtError as error:
        if has_code(error, *guest.NO_ANSWER):
            raise NO_AGENT.kind(f"guest agent of {domain.name()}: {error}", hint=NO_AGENT.hint) from error
        if any(words in str(error) for words in _FORBIDDEN):
            raise NotSupported(
                f"the guest agent of {domain.name()} runs no commands: {error}",
                hint="permit it guest-exec and guest-exec-status in the image (allow-rpcs, block-rpcs in"
                " /etc/qemu/qemu-ga.conf; on RHEL /etc/sysconfig/qemu-ga)",
            ) from error
        raise
    except NONSENSE as error:
        raise _nonsense(domain.name()) from error


def _ended(domain: libvirt.virDomain, number: int) -> Mapping[str, Any]:
    said = _ask(domain, "guest-exec-status", pid=number)
    if not isinstance(said, dict) or not isinstance(said.get("exited"), bool):
        raise _nonsense(domain.name())
    if not said["exited"]:
        raise NotYet("it runs")
    return said


def _ask(domain: libvirt.virDomain, command: str, **arguments: Any) -> Any:
    """Raises Unreachable too."""
    what = f"{command} in {domain.name()}"
    return within(limits.LIBVIRT.most, what, lambda: guest.ask(domain, command, **arguments))


def _read(name: str, ended: Mapping[str, Any]) -> Ran:
    """One that a signal ended has that number, as a shell says it."""
    try:
        status = int(ended.get("exitcode", 128 + int(ended.get("signal", 0))))
        out, error = (base64.b64decode(ended.get(f"{stream}-data", "")) for stream in ("out", "err"))
    except NONSENSE as wrong:
        raise _nonsense(name) from wrong
    if ended.get("out-truncated") or ended.get("err-truncated") or len(out) + len(error) > _MOST:
        raise HypervisorError(
            f"a command in {name} printed more than {_MOST >> 20} MiB",
            hint="is its agent the distribution's own qemu-ga?",
        )
    return Ran(status, out, error)


def _nonsense(name: str) -> HypervisorError:
    return HypervisorError(
        f"the guest agent of {name} answers guest-exec with what cannot be read",
        hint="is its agent the distribution's own qemu-ga?",
    )
