"""No exception of pyvmomi or of its transport passes the door: each is one of the port's, with words and a hint."""

import http.client
import socket
import ssl
import zlib
from xml.parsers.expat import ExpatError

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import VmomiSupport, vim, vmodl

from hypervisors import (
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
from hypervisors.vmware.faults import NONSENSE, TRANSPORT, VERDICTS, Busy, OtherPower, WrongState, door, words_of


def all_faults() -> list[str]:
    """The name of every fault of the API that pyvmomi knows."""
    parents = {name: definition[2] for name, definition in VmomiSupport._dataDefMap.items()}

    def is_fault(name: str | None) -> bool:
        return name == "vmodl.MethodFault" or (name is not None and is_fault(parents.get(name)))

    return sorted(name for name in parents if is_fault(name))


ALL = all_faults()


def through_the_door(error: Exception) -> Problem:
    with pytest.raises(Problem) as caught, door("the thing"):
        raise error
    return caught.value


def test_every_fault_of_the_api_becomes_one_of_ours() -> None:
    assert len(ALL) > 500
    for name in ALL:
        fault = VmomiSupport.GetVmodlType(name)()
        problem = through_the_door(fault)
        assert isinstance(problem, HypervisorError | Unreachable | LoginRefused), name
        assert problem.hint, name
        assert str(problem).startswith("the thing: "), name
        assert problem.__cause__ is fault


@pytest.mark.parametrize(("kind", "problem", "hint"), VERDICTS, ids=[row[0].__name__ for row in VERDICTS])
def test_every_row_is_reached(kind: type[Exception], problem: type[Problem], hint: str) -> None:
    """No row hides behind one before it."""
    found = through_the_door(kind())
    assert (type(found), found.hint) == (problem, hint)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (vim.fault.InvalidLogin, LoginRefused),
        (vim.fault.NotAuthenticated, Unreachable),
        (vim.fault.NoPermission, NotPermitted),
        (vim.fault.RestrictedVersion, NotSupported),
        (vim.fault.ToolsUnavailable, NotSupported),
        (vmodl.fault.ManagedObjectNotFound, NotFound),
        (vim.fault.DuplicateName, NameTaken),
        (vim.fault.NoDiskSpace, NoRoom),
        (vim.fault.FileLocked, Busy),
        (vmodl.fault.HostNotConnected, Unreachable),
        (vim.fault.InvalidState, WrongState),
        (vim.fault.InvalidPowerState, OtherPower),
    ],
)
def test_what_they_mean(fault: type[Exception], problem: type[Problem]) -> None:
    assert type(through_the_door(fault())) is problem


@pytest.mark.parametrize(
    "error",
    [
        http.client.HTTPException("503 Service Unavailable"),
        http.client.RemoteDisconnected("Remote end closed connection without response"),
        http.client.IncompleteRead(b""),
        ConnectionResetError(104, "Connection reset by peer"),
        socket.gaierror(-2, "Name or service not known"),
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_transport(error: Exception) -> None:
    assert isinstance(error, TRANSPORT)
    problem = through_the_door(error)
    assert isinstance(problem, Unreachable)
    assert "the thing: no answer from the server: " in str(problem)


@pytest.mark.parametrize(
    "error",
    [ExpatError("syntax error: line 1"), zlib.error("incorrect header"), KeyError("type"), AttributeError("x")],
    ids=lambda error: type(error).__name__,
)
def test_answers_that_make_no_sense(error: Exception) -> None:
    assert isinstance(error, NONSENSE)
    assert "the server's answer cannot be read" in str(through_the_door(error))


def test_pyvmomis_bare_exception_is_one_of_them() -> None:
    problem = through_the_door(Exception("Raising a non-exception object:\n  Attributes: …"))
    assert str(problem).endswith("cannot be read: Exception: Raising a non-exception object:")


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt()], ids=["bug", "Ctrl-C"])
def test_what_is_not_theirs_passes_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, door("the thing"):
        raise error
    assert caught.value is error


class TestWords:
    def test_the_servers_own(self) -> None:
        assert words_of(vim.fault.NotFound(msg="The object was not found")) == "The object was not found"

    def test_else_the_faults_name(self) -> None:
        assert words_of(vim.fault.FileLocked()) == "FileLocked"

    def test_which_argument(self) -> None:
        fault = vmodl.fault.InvalidArgument(msg="A specified parameter was not correct", invalidProperty="spec.name")
        assert words_of(fault) == "A specified parameter was not correct (spec.name)"

    def test_which_privilege(self) -> None:
        fault = vim.fault.NoPermission(
            msg="Permission to perform this operation was denied.", privilegeId="VApp.Import"
        )
        problem = through_the_door(fault)
        assert str(problem) == "the thing: Permission to perform this operation was denied. (VApp.Import)"
        assert "privileges" in problem.hint

    def test_all_privileges_where_the_server_tells_them(self) -> None:
        missing = [
            vim.fault.NoPermission.EntityPrivileges(entity=vim.Folder("group-v3"), privilegeIds=["VApp.Import", "A.B"]),
            vim.fault.NoPermission.EntityPrivileges(
                entity=vim.ResourcePool("resgroup-8"), privilegeIds=["VApp.Import"]
            ),
        ]
        fault = vim.fault.NoPermission(msg="denied", privilegeId="VApp.Import", missingPrivileges=missing)
        assert words_of(fault) == "denied (VApp.Import, A.B)"
