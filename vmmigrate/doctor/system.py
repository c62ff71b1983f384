"""The operating system, from /etc/os-release, and how its packages are named and installed."""

from dataclasses import dataclass
from pathlib import Path

from vmmigrate import reading

_INSTALL = {"debian": "apt install", "fedora": "dnf install", "suse": "zypper install"}
_PACKAGES = {
    "qemu-img": {"debian": "qemu-utils", "fedora": "qemu-img", "suse": "qemu-tools"},
    "ssh-add": {"debian": "openssh-client", "fedora": "openssh-clients", "suse": "openssh-clients"},
    "libvirt headers": {
        "debian": "libvirt-dev gcc pkg-config python3-dev",
        "fedora": "libvirt-devel gcc pkgconf-pkg-config python3-devel",
        "suse": "libvirt-devel gcc pkg-config python3-devel",
    },
}
_RELATIVES = {
    "debian": ("debian", "ubuntu"),
    "fedora": ("fedora", "rhel", "centos"),
    "suse": ("suse", "opensuse", "sles"),
}


@dataclass(frozen=True)
class System:
    """`family`: 'debian', 'fedora' or 'suse', by its packages; '' if it is none of these."""

    name: str
    family: str

    def install(self, thing: str) -> str:
        """The command that installs it."""
        if not self.family:
            return f"install {thing} with the package manager of {self.name}"
        return f"{_INSTALL[self.family]} {_PACKAGES[thing][self.family]}"


def read_os_release(path: Path) -> System:
    try:
        said = reading.os_release(path.read_text())
    except OSError:
        return System("this system", "")
    words = [said.get("ID", ""), *said.get("ID_LIKE", "").split()]
    families = (name for word in words for name, known in _RELATIVES.items() if word.partition("-")[0] in known)
    return System(said.get("PRETTY_NAME", "this system"), next(families, ""))
