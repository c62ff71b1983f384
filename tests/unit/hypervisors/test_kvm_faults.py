"""Every error code of libvirt's has a verdict in the port's terms, and no libvirtError passes the door."""

import errno

import pytest

from hypervisors import (
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

libvirt = pytest.importorskip("libvirt", reason="needs libvirt-python")
from hypervisors.kvm import faults  # noqa: E402 -- it imports libvirt

CODES = sorted(
    {
        value: name.removeprefix("VIR_ERR_")
        for name, value in vars(libvirt).items()
        # NONE, WARNING and ERROR are levels, not codes
        if name.startswith("VIR_ERR_") and name not in ("VIR_ERR_NONE", "VIR_ERR_WARNING", "VIR_ERR_ERROR")
    }.items()
)
RPC = libvirt.VIR_FROM_RPC


def raised(code: int, domain: int = libvirt.VIR_FROM_QEMU, words: str = "its words", int1: int = -1) -> Problem:
    """What comes out of the door where libvirt raises this inside."""
    error = libvirt.libvirtError("x")
    error.err = (code, domain, words, 2, "", "", "", int1, -1)
    error.args = (words,)
    with pytest.raises(Problem) as caught, faults.door("the thing"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize(("code", "name"), CODES, ids=[name for _, name in CODES])
def test_every_code_becomes_a_problem_with_thing_words_and_hint(code: int, name: str) -> None:
    problem = raised(code)
    assert str(problem) == "the thing: its words"
    assert problem.hint
    assert isinstance(problem, HypervisorError | Unreachable | LoginRefused)


@pytest.mark.parametrize(("code", "name"), CODES, ids=[name for _, name in CODES])
def test_missing_and_existing_things_are_told_by_their_code(code: int, name: str) -> None:
    if name.startswith("NO_") and name.removeprefix("NO_") in THINGS:
        assert type(raised(code)) is NotFound
    elif name.endswith("_EXIST"):
        assert type(raised(code)) is NameTaken
    elif name.endswith("_UNSUPPORTED") or name == "NO_SUPPORT":
        assert type(raised(code)) is NotSupported
    elif name.startswith("AUTH_"):
        assert type(raised(code)) is LoginRefused


THINGS = (
    *("DOMAIN", "DOMAIN_SNAPSHOT", "DOMAIN_METADATA", "DOMAIN_CHECKPOINT", "DOMAIN_BACKUP", "NETWORK"),
    *("NETWORK_PORT", "INTERFACE", "NWFILTER", "NWFILTER_BINDING", "STORAGE_POOL", "STORAGE_VOL"),
    *("NODE_DEVICE", "SECRET"),
)


def test_codes_named_in_the_table_exist() -> None:
    names = {name for group in faults._BY_CODE.values() for name in group.split()}
    assert names - {name for _, name in CODES} == set()


@pytest.mark.parametrize(
    ("code", "words", "int1", "kind"),
    [
        (libvirt.VIR_ERR_SYSTEM_ERROR, "Cannot recv data: Connection reset by peer", errno.ECONNRESET, Unreachable),
        (libvirt.VIR_ERR_INTERNAL_ERROR, "client socket is closed", -1, Unreachable),
        (libvirt.VIR_ERR_SYSTEM_ERROR, "Failed to connect socket", errno.ENOENT, Unreachable),
        (libvirt.VIR_ERR_SYSTEM_ERROR, "Failed to connect socket", errno.EACCES, LoginRefused),
        (libvirt.VIR_ERR_AUTH_FAILED, "Failed to verify peer's certificate", -1, TrustRefused),
        (libvirt.VIR_ERR_AUTH_FAILED, "TLS handshake failed: pull", -1, Unreachable),
        (libvirt.VIR_ERR_SYSTEM_ERROR, "Cannot read CA certificate '/x': none", errno.ENOENT, Unusable),
        (libvirt.VIR_ERR_AUTH_FAILED, "authentication failed", -1, LoginRefused),
        (libvirt.VIR_ERR_NO_SUPPORT, "this function is not supported", -1, NotSupported),
    ],
)
def test_what_the_transport_reports(code: int, words: str, int1: int, kind: type[Problem]) -> None:
    assert type(raised(code, RPC, words, int1)) is kind


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_room(number: int) -> None:
    problem = raised(libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_STREAMS, "cannot write", number)
    assert type(problem) is NoRoom


def test_problems_pass_the_door_as_they_are() -> None:
    problem = NotFound("gone", hint="look")
    with pytest.raises(NotFound) as caught, faults.door("the thing"):
        raise problem
    assert caught.value is problem


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("qemu+libssh2://h/system", "qemu+ssh://"),
        ("qemu+libssh://h/system", "qemu+ssh://"),
        ("qemu+tls://h/", "virsh -c"),
    ],
)
@pytest.mark.parametrize("err", [None, (38, libvirt.VIR_FROM_RPC, "End of file", 2, "", "", "", errno.EIO, -1)])
def test_a_far_side_that_ends_before_libvirt_can_say_why_is_out_of_reach(
    url: str, named: str, err: tuple[object, ...] | None
) -> None:
    error = libvirt.libvirtError("x")
    error.err = err
    with pytest.raises(Unreachable) as caught, faults.opening(url):
        raise error
    assert named in caught.value.hint


def test_what_libvirt_cannot_explain_later_is_no_lost_connection() -> None:
    error = libvirt.libvirtError("x")
    error.err = None
    with pytest.raises(HypervisorError), faults.door("the thing"):
        raise error
