"""What the firmware says to the guest about the machine: its make stays, what identifies the old one goes. Pure."""

from xml.etree import ElementTree as ET

from hypervisors.kvm.elements import remove

_OF_ONE_MACHINE = ("uuid", "serial", "asset")


def forget(domain: ET.Element) -> None:
    """In place: numbers of the old machine, OEM strings and fw_cfg files, by which guests are given their set-up.

    libvirt refuses a UUID that is not the domain's.
    """
    for table in domain.findall("sysinfo"):
        _forget_in(table)
        if table.get("type") == "fwcfg" or not len(table):
            domain.remove(table)
    if domain.find("sysinfo[@type='smbios']") is None:
        _forget_mode(domain)


def _forget_in(table: ET.Element) -> None:
    remove(table, "oemStrings")
    for block in list(table):
        for entry in block.findall("entry"):
            if entry.get("name") in _OF_ONE_MACHINE:
                block.remove(entry)
        if not len(block):
            table.remove(block)


def _forget_mode(domain: ET.Element) -> None:
    """'sysinfo' without one is refused; 'host' and 'emulate' need none."""
    for os in domain.findall("os"):
        for mode in os.findall("smbios[@mode='sysinfo']"):
            os.remove(mode)
