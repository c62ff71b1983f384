"""Whether a host starts a virtual machine when it boots: the list that each host keeps, not the cluster."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from hypervisors.errors import NotFound, NotSupported
from hypervisors.vmware import properties
from hypervisors.vmware.session import Session

_Info = vim.host.AutoStartManager.AutoPowerInfo
_ON, _OFF = "powerOn", "none"
_ANY_ORDER = -1  # after those that have one; delays of -1 are the host's defaults
_DEFAULTS = {
    "startOrder": _ANY_ORDER,
    "startDelay": -1,
    "waitForHeartbeat": "systemDefault",
    "stopDelay": -1,
    "stopAction": "systemDefault",
}
_HOW = (*_DEFAULTS, "startAction")


@dataclass(frozen=True)
class Autostart:
    """`is_on`: False also if the host starts nothing, or keeps no list (in a cluster vSphere HA decides).

    `entry`: the host's own, as `switch` takes it back; '' if the machine is not started.
    """

    is_on: bool
    entry: str


def read(session: Session, host: vim.HostSystem, machine: vim.VirtualMachine, name: str) -> Autostart:
    """`host`: on which the machine is."""
    _, config = _list_of(session, host, name)
    entry = _entry_of(config, machine)
    if config is None or not _is_enabled(config) or entry is None or not _starts(entry):
        return Autostart(is_on=False, entry="")
    return Autostart(is_on=True, entry=json.dumps(_how(entry)))


def switch(session: Session, machine: vim.VirtualMachine, name: str, autostart: bool, entry: str = "") -> None:
    """Raises NotSupported if it should start and the host keeps no list, or (once it is listed) starts nothing.

    `entry`: from `read`. Off changes nothing if the host starts nothing: the list there belongs to its owner.
    """
    manager, config = _list_of(session, host_of(session, machine, name), name)
    if autostart:
        _require_list(config, name)
    wanted = _on(config, machine, entry) if autostart else _off(config, machine)
    if wanted is not None and wanted != _how(_entry_of(config, machine)):
        spec = vim.host.AutoStartManager.Config(powerInfo=[_Info(key=machine, **wanted)])
        session.write(f"autostart of {name}", lambda: manager.ReconfigureAutostart(spec))
    if autostart:
        _require_enabled(config, name)


def check(session: Session, host: vim.HostSystem, name: str) -> None:
    """Raises NotSupported if a machine on `host` could not be started by it. `name`: of the machine."""
    _, config = _list_of(session, host, name)
    _require_list(config, name)
    _require_enabled(config, name)


def _require_list(config: Any, name: str) -> None:
    if config is None:
        raise NotSupported(
            f"the host of {name} keeps no list of what to start at boot", hint="leave that to vSphere HA"
        )


def _require_enabled(config: Any, name: str) -> None:
    if not _is_enabled(config):
        raise NotSupported(
            f"the host of {name} starts nothing when it boots",
            hint="switch that on at the host: Configure, VM Startup/Shutdown; it concerns all it has listed",
        )


# ---- entries: what is listed of one machine --------------------------------------------------------------------


def _on(config: Any, machine: vim.VirtualMachine, entry: str) -> dict[str, Any] | None:
    """As `entry` says, else as the host's defaults are; None if it starts already and `entry` is empty."""
    if entry:
        how: dict[str, Any] = json.loads(entry)
        return {**how, "startOrder": _free_order(config.powerInfo, machine, how["startOrder"])}
    present = _entry_of(config, machine)
    if present is not None and _starts(present):
        return None
    return {**_DEFAULTS, "startAction": _ON}


def _off(config: Any, machine: vim.VirtualMachine) -> dict[str, Any] | None:
    """Without its place among those that start; how it is stopped stays. None if the host does not start it."""
    present = _entry_of(config, machine)
    if present is None or not _starts(present) or not _is_enabled(config):
        return None
    return {**_how(present), "startOrder": _ANY_ORDER, "startAction": _OFF}


def _free_order(entries: Sequence[Any], machine: vim.VirtualMachine, order: int) -> int:
    """Only one machine can have a place in the order: if another has it by now, this one comes after all of them."""
    taken = any(each.startOrder == order for each in entries if each.key != machine)
    return _ANY_ORDER if taken else order


def _how(info: Any) -> dict[str, Any]:
    """{} of None."""
    return {name: getattr(info, name) for name in _HOW} if info is not None else {}


def _starts(info: Any) -> bool:
    return bool(info.startAction.lower() == _ON.lower())


# ---- the list --------------------------------------------------------------------------------------------------


def _entry_of(config: Any, machine: vim.VirtualMachine) -> Any:
    """None if the machine is not listed, or there is no list."""
    return next((info for info in config.powerInfo if info.key == machine), None) if config is not None else None


def _is_enabled(config: Any) -> bool:
    """The whole host's setting; a value that it does not report counts as true."""
    return config.defaults is None or config.defaults.enabled is not False


def host_of(session: Session, machine: vim.VirtualMachine, name: str) -> vim.HostSystem:
    return properties.of_one(session, machine, ("runtime.host",), f"autostart of {name}")["runtime.host"]


def _list_of(session: Session, host: vim.HostSystem, name: str) -> tuple[Any, Any]:
    """The host's list keeper and its list, (None, None) where there is none: not named, or named and not there."""
    what, path = f"autostart of {name}", "configManager.autoStartManager"
    manager = properties.of_one(session, host, (path,), what).get(path)
    try:
        found = properties.of_one(session, manager, ("config",), what) if manager is not None else {}
    except NotFound:
        return None, None
    return manager, found.get("config")
