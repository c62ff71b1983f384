"""What polkit must permit an account for each call of libvirt that the adapter makes, where libvirtd asks it.

libvirtd does so with `access_drivers = ["polkit"]`. From the `@acl` of each procedure in libvirt's
src/remote/remote_protocol.x (https://libvirt.org/acl.html has the objects and their permissions).
"""

# The port of a NIC at one of libvirt's own networks: made and removed by the driver, as whoever starts the machine.
_PORTS = ("network-port.create", "network-port.delete", "network-port.getattr", "network-port.read")
_OF_DEVICES = ("domain.write", "domain.save")

CALLS: dict[str, tuple[str, ...]] = {
    # of a connection
    "close": (),
    "setKeepAlive": (),
    "newStream": (),
    "getCapabilities": ("connect.read",),
    "getFreePages": ("connect.read",),
    "getDomainCapabilities": ("connect.write",),
    "domainXMLToNative": ("connect.write",),
    "listAllDomains": ("connect.search-domains", "domain.getattr"),
    "listAllNetworks": ("connect.search-networks", "network.getattr"),
    "listAllStoragePools": ("connect.search-storage-pools", "storage-pool.getattr"),
    "lookupByName": ("domain.getattr",),
    "lookupByUUIDString": ("domain.getattr",),
    "networkLookupByName": ("network.getattr",),
    "storagePoolLookupByName": ("storage-pool.getattr",),
    "defineXML": ("domain.write", "domain.save"),
    # of a domain, of a network, a pool or a volume where they have the same name
    "name": (),
    "UUIDString": (),
    # `read-secure`: the new VM's definition is made of the old one's, with its console's password
    "XMLDesc": ("domain.read", "domain.read-secure", "network.read", "storage-pool.read", "storage-vol.read"),
    "autostart": ("domain.read",),
    "blockInfo": ("domain.read",),
    "hasManagedSaveImage": ("domain.read",),
    "info": ("storage-pool.read", "storage-vol.read"),
    "isActive": ("domain.read", "network.read", "storage-pool.read"),
    "isPersistent": ("domain.read",),
    "listAllCheckpoints": ("domain.read",),
    "listAllSnapshots": ("domain.read",),
    # only for `update --vm`
    "snapshotLookupByName": ("domain.read",),
    "snapshotCreateXML": ("domain.snapshot",),
    "revertToSnapshot": ("domain.snapshot",),
    "state": ("domain.read",),
    "interfaceAddresses": ("domain.read", "domain.write"),  # `write`: by the guest's agent
    "qemuAgentCommand": ("domain.write",),
    "create": ("domain.start", *_PORTS),
    "destroy": ("domain.stop", *_PORTS),
    "shutdown": ("domain.init-control",),
    "detachDeviceFlags": (*_OF_DEVICES, *_PORTS),
    "updateDeviceFlags": (*_OF_DEVICES, *_PORTS),
    "setMetadata": _OF_DEVICES,
    "setAutostart": ("domain.write",),
    "rename": ("domain.write",),
    "undefineFlags": ("domain.delete",),
    # of a pool and its volumes
    "refresh": ("storage-pool.refresh",),
    "storageVolLookupByName": ("storage-vol.getattr",),
    "createXML": ("storage-vol.create",),
    "path": ("storage-vol.read",),
    "upload": ("storage-vol.data-write",),
    "delete": ("storage-vol.delete", "domain.snapshot"),  # of a volume, of a snapshot
    # of a stream that was permitted
    "send": (),
    "sendHole": (),
    "finish": (),
    "abort": (),
}
# For the log-in itself, and for what libvirt's own client asks when it connects.
CONNECTING = ("connect.getattr", "connect.read")


def permissions() -> tuple[str, ...]:
    return tuple(sorted({*CONNECTING, *(each for needed in CALLS.values() for each in needed)}))


def rule(user: str) -> str:
    """A file of /etc/polkit-1/rules.d: to this account what the adapter calls; what it does not say stays as it was."""
    listed = "".join(f'    "org.libvirt.api.{each}",\n' for each in permissions())
    return f"""polkit.addRule(function(action, subject) {{
  if (subject.user != "{user}" || action.id.indexOf("org.libvirt.") != 0) return polkit.Result.NOT_HANDLED;
  var permitted = [
    "org.libvirt.unix.manage",
{listed}  ];
  return permitted.indexOf(action.id) < 0 ? polkit.Result.NO : polkit.Result.YES;
}});
"""
