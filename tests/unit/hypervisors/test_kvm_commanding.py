"""A command through the guest agent: run to its end, its answer read; what the agent cannot do has its own words."""

import base64
import json
import subprocess
import threading
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest

from hypervisors import HypervisorError, NotSupported, Pace, Ran, TimedOut, Unreachable
from hypervisors.kvm import commanding, guest
from hypervisors.kvm.adapter import KvmHypervisor

DOMAIN: Any = SimpleNamespace(name=lambda: "mailgw-2")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Agent:
    """Answers `guest-exec-status` with each of these in turn, the last one for ever."""

    def __init__(self, *statuses: object, begun: object = {"pid": 7}) -> None:
        self.statuses, self.begun, self.asked = list(statuses), begun, list[dict[str, Any]]()

    def __call__(self, domain: object, request: str, timeout: int, flags: int) -> str:
        asked = json.loads(request)
        self.asked.append(asked)
        if isinstance(self.begun, Exception):
            raise self.begun
        if asked["execute"] == "guest-exec":
            return json.dumps({"return": self.begun})
        said = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return json.dumps({"return": said})


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(*statuses: object, **named: Any) -> Agent:
        made = Agent(*statuses, **named)
        monkeypatch.setattr(guest.libvirt_qemu, "qemuAgentCommand", made)
        return made

    return made


def run(argv: tuple[str, ...] = ("cat", "-"), given: bytes = b"", timeout: float = 5.0) -> Ran:
    return commanding.run(DOMAIN, argv, given, timeout)


def test_it_is_waited_for_and_its_output_read(agent: Any) -> None:
    ended = {"exited": True, "exitcode": 3, "out-data": b64(b"out\xff"), "err-data": b64(b"err")}
    asked = agent({"exited": False}, {"exited": False}, ended).asked
    assert run(given=b"secret") == Ran(3, b"out\xff", b"err")
    assert asked[0]["arguments"] == {
        "path": "sh",
        "arg": ["-c", 'exec "$@"', "sh", "cat", "-"],
        "capture-output": True,
        "input-data": b64(b"secret"),
    }
    assert [each["arguments"] for each in asked[1:]] == [{"pid": 7}] * 3


def test_one_without_input_or_output(agent: Any) -> None:
    asked = agent({"exited": True, "exitcode": 0}).asked
    assert run(("true",)) == Ran(0, b"", b"")
    assert "input-data" not in asked[0]["arguments"]


def test_one_that_a_signal_ends(agent: Any) -> None:
    agent({"exited": True, "signal": 9})
    assert run().status == 137


def test_one_that_does_not_end(agent: Any) -> None:
    agent({"exited": False})
    with pytest.raises(TimedOut, match="`cat` in mailgw-2"):
        run(timeout=0.2)


def test_one_that_lasts_longer_than_a_call_of_libvirt(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit is its own, and so is what stops it: it is not taken for a daemon that hangs, and not begun again."""
    monkeypatch.setattr(commanding, "limits", SimpleNamespace(LIBVIRT=SimpleNamespace(most=0.2)))
    asked = agent(*[{"exited": False}] * 4, {"exited": True, "exitcode": 0}).asked
    assert run() == Ran(0, b"", b"")
    assert [each["execute"] for each in asked].count("guest-exec") == 1
    assert not hasattr(KvmHypervisor.run_in_guest, "__wrapped__")


def test_a_daemon_that_hangs_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commanding, "limits", SimpleNamespace(LIBVIRT=SimpleNamespace(most=0.1)))
    monkeypatch.setattr(guest.libvirt_qemu, "qemuAgentCommand", lambda *asked: threading.Event().wait(3))
    with pytest.raises(Unreachable, match=r"guest-exec in mailgw-2: libvirt gave no answer for 0\.1 s"):
        run()


def test_it_hears_whoever_stops_the_wait(agent: Any) -> None:
    agent({"exited": False})

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commanding.run(DOMAIN, ("cat",), b"", 5.0, Pace(cancelled=stop))


@pytest.mark.parametrize(("argv", "status"), [(("no-such-program", "-x"), 127), (("sh", "-c", "exit 3"), 3)])
def test_what_it_is_given_to_run_ends_as_in_a_shell(agent: Any, argv: tuple[str, ...], status: int) -> None:
    """Of a program that is not there the agent itself would make an error."""
    asked = agent({"exited": True, "exitcode": 0}).asked
    run(argv)
    begun = asked[0]["arguments"]
    done = subprocess.run([begun["path"], *begun["arg"]], capture_output=True, check=False)
    assert done.returncode == status


@pytest.mark.parametrize(
    "words",
    [
        "guest agent command failed: Command guest-exec has been disabled: the command is not allowed",
        "internal error: unable to execute QEMU agent command 'guest-exec': The command guest-exec has not been found",
    ],
)
def test_an_agent_that_may_run_nothing(agent: Any, words: str) -> None:
    agent(begun=libvirt.libvirtError(words))
    with pytest.raises(NotSupported, match="runs no commands") as refused:
        run()
    assert "guest-exec" in refused.value.hint


def test_no_agent(agent: Any) -> None:
    silent = libvirt.libvirtError("Guest agent is not responding")
    silent.err = (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, 0, "Guest agent is not responding", 2, "", "", "", 0, 0)
    agent(begun=silent)
    with pytest.raises(NotSupported, match="guest agent of mailgw-2"):
        run()


@pytest.mark.parametrize(
    ("begun", "ended"),
    [
        ({}, {}),
        ([], {}),
        ({"pid": "x"}, {}),
        ({"pid": 7}, {}),
        ({"pid": 7}, []),
        ({"pid": 7}, {"exited": 1}),
        ({"pid": 7}, {"exited": True, "exitcode": "x"}),
        ({"pid": 7}, {"exited": True, "exitcode": 0, "out-data": 5}),
        ({"pid": 7}, {"exited": True, "exitcode": 0, "out-data": "QQ"}),
    ],
)
def test_what_no_agent_should_say(agent: Any, begun: object, ended: object) -> None:
    agent(ended, begun=begun)
    with pytest.raises(HypervisorError, match="cannot be read"):
        run()


def test_output_that_was_cut_off_is_none(agent: Any) -> None:
    agent({"exited": True, "exitcode": 0, "out-data": b64(b"x"), "out-truncated": True})
    with pytest.raises(HypervisorError, match="printed more than"):
        run()
