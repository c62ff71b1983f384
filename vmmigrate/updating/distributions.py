"""The kinds of hosts that the vendor's packages run on, as data: units, tools, folders, order of restart.

Source: the vendor's update procedure [F-UPDATE-1..3]. A new family is one more value here.
"""

from dataclasses import dataclass

from vmmigrate import reading
from vmmigrate.errors import ApplianceError

BACKEND_UNITS = {4: "djigzo", 5: "ciphermail-gateway-backend"}  # by the release's first number


@dataclass(frozen=True)
class Distribution:
    """`ids`: of `/etc/os-release`, in ID or ID_LIKE. `packages`: 'deb' or 'rpm'. `core_os`: of a new set-up.

    `tomcats`: the units of which one is installed. `caches`: folders to be cleared, with `{tomcat}` for that unit.
    """

    name: str
    ids: frozenset[str]
    packages: str
    core_os: str
    tomcats: tuple[str, ...]
    caches: tuple[str, ...]

    def caches_of(self, tomcat: str) -> tuple[str, ...]:
        """The two folders that an update clears."""
        return tuple(cache.format(tomcat=tomcat) for cache in self.caches)


DEBIAN = Distribution(
    "Debian",
    frozenset({"debian", "ubuntu"}),
    "deb",
    "ciphermail-core-os-debian",
    tuple(f"tomcat{number}" for number in range(9, 4, -1)),
    ("/var/cache/{tomcat}/Catalina/localhost/ciphermail", "/var/cache/{tomcat}/Catalina/localhost/web"),
)
REDHAT = Distribution(
    "Red Hat",
    frozenset({"rhel", "centos", "almalinux", "rocky", "fedora"}),
    "rpm",
    "ciphermail-core-os-rhel8",
    ("tomcat",),
    ("/var/cache/tomcat/work/Catalina/localhost/ciphermail", "/var/cache/tomcat/work/Catalina/localhost/web"),
)
SUSE = Distribution(
    "SUSE",
    frozenset({"suse", "opensuse", "sles"}),
    "rpm",
    "ciphermail-core-os-no-deps",  # the vendor has none with SUSE's names
    ("tomcat",),
    ("/srv/tomcat/webapps/ciphermail", "/srv/tomcat/webapps/web"),
)
DISTRIBUTIONS = (DEBIAN, REDHAT, SUSE)


def distribution_of(os_release: str) -> Distribution:
    """By the text of `/etc/os-release`: its ID, else the first of ID_LIKE that is known. Raises ApplianceError."""
    values = reading.os_release(os_release)
    for word in (values.get("ID", ""), *values.get("ID_LIKE", "").split()):
        for known in DISTRIBUTIONS:
            if _stem(word) in known.ids:
                return known
    named = values.get("PRETTY_NAME") or values.get("ID") or "a system that does not say what it is"
    ids = ", ".join(sorted(name for known in DISTRIBUTIONS for name in known.ids))
    raise ApplianceError(
        f"no update is known for {named}",
        hint=f"/etc/os-release must name one of these in ID or ID_LIKE: {ids}",
    )


def _stem(word: str) -> str:
    """opensuse-leap, opensuse-tumbleweed and sles_sap are named by what stands before."""
    return word.lower().replace("_", "-").partition("-")[0]
