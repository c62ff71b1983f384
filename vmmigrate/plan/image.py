"""The questions about files: the image, the archive exported by hand, and what the image asks of its machine."""

from hypervisors import Image, identify_image
from vmmigrate import properties
from vmmigrate.archives import read_archive, refuse_unknown
from vmmigrate.hardware import Hardware, decide, doubts
from vmmigrate.plan.hypervisor import old_vm
from vmmigrate.plan.look import Look


def image(look: Look) -> Image:
    said = look.settings.image
    found = identify_image(look.image, look.progress, sha256=said.sha256, ca_file=said.ca_file)
    for remark in found.remarks:
        look.findings.note("image", remark)
    return found


def archive(look: Look) -> None:
    """Judged as `backup import` judges it. Whether a password opens it, only the console shows."""
    backup = look.settings.backup
    if backup.file is None:
        return
    password = look.doors.secrets.get("backup.password") if backup.password else None
    hint = "export it again in the browser, or leave it out: then the old console makes one"
    seen = refuse_unknown(read_archive(backup.file, password, look.progress), hint=hint)
    if seen.encrypted and not backup.password:
        seen_so = f"{backup.file} is encrypted, and no password is given"
        look.findings.warn("backup-file", seen_so, "set backup.password")


def given_properties(look: Look) -> None:
    wanted = properties.as_shown(look.settings.new)
    look.findings.all += properties.faults(wanted, look.of(image), look.hypervisor)
    look.findings.all += properties.filled_in(wanted, look.of(image), look.hypervisor)


def properties_not_passed(look: Look) -> None:
    look.findings.all += properties.not_passed(look.of(image), look.hypervisor)


def hardware(look: Look) -> Hardware:
    found, old = look.of(image), look.of(old_vm)
    decided = decide(look.settings.new, found, old)
    if found.ovf:
        look.findings.all += doubts(decided, found.ovf, old)
    return decided
