"""Whether a host starts a virtual machine when it boots: the list that each host keeps, not the cluster."""

from typing import Any

from pyVmomi import vim

from hypervisors.errors import NotSupported
from hypervisors.vmware import properties
from hypervisors.vmware.session import Session

_Info = vim.host.AutoStartManager.AutoPowerInfo
_ON, _OFF = "powerOn", "none"


def is_on(session: Session, machine: vim.VirtualMachine, name: str) -> bool:
    """False too where the host starts nothing, or keeps no such list (in a cluster vSphere HA decides)."""
    _, config = _manager(session, machine, name)
    return config is not None and _is_enabled(config) and _is_listed(config, machine)


def switch(session: Session, machine: vim.VirtualMachine, name: str, autostart: bool) -> None:
    """Raises NotSupported where it should start and the host keeps no list, or starts nothing of it."""
    manager, config = _manager(session, machine, name)
    if autostart:
        _require(config, name)
    if config is None or _is_listed(config, machine) == autostart:
        return
    spec = vim.host.AutoStartManager.Config(powerInfo=[_info(machine, autostart)])
    session.write(f"autostart of {name}", lambda: manager.ReconfigureAutostart(spec))


def _require(config: Any, name: str) -> None:
    if config is None:
        raise NotSupported(
            f"the host of {name} keeps no list of what to start at boot", hint="leave that to vSphere HA"
        )
    if not _is_enabled(config):
        raise NotSupported(
            f"the host of {name} starts nothing when it boots",
            hint="switch that on at the host: Configure, VM Startup/Shutdown; it concerns all it has listed",
        )


def _is_enabled(config: Any) -> bool:
    """Of the whole host; what it does not tell is so."""
    return config.defaults is None or config.defaults.enabled is not False


def _is_listed(config: Any, machine: vim.VirtualMachine) -> bool:
    return any(info.key == machine and _starts(info) for info in config.powerInfo)


def _starts(info: Any) -> bool:
    return bool(info.startAction.lower() == _ON.lower())


def _info(machine: vim.VirtualMachine, autostart: bool) -> Any:
    """-1 leaves order and delays to the host's defaults."""
    return _Info(
        key=machine,
        startOrder=-1,
        startDelay=-1,
        waitForHeartbeat=_Info.WaitHeartbeatSetting.systemDefault,
        startAction=_ON if autostart else _OFF,
        stopDelay=-1,
        stopAction="systemDefault",
    )


def _manager(session: Session, machine: vim.VirtualMachine, name: str) -> tuple[Any, Any]:
    """The host's list keeper and its list, (None, None) where there is none."""
    what = f"autostart of {name}"
    host = properties.of_one(session, machine, ("runtime.host",), what)["runtime.host"]
    manager = properties.of_one(session, host, ("configManager.autoStartManager",), what).get(
        "configManager.autoStartManager"
    )
    if manager is None:
        return None, None
    return manager, properties.of_one(session, manager, ("config",), what).get("config")
