"""Translate pyvmomi's faults and its transport's errors into the port's, at the door: none of them passes."""

import http.client
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from hypervisors.errors import (
    HypervisorError,
    LoginRefused,
    NameTaken,
    NoRoom,
    NotFound,
    NotPermitted,
    NotSupported,
    Problem,
    Unreachable,
)
from hypervisors.wire.faults import plainly


class Busy(HypervisorError):
    """Something else works on the thing just now; it may be asked again."""


class Outdated(Busy):
    """The thing was changed since its change version was read; nothing was done."""


class WrongState(HypervisorError):
    """The thing is in no state for that. A machine that an upload holds may say so in place of Busy."""


class OtherPower(WrongState):
    """The thing went off or on since it was looked at; nothing was done."""


_MAY_NOT = "give the account the privileges that the page for VMware lists"
_SEE = "the task's entry in the vSphere client says more"
_WAIT = "something else works on it just now: wait for that task to end, then run this again"
_INVENTORY = "see the inventory in the vSphere client"
_OTHER_NAME = "choose another name, or remove what has it"
_OTHER_STORE = "free room in the datastore, or choose another"
_TOOLS = "VMware Tools does not run in the guest: install or start it, or do this from inside the guest"
_OLD = "this server cannot do that; a newer one may"
_HOST_AWAY = "is the host connected to vCenter? see it in the vSphere client"

# The first row whose fault matches counts: subclasses stand before what they derive from.
VERDICTS: tuple[tuple[type[Exception], type[Problem], str], ...] = (
    (vim.fault.PasswordExpired, LoginRefused, "the account's password has expired: set another one"),
    (vim.fault.InvalidLogin, LoginRefused, "check the account and its password; it was tried once"),
    (vim.fault.NotAuthenticated, Unreachable, "the session ended, and so did the one that replaced it: run it again"),
    (vim.fault.RestrictedVersion, NotSupported, "the host's licence does not permit this (a free ESXi refuses writes)"),
    (vmodl.fault.SecurityError, NotPermitted, _MAY_NOT),
    (vmodl.fault.ManagedObjectNotFound, NotFound, "it was removed meanwhile: see the inventory"),
    (vim.fault.NotFound, NotFound, _INVENTORY),
    (vim.fault.FileNotFound, NotFound, "see the datastore in the vSphere client"),
    (vim.fault.InvalidDatastore, NotFound, "see the datastores in the vSphere client"),
    (vim.fault.DuplicateName, NameTaken, _OTHER_NAME),
    (vim.fault.AlreadyExists, NameTaken, _OTHER_NAME),
    (vim.fault.FileAlreadyExists, NameTaken, _OTHER_NAME),
    (vim.fault.NoDiskSpace, NoRoom, _OTHER_STORE),
    (vim.fault.InsufficientStorageSpace, NoRoom, _OTHER_STORE),
    (vim.fault.TaskInProgress, Busy, _WAIT),
    (vim.fault.ConcurrentAccess, Outdated, _WAIT),
    (vim.fault.FileLocked, Busy, _WAIT),
    (vim.fault.MethodDisabled, Busy, _WAIT),
    (vim.fault.InvalidPowerState, OtherPower, _SEE),
    (vim.fault.InvalidState, WrongState, _SEE),
    (vim.fault.ToolsUnavailable, NotSupported, _TOOLS),
    (vmodl.fault.HostCommunication, Unreachable, _HOST_AWAY),
    (vmodl.fault.NotSupported, NotSupported, _OLD),
    (vmodl.fault.NotImplemented, NotSupported, _OLD),
    (vmodl.fault.MethodNotFound, NotSupported, _OLD),
    (vmodl.MethodFault, HypervisorError, _SEE),
)
TRANSPORT = (http.client.HTTPException, OSError)
# what pyvmomi raises if an answer is not SOAP, is cut short, or names what it does not know
NONSENSE = (ExpatError, zlib.error, LookupError, ValueError, ArithmeticError, AttributeError, TypeError, RecursionError)


@contextmanager
def door(thing: str) -> Iterator[None]:
    """Let faults out only as the port's; `thing` is what the message names."""
    try:
        yield
    except vmodl.MethodFault as fault:
        raise problem_of(fault, thing) from fault
    except TRANSPORT as error:
        raise Unreachable(
            f"{thing}: no answer from the server: {plainly(error)}",
            hint="check address, port and proxy; does vCenter or the host run?",
        ) from error
    except NONSENSE as error:
        raise _unreadable(thing, error) from error
    except Exception as error:
        if type(error) is Exception:  # which pyvmomi raises for a failure whose body is not a fault
            raise _unreadable(thing, error) from error
        raise


def _unreadable(thing: str, error: Exception) -> Unreachable:
    words = str(error).splitlines() or [""]
    return Unreachable(
        f"{thing}: the server's answer cannot be read: {type(error).__name__}: {words[0]}",
        hint="is this address a vCenter or an ESXi host, with no log-in page of a proxy before it?",
    )


def problem_of(fault: vmodl.MethodFault, thing: str) -> Problem:
    """What the fault means to whoever asked for `thing`."""
    for kind, problem, hint in VERDICTS:
        if isinstance(fault, kind):
            return problem(f"{thing}: {words_of(fault)}", hint=hint)
    return HypervisorError(f"{thing}: {words_of(fault)}", hint=_SEE)


def words_of(fault: vmodl.MethodFault) -> str:
    """The server's own words, else the fault's name; and the property or privileges that it names."""
    said = getattr(fault, "msg", None) or getattr(fault, "faultstring", None)
    words = str(said or type(fault).__name__.removeprefix("vim.fault.").removeprefix("vmodl.fault."))
    named = getattr(fault, "invalidProperty", None) or ", ".join(_privileges(fault))
    return f"{words} ({named})" if named else words


def _privileges(fault: vmodl.MethodFault) -> list[str]:
    """Those that NoPermission names: all of them from 7.0.3.2 on, before that the first."""
    several = [each for missing in getattr(fault, "missingPrivileges", None) or () for each in missing.privilegeIds]
    return list(dict.fromkeys(several or filter(None, [getattr(fault, "privilegeId", None)])))
