"""What an account needs for each call of vSphere's interface that the adapter makes.

From the interface's reference, "Required Privileges" of each method
(https://developer.broadcom.com/xapis/vsphere-web-services-api/latest/). Nothing of this was tested against a vCenter.
"""

# What anybody may call who is logged in, and what may be read with the role Read-only on the object.
_ANY: tuple[str, ...] = ()
_READ = ("System.View", "System.Read")

METHODS: dict[str, tuple[str, ...]] = {
    "Login": _ANY,
    "Logout": _ANY,
    "CreateContainerView": _READ,
    "DestroyView": _ANY,
    "Fetch": _READ,  # one property of one object
    "RetrievePropertiesEx": _READ,
    "ContinueRetrievePropertiesEx": _READ,
    "FindByUuid": _READ,
    "FindChild": _READ,
    "RetrieveEntityPermissions": _READ,
    "CreateImportSpec": ("System.View", "VApp.Import", "Datastore.AllocateSpace"),
    "ImportVApp": (
        "VApp.Import",
        "VApp.ApplicationConfig",
        "VirtualMachine.Inventory.Create",
        "VirtualMachine.Config.AddNewDisk",
        "Resource.AssignVMToPool",
        "Datastore.AllocateSpace",
        "Network.Assign",
    ),
    "HttpNfcLeaseProgress": _ANY,  # of a lease that this account was given
    "HttpNfcLeaseComplete": _ANY,
    "HttpNfcLeaseAbort": _ANY,
    "ReconfigVM_Task": (
        "VirtualMachine.Config.AddRemoveDevice",
        "VirtualMachine.Config.AdvancedConfig",
        "VirtualMachine.Config.Annotation",
        "VirtualMachine.Config.CPUCount",
        "VirtualMachine.Config.EditDevice",
        "VirtualMachine.Config.Memory",
        "VirtualMachine.Config.Rename",
        "VirtualMachine.Config.Resource",
        "VirtualMachine.Config.Settings",
        "VirtualMachine.Interact.DeviceConnection",
        "Network.Assign",
        "VApp.ApplicationConfig",
    ),
    "PowerOnVM_Task": ("VirtualMachine.Interact.PowerOn",),
    "PowerOffVM_Task": ("VirtualMachine.Interact.PowerOff",),
    "ShutdownGuest": ("VirtualMachine.Interact.PowerOff",),
    "Destroy_Task": ("VirtualMachine.Inventory.Delete",),
    "Rename_Task": ("VirtualMachine.Config.Rename",),
    "CreateSnapshot_Task": ("VirtualMachine.State.CreateSnapshot",),
    "RevertToSnapshot_Task": ("VirtualMachine.State.RevertToSnapshot",),
    "RemoveSnapshot_Task": ("VirtualMachine.State.RemoveSnapshot",),
    "ReconfigureAutostart": ("Host.Config.AutoStart",),
    # only what `like_old` names (docs/vmware.md)
    "SetField": ("Global.SetCustomField",),
    "SetEntityPermissions": ("Authorization.ModifyPermissions",),
    "/rest/com/vmware/cis/session": _ANY,
    "/rest/com/vmware/cis/tagging": ("InventoryService.Tagging.AttachTag",),
}
LIKE_OLD = ("SetField", "SetEntityPermissions", "/rest/com/vmware/cis/tagging")


def needs(call: str) -> tuple[str, ...]:
    """`call`: a method, or a path of the REST service. Raises KeyError for one that the adapter should not make."""
    place = next((path for path in METHODS if path.startswith("/") and call.startswith(path)), call)
    return METHODS[place]


def role(*, like_old: bool = False) -> tuple[str, ...]:
    """All privileges, sorted; with what `like_old` may need besides."""
    calls = (call for call in METHODS if like_old or call not in LIKE_OLD)
    return tuple(sorted({each for call in calls for each in METHODS[call]}))
