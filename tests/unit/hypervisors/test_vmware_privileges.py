"""The table of vSphere's methods and what they need names those that the adapter calls, all of them and no other."""

import ast
from functools import cache
from pathlib import Path

import pytest

vim = pytest.importorskip("pyVmomi", reason="needs pyvmomi").vim

from hypervisors.vmware.privileges import LIKE_OLD, METHODS, needs, role  # noqa: E402 -- needs pyVmomi

ADAPTER = Path(__file__).parents[3] / "hypervisors" / "vmware"
TYPES = (
    "VirtualMachine Folder ResourcePool HostSystem Datastore Network SearchIndex SessionManager HttpNfcLease Task"
    " AuthorizationManager CustomFieldsManager ServiceInstance OvfManager Datacenter ComputeResource FileManager"
    " VirtualDiskManager view.ViewManager view.View event.EventManager option.OptionManager host.AutoStartManager"
    " vm.Snapshot ServiceInstance"
)


@cache
def methods() -> set[str]:
    """By every name by which pyVmomi offers it."""
    found = set[str]()
    for path in TYPES.split():
        kind = vim
        for word in path.split("."):
            kind = getattr(kind, word)
        for base in kind.__mro__:
            for name, info in getattr(base, "_methodInfo", {}).items():
                found |= {name[0].upper() + name[1:], info.wsdlName}
    from pyVmomi import vmodl

    collector = vmodl.query.PropertyCollector._methodInfo
    return found | {info.wsdlName for info in collector.values()}


@cache
def called() -> set[str]:
    nodes = [node for path in ADAPTER.glob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)} & methods()


IMPLIED = {"DestroyView", "Fetch", "/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging"}


def test_each_method_that_the_adapter_names_is_in_the_table_and_none_besides() -> None:
    assert "PowerOnVM_Task" in called()
    assert called() - METHODS.keys() <= {"Destroy", "DropConnections"}  # of a view (DestroyView); of no server
    assert METHODS.keys() - called() <= IMPLIED


def test_the_role_has_what_a_call_needs_and_more_only_for_what_is_asked_for_by_name() -> None:
    assert needs("PowerOffVM_Task") == ("VirtualMachine.Interact.PowerOff",)
    assert needs("/rest/com/vmware/cis/tagging/tag/id:x") == ("InventoryService.Tagging.AttachTag",)
    with pytest.raises(KeyError):
        needs("CloneVM_Task")
    assert "Authorization.ModifyPermissions" not in role()
    assert set(role(like_old=True)) - set(role()) == {each for call in LIKE_OLD for each in METHODS[call]}
