"""Read what vCenter knows of a machine beside its configuration: tags, attributes, permissions, rules, snapshots."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyVmomi import vim

from hypervisors.carried import Carried
from hypervisors.errors import Problem, Unreachable
from hypervisors.types import DeploySpec
from hypervisors.vmware import carrying, inventory, likeness, properties, snapshots, tagging
from hypervisors.vmware.carrying import Around
from hypervisors.vmware.session import Session

_PATHS = (
    *("config", "customValue", "parentVApp", "resourcePool", "runtime.host", "runtime.minRequiredEVCModeKey"),
    "declaredAlarmState",
)


def carried(session: Session, spec: DeploySpec) -> tuple[Carried, ...]:
    """Raises NotFound. What cannot be read beside the configuration is a line."""
    machine = inventory.machine(session, spec.like)
    found = properties.of_one(session, machine, _PATHS, f"virtual machine {spec.like.name}")
    unread: dict[str, str] = {}

    def asked(what: str, read: Callable[[], Iterable[str]]) -> tuple[str, ...]:
        try:
            return tuple(read()) if session.is_vcenter or what in ("permissions", "snapshots") else ()
        except Unreachable:
            raise
        except Problem as problem:
            unread[what] = str(problem)
            return ()

    around = Around(
        words=likeness.asked(session, spec),
        tags=asked("tags", lambda: _tags(session, machine)),
        attributes=asked("customValue", lambda: _attributes(session, found.get("customValue") or ())),
        permissions=asked("permissions", lambda: _permissions(session, machine)),
        cluster=asked("rules of the cluster", lambda: _rules(session, machine, found["runtime.host"])),
        alarms=asked("alarms", lambda: _alarms(session, machine, found.get("declaredAlarmState") or ())),
        snapshots=asked("snapshots", lambda: (s.name for s in snapshots.snapshots(session, machine, spec.like.name))),
        evc=found.get("runtime.minRequiredEVCModeKey") or "",
        in_vapp=found.get("parentVApp") is not None or isinstance(found.get("resourcePool"), vim.VirtualApp),
        is_vcenter=session.is_vcenter,
        unread=unread,
    )
    return carrying.carried(found["config"], spec, around)


def _tags(session: Session, machine: vim.VirtualMachine) -> list[str]:
    with tagging.opened(session) as tags:
        return [tags.name(each) for each in tags.attached(machine)]


def _attributes(session: Session, values: Iterable[Any]) -> list[str]:
    """Their names; never their values."""
    what = "custom attributes"
    fields = properties.of_one(session, session.content.customFieldsManager, ("field",), what).get("field") or ()
    names = {field.key: field.name for field in fields}
    return [names.get(each.key, str(each.key)) for each in values]


def _permissions(session: Session, machine: vim.VirtualMachine) -> list[str]:
    """Those defined on the machine itself: what is inherited, the new one inherits of its own folder."""
    manager = session.content.authorizationManager
    given = session.read("permissions", lambda: manager.RetrieveEntityPermissions(machine, False))
    return [each.principal for each in given]


def _alarms(session: Session, machine: vim.VirtualMachine, states: Iterable[Any]) -> list[str]:
    """Those defined on the machine itself; each of its folder or datacenter means the new one too."""
    declared = [each.alarm for each in states]
    rows = properties.of_each(session, declared, ("info.name", "info.entity"), "the alarms of the old VM")
    return sorted(row["info.name"] for _, row in rows if row["info.entity"] == machine)


def _rules(session: Session, machine: vim.VirtualMachine, host: vim.HostSystem) -> list[str]:
    """What the configuration of its cluster says of it."""
    compute = properties.of_one(session, host, ("parent",), "the host of the old VM")["parent"]
    if not isinstance(compute, vim.ClusterComputeResource):
        return []
    config = properties.of_one(session, compute, ("configurationEx",), "its cluster").get("configurationEx")
    return list(_naming(config, machine)) if config is not None else []


def _naming(config: Any, machine: vim.VirtualMachine) -> Iterator[str]:
    groups = [each.name for each in config.group or () if machine in (getattr(each, "vm", None) or ())]
    yield from (f"configurationEx.group[{name}]" for name in groups)
    for rule in config.rule or ():
        named = getattr(rule, "vmGroupName", None) in groups or machine in (getattr(rule, "vm", None) or ())
        if named:
            yield f"configurationEx.rule[{rule.name}]"
    overrides = {
        "drsVmConfig": "DRS",
        "dasVmConfig": "HA",
        "dpmVmConfig": "DPM",
        "vmOrchestrationConfig": "start order",
    }
    for name, what in overrides.items():
        if any(
            getattr(each, "key", getattr(each, "vm", None)) == machine for each in getattr(config, name, None) or ()
        ):
            yield f"configurationEx.{name} ({what})"
