"""What is known of the parts of an old machine's configuration: the fate of each, and why. Tables."""

from hypervisors.carried import Fate

UNKNOWN = "not known here: set it by hand if the new VM needs it"
_EACH_ITS_OWN = "vSphere gives each VM its own"
ENCRYPTED = "the old VM is encrypted: give the new VM an encrypting storage policy by hand"
OF_THE_IMAGE = "as the image asks, else vSphere's default: compare, and set it by hand if the new VM needs it"
MEANS_IT = "it means the old VM: make one for the new VM"
LIKE = "as the old VM's"
NOT_LIKE = "not in new.like_old"

# What no administrator sets, or what identifies the old one: no line says that the new one has another.
IDENTITY = frozenset(
    {
        *("changeVersion", "modified", "createDate", "name", "guestFullName", "alternateGuestName", "template"),
        *("files", "datastoreUrl", "vmxConfigChecksum", "locationId", "uuid", "instanceUuid", "rebootPowerOff"),
        *("vmStorageObjectId", "vmOpNotificationToAppEnabled", "vmOpNotificationTimeout", "hardware"),
        *("npivTemporaryDisabled", "npivOnNonRdmDisks", "hotPlugMemoryIncrementSize", "hotPlugMemoryLimit"),
        *(
            "extraConfig",
            "annotation",
            "cpuAllocation",
            "memoryAllocation",
            "guestId",
            "version",
            "firmware",
            "initialOverhead",
        ),
    }
)
CONFIG: dict[str, tuple[Fate, str]] = {
    "bootOptions": (Fate.DROPPED, OF_THE_IMAGE),
    "tools": (Fate.DROPPED, OF_THE_IMAGE),
    "flags": (Fate.CHANGED, OF_THE_IMAGE),
    "consolePreferences": (Fate.DROPPED, OF_THE_IMAGE),
    "defaultPowerOps": (Fate.CHANGED, OF_THE_IMAGE),
    "swapPlacement": (Fate.DROPPED, OF_THE_IMAGE),
    "latencySensitivity": (Fate.DROPPED, OF_THE_IMAGE),
    "cpuAffinity": (Fate.DROPPED, OF_THE_IMAGE),
    "memoryAffinity": (Fate.DROPPED, OF_THE_IMAGE),
    "networkShaper": (Fate.DROPPED, OF_THE_IMAGE),
    "cpuHotAddEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "cpuHotRemoveEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "memoryHotAddEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "nestedHVEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "vPMCEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "cpuFeatureMask": (Fate.DROPPED, "a CPUID mask of the old VM: set it by hand if the cluster needs it"),
    "sgxInfo": (Fate.DROPPED, OF_THE_IMAGE),
    "guestAutoLockEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "messageBusTunnelEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "maxMksConnections": (Fate.DROPPED, OF_THE_IMAGE),
    "scheduledHardwareUpgradeInfo": (Fate.DROPPED, MEANS_IT),
    "guestIntegrityInfo": (Fate.DROPPED, OF_THE_IMAGE),
    "migrateEncryption": (Fate.DROPPED, OF_THE_IMAGE),
    "ftEncryptionMode": (Fate.DROPPED, OF_THE_IMAGE),
    "npivNodeWorldWideName": (Fate.NOT_POSSIBLE, _EACH_ITS_OWN),
    "npivPortWorldWideName": (Fate.NOT_POSSIBLE, _EACH_ITS_OWN),
    "npivWorldWideNameType": (Fate.NOT_POSSIBLE, _EACH_ITS_OWN),
    "npivDesiredNodeWwns": (Fate.DROPPED, _EACH_ITS_OWN),
    "npivDesiredPortWwns": (Fate.DROPPED, _EACH_ITS_OWN),
    "changeTrackingEnabled": (Fate.DROPPED, "the backup software switches it on for the new VM"),
    "ftInfo": (Fate.DROPPED, "fault tolerance: switch it on for the new VM"),
    "repConfig": (Fate.DROPPED, "replication: configure it for the new VM"),
    "vAppConfig": (Fate.CHANGED, "the image's vApp properties and those of new.properties"),
    "vAssertsEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "managedBy": (Fate.DROPPED, "another product manages the old VM: see there"),
    "keyId": (Fate.NOT_POSSIBLE, ENCRYPTED),
    "contentLibItemInfo": (Fate.DROPPED, _EACH_ITS_OWN),
    "memoryReservationLockedToMax": (Fate.DROPPED, NOT_LIKE),
    "pmem": (Fate.DROPPED, OF_THE_IMAGE),
    "fixedPassthruHotPlugEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "deviceGroups": (Fate.DROPPED, "devices of the host: add them by hand if the new VM needs them"),
    "deviceSwap": (Fate.DROPPED, OF_THE_IMAGE),
    "sevEnabled": (Fate.DROPPED, OF_THE_IMAGE),
    "numaInfo": (Fate.DROPPED, OF_THE_IMAGE),
}
# Of what is in a property of its own: where more is to be said, and what no administrator sets.
INNER: dict[str, tuple[Fate, str]] = {
    "bootOptions.efiSecureBootEnabled": (
        Fate.DROPPED,
        "as the image's OVF asks, else off, or an unsigned image would not boot; for a signed one tick it by hand",
    ),
}
OF_TOOLS = ("toolsVersion", "toolsInstallType", "pendingCustomization", "customizationKeyId", "lastInstallInfo")
OF_HARDWARE = ("numCPU", "numCoresPerSocket", "autoCoresPerSocket", "memoryMB", "device")  # has lines, or is as those
USUAL = {
    **dict.fromkeys(("afterPowerOn", "afterResume", "beforeGuestStandby", "beforeGuestShutdown"), True),
    "beforeGuestReboot": True,
    "syncTimeWithHostAllowed": True,
    "toolsUpgradePolicy": "manual",
    "motherboardLayout": "i440bxHostBridge",
    "simultaneousThreads": 1,
    "swapPlacement": "inherit",
    "migrateEncryption": "opportunistic",
    "ftEncryptionMode": "ftEncryptionOpportunistic",
    "bootRetryDelay": 10000,
    "networkBootProtocol": "ipv4",
    "level": "normal",
}
OF_EVERY_VM = "every VM has these: the new one gets its own"
_OF_THE_HOST = "a device of the host or of another machine: add it by hand if the new VM needs it"
_MEDIUM = "a drive: the new VM gets those of the image, without a medium"
DEVICES: dict[str, tuple[Fate, str]] = {
    **dict.fromkeys(
        (
            *("VirtualIDEController", "VirtualPCIController", "VirtualPS2Controller", "VirtualSIOController"),
            *("VirtualKeyboard", "VirtualPointingDevice", "VirtualVideoCard", "VirtualVMCIDevice"),
        ),
        (Fate.CHANGED, OF_EVERY_VM),
    ),
    **dict.fromkeys(
        (
            *("VirtualBusLogicController", "VirtualLsiLogicController", "VirtualLsiLogicSASController"),
            *("ParaVirtualSCSIController", "VirtualAHCIController", "VirtualNVMEController"),
        ),
        (Fate.CHANGED, "the disk's controller is of the kind that new.disk_bus or the image names, else as the old"),
    ),
    "VirtualCdrom": (Fate.DROPPED, _MEDIUM),
    "VirtualFloppy": (Fate.DROPPED, _MEDIUM),
    **dict.fromkeys(
        (
            *("VirtualPCIPassthrough", "VirtualSCSIPassthrough", "VirtualUSB", "VirtualUSBController"),
            *("VirtualUSBXHCIController", "VirtualSerialPort", "VirtualParallelPort", "VirtualSriovEthernetCard"),
        ),
        (Fate.DROPPED, _OF_THE_HOST),
    ),
    "VirtualTPM": (Fate.NOT_POSSIBLE, "the keys in a TPM cannot be copied: add an empty one by hand"),
    "VirtualHdAudioCard": (Fate.DROPPED, "a mail gateway needs no sound"),
    "VirtualEnsoniq1371": (Fate.DROPPED, "a mail gateway needs no sound"),
    "VirtualSoundBlaster16": (Fate.DROPPED, "a mail gateway needs no sound"),
    "VirtualWDT": (Fate.DROPPED, "a watchdog: add it by hand if the guest feeds it"),
    "VirtualPrecisionClock": (Fate.DROPPED, "add it by hand if the guest's clock relies on it"),
    "VirtualNVDIMM": (Fate.DROPPED, "what is in persistent memory is not copied"),
    "VirtualNVDIMMController": (Fate.DROPPED, "what is in persistent memory is not copied"),
}
# extraConfig that vSphere writes itself; of any other key the name is shown, never the value
OF_VSPHERE = (
    *("nvram", "pciBridge", "svga.", "hpet0.", "migrate.", "sched.swap.", "vmware.tools.", "monitor.phys", "numa."),
    *("tools.remindInstall", "toolsInstallManager.", "softPowerOff", "viv.", "vmotion.", "guestinfo.vmtools."),
    *("ethernet0.pciSlotNumber", "scsi0.", "RemoteDisplay.", "vmmigrate.", "virtualHW.", "cpuid.coresPerSocket"),
    *(
        "guestInfo.detailed.data",
        "guestinfo.appInfo",
        "govcsim",
        "checkpoint.vmState",
        "config.readOnly",
        "extendedConfigFile",
    ),
)
EXTRA_OF_VSPHERE = (Fate.CHANGED, _EACH_ITS_OWN)
EXTRA = (Fate.DROPPED, "an advanced parameter: " + UNKNOWN)
HAND_OVER = "backup jobs, replication, monitoring, alarms and scheduled tasks follow the old VM's id: add the new VM"
POLICY = "not read here: the new disk gets its datastore's default policy; compare with the old VM's"
