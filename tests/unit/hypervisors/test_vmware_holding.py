"""Who holds a MAC in vSphere, where some machines cannot be read. The simulator has no such machines."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim

from hypervisors import HypervisorError, NotFound, PowerState
from hypervisors.vmware import cards, holding
from hypervisors.vmware.properties import Properties

MAC = "00:50:56:00:00:01"
SESSION: Any = SimpleNamespace(content=SimpleNamespace(rootFolder=None), is_vcenter=False, cards=None)
THING = vim.VirtualMachine("vm-7")


def row(**change: Any) -> Properties:
    """A machine with that MAC, plugged in, running; None leaves a property out."""
    link = vim.vm.device.VirtualDevice.ConnectInfo(startConnected=True, connected=True, allowGuestControl=True)
    card = vim.vm.device.VirtualVmxnet3(key=4000, macAddress=MAC, connectable=link)
    given = {
        "name": "found",
        "config.instanceUuid": "50000000-0000-4000-8000-000000000007",
        "config.hardware.device": [card],
        "runtime.powerState": "poweredOn",
        "runtime.connectionState": "connected",
        **{key.replace("__", "."): value for key, value in change.items()},
    }
    there = [SimpleNamespace(name=name, val=value) for name, value in given.items() if value is not None]
    return Properties("a virtual machine", SimpleNamespace(propSet=there, missingSet=()))


UNKNOWN = SimpleNamespace(propSet=(), missingSet=())  # a machine of which nothing came in the first reading
UNREAD = {"config__instanceUuid": None, "config__hardware__device": None}


def held(monkeypatch: pytest.MonkeyPatch, listed: Properties, again: Properties | None = None) -> tuple[Any, ...]:
    """`again`: at the second look; None: it is gone."""

    def second(*_: object) -> Properties:
        if again is None:
            raise NotFound("gone", hint="look")
        return again

    monkeypatch.setattr(cards.properties, "of_all_keyed", lambda *_: [(THING, Properties("a machine", UNKNOWN))])
    monkeypatch.setattr(cards.properties, "of_each", lambda *_: [(THING, listed)])
    monkeypatch.setattr(holding.properties, "of_one", second)
    return holding.holders(SESSION, MAC)


def test_one_that_is_plugged_in_and_runs_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    [holder] = held(monkeypatch, row())
    assert (holder.vm.name, holder.power, holder.is_live) == ("found", PowerState.RUNNING, True)


@pytest.mark.parametrize("state", ["inaccessible", "orphaned", "invalid", "disconnected"])
@pytest.mark.parametrize("power", ["poweredOn", "poweredOff", None])
def test_one_whose_cards_cannot_be_read_is_never_absent(
    monkeypatch: pytest.MonkeyPatch, state: str, power: str | None
) -> None:
    unread = row(**UNREAD, runtime__connectionState=state, runtime__powerState=power)
    with pytest.raises(HypervisorError, match=f"found is {state}") as caught:
        held(monkeypatch, unread, unread)
    assert "remove it from the inventory" in caught.value.hint


def test_one_that_runs_without_a_configuration_is_never_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HypervisorError, match="which network cards it has cannot be read"):
        held(monkeypatch, row(**UNREAD), row(**UNREAD))


def test_one_that_is_read_at_the_second_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    [holder] = held(monkeypatch, row(**UNREAD), row())
    assert holder.is_live


def test_one_that_is_gone_at_the_second_look_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert held(monkeypatch, row(**UNREAD)) == ()


def test_one_that_is_being_made_has_no_card_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    made = row(**UNREAD, runtime__powerState="poweredOff")
    assert held(monkeypatch, made, made) == ()


def test_what_is_remembered_of_a_machine_on_a_host_that_is_away_may_be_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have started it there since."""
    [holder] = held(monkeypatch, row(runtime__connectionState="disconnected", runtime__powerState="poweredOff"))
    assert (holder.power, holder.is_live) == (PowerState.OTHER, True)
