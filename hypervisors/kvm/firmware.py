"""The new domain's firmware and what it boots: a variable store of its own, no Secure Boot. Pure: XML in, XML out."""

import re
from xml.etree import ElementTree as ET

from hypervisors.errors import NotSupported
from hypervisors.kvm.elements import remove
from hypervisors.kvm.reading import attribute, firmware_of, text_of

STORES = ("nvram", "varstore")
_OF_TEMPLATE = ("template", "templateFormat", "format")
_FEATURES = ("enrolled-keys", "secure-boot")
_WITH_KEYS = re.compile(r"[._-](ms|snakeoil|secboot|secure|enrolled)\b", re.IGNORECASE)  # as distributions name them


def adapt(domain: ET.Element, wanted: str | None) -> None:
    """In place. `wanted`: 'bios', 'efi', or None for the old one's. Raises NotSupported where it cannot be had twice.

    Never with Secure Boot: an image for another machine may be signed by nobody, and would never boot.
    """
    secure, there = is_secure(domain), firmware_of(domain)
    _strip_boot(domain)
    if wanted not in (None, there) or (secure and there == "efi"):
        _set(domain, wanted or there)


def is_secure(domain: ET.Element) -> bool:
    """Whether it has Secure Boot with keys, or might get them when libvirt chooses by itself."""
    said = {one.get("name"): one.get("enabled") for one in domain.findall("os/firmware/feature")}
    if "yes" in map(said.get, _FEATURES) or attribute(domain, "os/loader", "secure") == "yes":
        return True
    if attribute(domain, "os", "firmware") == "efi":
        return attribute(domain, "features/smm", "state") == "on" and said.get("enrolled-keys") != "no"
    templates = "".join(attribute(domain, f"os/{store}", "template") for store in STORES)
    return bool(_WITH_KEYS.search(templates or text_of(domain, "os/loader")))  # libvirt takes the template beside it


def _strip_boot(domain: ET.Element) -> None:
    """The old kernel, boot order and variable store go: the new disk boots by itself."""
    os = domain.find("os")
    if os is None:
        return
    automatic = os.get("firmware") is not None  # libvirt then chooses loader and store by itself
    for element in list(os):
        if element.tag in ("kernel", "initrd", "shim", "cmdline", "dtb", "boot"):
            os.remove(element)
        elif _is_written(element, automatic=automatic):
            raise NotSupported(
                f"the old VM writes to its own copy of the firmware{_named(element)}, and two cannot share it",
                hint="set readonly='yes' on its <loader> and give it an <nvram> with a template: virsh edit",
            )
        elif automatic and element.tag in ("loader", *STORES):
            _forget_choice(os, element)
        elif element.tag in STORES:
            _forget_store(os, element)


def _named(loader: ET.Element) -> str:
    path = (loader.text or "").strip()
    return f", {path}" if path else ""


def _is_written(element: ET.Element, *, automatic: bool) -> bool:
    """Where a definition says nothing, QEMU opens the file for writing; later versions of libvirt say 'yes' there."""
    if element.tag != "loader" or element.get("type") != "pflash":
        return False
    return element.get("readonly", "yes" if automatic else "no") == "no"


def _forget_choice(os: ET.Element, element: ET.Element) -> None:
    stateless = element.get("stateless")
    os.remove(element)
    if element.tag == "loader" and stateless is not None:
        ET.SubElement(os, "loader", stateless=stateless)


def _forget_store(os: ET.Element, store: ET.Element) -> None:
    """The new one is made from the same template; what format it has goes with that."""
    kept = {name: value for name in _OF_TEMPLATE if (value := store.get(name)) is not None}
    os.remove(store)
    if "template" in kept:
        ET.SubElement(os, store.tag, kept)


def _set(domain: ET.Element, firmware: str) -> None:
    """libvirt finds loader and store by itself."""
    os = domain.find("os")
    if os is None:
        os = ET.SubElement(domain, "os")
    os.attrib.pop("firmware", None)
    remove(os, "loader", "firmware", *STORES)
    if firmware == "efi":
        _require_acpi(domain)
        os.set("firmware", "efi")
        features = ET.SubElement(os, "firmware")
        for feature in _FEATURES:
            ET.SubElement(features, "feature", enabled="no", name=feature)


def _require_acpi(domain: ET.Element) -> None:
    """Without it libvirt takes no x86 machine with UEFI, and one asked to shut down hears nothing."""
    features = domain.find("features")
    if features is None:
        features = ET.SubElement(domain, "features")
    if features.find("acpi") is None:
        ET.SubElement(features, "acpi")
