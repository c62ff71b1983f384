"""A guest that goes off or on between the look and the call: the setters look again, and act on what they see."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from hand_made import Answers, session_with
from pyVmomi import vim

from hypervisors import HypervisorError, NotSupported, PowerState
from hypervisors.vmware import nics, power, properties

MAC = "00:50:56:00:00:01"
REFUSED = vim.fault.InvalidPowerState(msg="The attempted operation cannot be performed in the current state")


class Machine:
    """Off or on; `meanwhile` runs once, between a look and the call that follows from it."""

    def __init__(self, state: str, meanwhile: Callable[["Machine"], None] = lambda machine: None) -> None:
        self.state, self.meanwhile = state, meanwhile
        self.tools = True
        self.calls: list[str] = []

    def PowerOnVM_Task(self) -> vim.Task:  # noqa: N802 -- pyvmomi's names
        return self._call("on", "poweredOff", "poweredOn")

    def PowerOffVM_Task(self) -> vim.Task:  # noqa: N802
        return self._call("off", "poweredOn", "poweredOff")

    def ShutdownGuest(self) -> None:  # noqa: N802
        self._call("shut down", "poweredOn", "poweredOff")

    def ReconfigVM_Task(self, spec: Any) -> vim.Task:  # noqa: N802
        [change] = spec.deviceChange
        link = change.device.connectable
        before = self.state
        self._call(f"connected={link.connected}, start={link.startConnected}", before, before)
        return vim.Task("task-1")

    def _call(self, what: str, needs: str, becomes: str) -> vim.Task:
        self.calls.append(what)
        act, self.meanwhile = self.meanwhile, lambda machine: None
        act(self)
        if self.state != needs:
            raise REFUSED
        self.state = becomes
        return vim.Task("task-1")


def goes(state: str) -> Callable[[Machine], None]:
    def act(machine: Machine) -> None:
        machine.state = state

    return act


def seen(what: str, values: dict[str, Any]) -> properties.Properties:
    rows = [SimpleNamespace(name=name, val=value) for name, value in values.items()]
    return properties.Properties(what, SimpleNamespace(propSet=rows, missingSet=()))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the machine's state, and finds every task done."""

    def read(session: Any, thing: Any, paths: Any, what: str) -> properties.Properties:
        if isinstance(thing, vim.Task):
            return seen(what, {"info.state": "success"})
        link = vim.vm.device.VirtualDevice.ConnectInfo(startConnected=True, connected=True, allowGuestControl=True)
        card = vim.vm.device.VirtualVmxnet3(key=4000, macAddress=MAC, connectable=link)
        return seen(what, {"runtime.powerState": thing.state, "config.hardware.device": [card]})

    monkeypatch.setattr(properties, "of_one", read)
    return session_with(Answers([]))


def test_switching_on_what_has_come_up_meanwhile(session: Any) -> None:
    machine = Machine("poweredOff", goes("poweredOn"))
    power.switch_on(session, machine, "old")  # type: ignore[arg-type]
    assert (machine.state, machine.calls) == ("poweredOn", ["on"])


def test_cutting_what_has_gone_off_meanwhile(session: Any) -> None:
    machine = Machine("poweredOn", goes("poweredOff"))
    power.cut(session, machine, "new")  # type: ignore[arg-type]
    assert (machine.state, machine.calls) == ("poweredOff", ["off"])


def test_shutting_down_what_has_gone_off_meanwhile(session: Any) -> None:
    machine = Machine("poweredOn", goes("poweredOff"))
    power.shut_down(session, machine, "old", 1)  # type: ignore[arg-type]
    assert (machine.state, machine.calls) == ("poweredOff", ["shut down"])


def test_tools_that_end_because_the_guest_goes_off(session: Any) -> None:
    """They end before the machine is off, so a second request can meet neither."""

    def off_without_tools(machine: Machine) -> None:
        machine.state = "poweredOff"
        raise vim.fault.ToolsUnavailable(msg="VMware Tools is not running")

    machine = Machine("poweredOn", off_without_tools)
    power.shut_down(session, machine, "old", 1)  # type: ignore[arg-type]
    assert machine.calls == ["shut down"]


def test_a_guest_without_tools_that_runs_on_is_refused(session: Any) -> None:
    def without_tools(machine: Machine) -> None:
        raise vim.fault.ToolsUnavailable(msg="VMware Tools is not running")

    with pytest.raises(NotSupported, match="VMware Tools is not running"):
        power.shut_down(session, Machine("poweredOn", without_tools), "old", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [
        ("poweredOn", "poweredOff", ["connected=False, start=False", "connected=True, start=False"]),
        ("poweredOff", "poweredOn", ["connected=True, start=False", "connected=False, start=False"]),
    ],
)
def test_unplugging_one_that_goes_off_or_on_meanwhile(session: Any, before: str, after: str, calls: list[str]) -> None:
    """`connected` is asked for only where it means something."""
    machine = Machine(before, goes(after))
    nics.set_nic(session, machine, "old", MAC, False, None)  # type: ignore[arg-type]
    assert machine.calls == calls


def test_one_that_never_comes_to_rest_is_given_up(session: Any) -> None:
    class Restless(Machine):
        def _call(self, what: str, needs: str, becomes: str) -> vim.Task:
            self.calls.append(what)
            raise REFUSED

    machine = Restless("poweredOff")
    with pytest.raises(HypervisorError, match="cannot be performed in the current state"):
        power.switch_on(session, machine, "old")  # type: ignore[arg-type]
    assert 1 < len(machine.calls) < 10
    assert power.state_of(session, machine, "old") is PowerState.OFF  # type: ignore[arg-type]
