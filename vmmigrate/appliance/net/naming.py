"""A guest's host name: read, and set so that the guest itself knows it."""

import re

from vmmigrate.addressing import domain
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.errors import ApplianceError

HOSTS = "/etc/hosts"
_OF_EVERY_SYSTEM = ("127.", "::1", "fe00::", "ff00::", "ff02::")
_META = FileMeta("0644", "root", "root")


def checked(name: str, host: str) -> str:
    """Raises ApplianceError for what is no name: it is written into a file of another guest."""
    try:
        return domain(name)
    except ValueError as error:
        raise ApplianceError(
            f"the host name of {host} is {name!r}, which is no domain name", hint="set it right there, with hostnamectl"
        ) from error


def set_name(shell: Shell, look: LookingShell, hostname: str, fqdn: str, present: str) -> None:
    """hostnamectl does not change /etc/hosts, and sudo waits for DNS if the name is not in it."""
    if checked(hostname, shell.host) != present:
        shell.run(("hostnamectl", "set-hostname", hostname), user="root")
    hosts = look.run(("cat", HOSTS), check=False).stdout
    wanted = with_own_name(hosts, checked(fqdn, shell.host))
    if wanted != hosts:
        shell.install(NewFile(HOSTS, wanted.encode(errors="surrogateescape"), look.file_meta(HOSTS) or _META))


def full_name(hosts: str, hostname: str) -> str:
    """The first name on the line of /etc/hosts that has `hostname`; `hostname` if there is no longer one."""
    for line in hosts.splitlines():
        names = line.split("#")[0].split()[1:]
        if hostname in names and names[0].startswith(f"{hostname}."):
            return names[0]
    return hostname


def further(hosts: str, hostname: str) -> tuple[str, ...]:
    """The entries of /etc/hosts that are of other machines: address and names, without comments.

    Not the loopback's and the multicast groups' that every system has, nor those of the guest itself.
    """
    lines = (line.split("#")[0].split() for line in hosts.splitlines())
    return tuple(" ".join(words) for words in lines if words[1:] and _is_of_another(words, hostname))


def _is_of_another(words: list[str], hostname: str) -> bool:
    own = {hostname, hostname.split(".")[0]}
    return own.isdisjoint(words[1:]) and not words[0].startswith(_OF_EVERY_SYSTEM)


def with_own_name(hosts: str, hostname: str) -> str:
    """The text of /etc/hosts with `hostname`, full and short, on the line 127.0.1.1."""
    names = dict.fromkeys((hostname, hostname.split(".")[0]))
    line = f"127.0.1.1\t{' '.join(names)}"
    if re.search(r"^127\.0\.1\.1\s.*$", hosts, re.MULTILINE):
        return re.sub(r"^127\.0\.1\.1\s.*$", line, hosts, flags=re.MULTILINE)
    return hosts + ("" if not hosts or hosts.endswith("\n") else "\n") + line + "\n"
