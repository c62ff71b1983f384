"""What differs between the kinds of hosts that the vendor's packages run on: units, tools, folders, as data.

Source: the vendor's update procedure [F-UPDATE-1..3]. The order of restart is the same in all: rsyslog, Tomcat, the
back end, postfix.
"""

from dataclasses import dataclass

BACKEND_UNITS = {4: "djigzo", 5: "ciphermail-gateway-backend"}  # by the release's first number


@dataclass(frozen=True)
class Distribution:
    """`ids`: of `/etc/os-release`, in ID or ID_LIKE. `packages`: 'deb' or 'rpm'. `repositories`: their tool, beside
    which others may be installed. `core_os`: of a new set-up.

    `tomcats`: the units of which one is installed. `caches`: folders to be cleared, `apps`: where applications of the
    same Tomcat are, `log`: where Tomcat's log is, each with `{tomcat}` for that unit.
    """

    name: str
    ids: frozenset[str]
    packages: str
    repositories: str
    core_os: str
    tomcats: tuple[str, ...]
    caches: tuple[str, ...]
    apps: tuple[str, ...]
    log: str

    def caches_of(self, tomcat: str) -> tuple[str, ...]:
        """The two folders that an update clears."""
        return tuple(cache.format(tomcat=tomcat) for cache in self.caches)

    def apps_of(self, tomcat: str) -> tuple[str, ...]:
        return tuple(folder.format(tomcat=tomcat) for folder in self.apps)
