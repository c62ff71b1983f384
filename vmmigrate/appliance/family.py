"""Version families as a table, and how to detect an appliance's family over a shell."""

import re
from dataclasses import dataclass

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError

_NAMES = (
    "djigzo",
    "djigzo-web",
    "djigzo-postgres",
    "ciphermail-core-os-debian",
    "ciphermail-core-os-rhel8",
    "ciphermail-core-os-no-deps",
    "ciphermail-gateway-backend",
    "ciphermail-admin-ui",
    "ciphermail-cli",
)
_DPKG = ("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n", *_NAMES)
_TOMCATS, _SYSLOG = "tomcat*", "rsyslog.service"
_RPM = ("rpm", "-q", "--qf", "%{NAME} %{VERSION}-%{RELEASE} installed\\n", *_NAMES)


@dataclass(frozen=True)
class Family:
    """One row of the facts' table. `main`: the package whose version is the appliance's."""

    name: str
    main: str
    backend: str
    database: str
    has_tomcat: bool


FAMILIES = (
    Family("4.x", "djigzo", "djigzo", "postgresql", has_tomcat=True),
    Family("5.x", "djigzo", "ciphermail-gateway-backend", "postgresql", has_tomcat=True),
    Family("6.x", "ciphermail-gateway-backend", "ciphermail-gateway-backend", "mariadb", has_tomcat=False),
)
_FOUR, _FIVE, _SIX = FAMILIES


@dataclass(frozen=True)
class Units:
    """Names of the systemd units. `web` is None in 6.x, `syslog` where no rsyslog is installed."""

    backend: str
    web: str | None
    mta: str
    database: str
    syslog: str | None

    @property
    def restart_order(self) -> tuple[str, ...]:
        """rsyslog, Tomcat, back end, Postfix [facts: package update]; what is absent is left out."""
        return tuple(unit for unit in (self.syslog, self.web, self.backend, self.mta) if unit)


@dataclass(frozen=True)
class Software:
    """What is installed. `family`: '4.x', '5.x', '6.x'; `packages`: name → version, empty if none was found."""

    family: str
    packages: dict[str, str]
    units: Units

    @property
    def version(self) -> str:
        """The version of the main package, '' if it is not known."""
        row = next(row for row in FAMILIES if row.name == self.family)
        return self.packages.get(row.main, "")

    @property
    def server_xml(self) -> str:
        """Where Tomcat's server.xml lies. Raises ApplianceError in a family without Tomcat."""
        if self.units.web is None:
            raise ApplianceError(
                f"an appliance of family {self.family} has no Tomcat",
                hint="only 4.x and 5.x are known well enough",
            )
        return f"/etc/{self.units.web}/server.xml"


def detect(shell: Shell) -> Software:
    """Packages, then units, then jar layout, then Postfix's parameters. Raises ApplianceError where unknown."""
    look = LookingShell(shell)
    look.ahead(_DPKG, _RPM, _listing(_TOMCATS), _listing(_SYSLOG))
    packages = _packages(look)
    family = _by_packages(look, packages) or _by_unit(look) or _by_jars(look) or _by_postfix(look)
    if family is None:
        raise ApplianceError(
            f"{shell.host} shows no sign of the gateway: no package, unit, jar or Postfix parameter of it",
            hint="is this the right machine?",
        )
    return Software(family.name, packages, _units(look, family))


def _packages(shell: Shell) -> dict[str, str]:
    """Installed ones of the names above. dpkg-query and rpm end with 1 where one name is unknown."""
    for query in (_DPKG, _RPM):
        lines = [line.split() for line in shell.run(query, check=False).stdout.splitlines()]
        found = {words[0]: words[1] for words in lines if len(words) == 3 and words[2] == "installed"}
        if found:
            return found
    return {}


def _by_packages(shell: Shell, packages: dict[str, str]) -> Family | None:
    if version := packages.get("djigzo"):
        major = re.match(r"(?:\d+:)?(\d+)\.", version)
        known = {"4": _FOUR, "5": _FIVE}.get(major[1] if major else "")
        if known is None:
            raise ApplianceError(
                f"{shell.host} has djigzo {version}, which is of no known family",
                hint="4.x and 5.x are known",
            )
        return known
    return _SIX if _SIX.main in packages else None


def _by_unit(shell: Shell) -> Family | None:
    if _unit_files(shell, f"{_FIVE.backend}.service"):
        return _FIVE if _tomcats(shell) else _SIX
    return _FOUR if _unit_files(shell, f"{_FOUR.backend}.service") else None


def _by_jars(shell: Shell) -> Family | None:
    for family, path in ((_FIVE, "/usr/share/djigzo/lib"), (_FOUR, "/usr/share/djigzo/djigzo.jar")):
        if shell.run(("test", "-e", path), check=False).status == 0:
            return family
    return None


def _by_postfix(shell: Shell) -> Family | None:
    """`ciphermail_*` means 6; `djigzo_*` alone leaves 4 and 5 open, so that it is not taken for an answer."""
    settings = shell.run(("postconf", "-n"), user="root", check=False).stdout
    if re.search(r"^djigzo_", settings, re.MULTILINE):
        raise ApplianceError(
            f"{shell.host} has the gateway's Postfix parameters, but neither its packages nor its units",
            hint="4.x and 5.x cannot be distinguished: is the installation complete?",
        )
    return _SIX if re.search(r"^ciphermail_", settings, re.MULTILINE) else None


def _units(shell: Shell, family: Family) -> Units:
    return Units(
        backend=family.backend,
        web=_tomcat(shell) if family.has_tomcat else None,
        mta="postfix",
        database=family.database,
        syslog="rsyslog" if _unit_files(shell, _SYSLOG) else None,
    )


def _tomcat(shell: Shell) -> str:
    """The one installed Tomcat; of several the one that is enabled. `tomcat[5-9]` is the manual's notation."""
    found = _tomcats(shell)
    names = list(found) if len(found) == 1 else [name for name, state in found.items() if state == "enabled"]
    if len(names) != 1:
        raise ApplianceError(
            f"{shell.host} has {'no Tomcat unit' if not found else 'several: ' + ', '.join(sorted(found))}",
            hint="one Tomcat unit, tomcat or tomcat5 to tomcat9, must be installed and enabled",
        )
    if names[0] == "tomcat10":
        raise ApplianceError(f"{shell.host} has Tomcat 10, on which the console does not run", hint="install Tomcat 9")
    return names[0]


def _tomcats(shell: Shell) -> dict[str, str]:
    units = _unit_files(shell, _TOMCATS)
    return {name: state for name, state in units.items() if re.fullmatch(r"tomcat\d*", name)}


def _unit_files(shell: Shell, pattern: str) -> dict[str, str]:
    """Unit (without .service) → state. systemctl ends with 1 where nothing matches."""
    lines = [line.split() for line in shell.run(_listing(pattern), check=False).stdout.splitlines()]
    return {w[0].removesuffix(".service"): w[1] for w in lines if len(w) >= 2 and w[0].endswith(".service")}


def _listing(pattern: str) -> tuple[str, ...]:
    return ("systemctl", "list-unit-files", "--no-legend", "--plain", pattern)
