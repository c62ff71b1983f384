"""From a host's error to ours: by category, id and HRESULT, never by its text, which is localised.

Source of the ids and codes: Microsoft's documentation of the cmdlets and of Msvm job results, and reports of users.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hypervisors.errors import (
    BadImage,
    Busy,
    HypervisorError,
    NoRoom,
    NotPermitted,
    NotSupported,
    Problem,
    TimedOut,
    Unreachable,
)
from hypervisors.hyperv.requests import Failed, Fault
from hypervisors.words import in_one_line

_LOCKED = {"0X80070020", "0X800700AA"}
_FULL = {"0X80070070", "0X80070299"}
_DENIED = {"0X80041003", "0X80070005"}
_MEMORY = {"0X8007000E", "0X800705AA"}
_IMAGE = {"0XC03A001A", "0XC03A0001", "0XC03A0002", "0XC03A0003", "0XC03A0004", "0XC03A0005"}
_NO_MODULE = {"CommandNotFoundException", "CommandNotFound"}


@contextmanager
def door(what: str) -> Iterator[None]:
    """`what`: the thing concerned, for the message."""
    try:
        yield
    except Failed as error:
        raise problem(what, error.fault) from error


def problem(what: str, fault: Fault) -> HypervisorError | Unreachable:
    """The error that it means; HypervisorError where nothing better is known."""
    said = f"{what}: {in_one_line(fault.message)} ({fault.id or fault.reason or 'no id'})"
    codes = set(fault.codes)
    if fault.reason in _NO_MODULE or fault.name in _NO_MODULE or "0X8004100E" in codes:
        return NotSupported(
            said, hint="install the role Hyper-V with its PowerShell module on that host (Hyper-V-PowerShell)"
        )
    if fault.category == "SecurityError" or fault.reason == "PSSecurityException":
        return NotPermitted(said, hint="a policy forbids scripts there: permit them for this account")
    if codes & _FULL:
        return NoRoom(said, hint="free room on that volume, or choose another store")
    if (
        codes & _LOCKED
        or fault.name == "FileReadError"
        or (fault.category == "InvalidOperation" and fault.name == "InvalidState")
    ):
        return Busy(said, hint="wait until a merge, a backup or another program is through, then run this again")
    if codes & _IMAGE:
        return BadImage(said, hint="is the store compressed, encrypted, or a ReFS volume with integrity? take another")
    return _by_rights(fault, said, codes)


def passes(problem: Problem) -> bool:
    """Whether it says nothing of the host as such: late, busy, full, out of memory, or a transfer that failed."""
    cause = problem.__cause__
    short = isinstance(cause, Failed) and _lacks_memory(cause.fault)
    return short or isinstance(problem, (TimedOut, Busy, NoRoom)) or isinstance(cause, OSError)


def _lacks_memory(fault: Fault) -> bool:
    return bool(_MEMORY.intersection(fault.codes)) or fault.name == "OutOfMemory"


def _by_rights(fault: Fault, said: str, codes: set[str]) -> HypervisorError | Unreachable:
    if codes & _DENIED and fault.id.endswith(("StartVM", "AddVMHardDiskDrive")):
        return HypervisorError(said, hint="its disk does not admit the machine's own account: attach the disk again")
    if fault.category == "PermissionDenied" or fault.name == "AccessDenied" or codes & _DENIED:
        return NotPermitted(said, hint="the account needs to be in Hyper-V Administrators, or an administrator")
    if fault.category == "ObjectNotFound" and fault.id.endswith(
        ("GetVM", "GetVMNetworkAdapter", "GetVMNetworkAdapterVlan", "GetVMHost")
    ):
        return Unreachable(said, hint="is the service vmms running, and is the account in Hyper-V Administrators?")
    if _lacks_memory(fault):
        return HypervisorError(said, hint="the host has too little memory left: free some, or give the new VM less")
    return HypervisorError(said, hint="see the event log Hyper-V-VMMS of that host")
