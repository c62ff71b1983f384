"""What both dialects of the guest's firewall agree on: names, ports, and whose packets pass."""

import ipaddress
from dataclasses import dataclass

from vmmigrate.errors import UsageProblem

ISOLATION = "vmmigrate_isolation"
INTAKE = "vmmigrate_intake"
CONSOLE = "vmmigrate_console"
MANAGED_PORTS = (22, 25, 443, 465, 587, 8443)
INTAKE_PORTS = (25, 465, 587)
CONSOLE_PORTS = (443, 8443)


@dataclass(frozen=True)
class Addresses:
    """Addresses by version, each sorted."""

    v4: tuple[str, ...]
    v6: tuple[str, ...]

    @classmethod
    def of(cls, texts: tuple[str, ...]) -> "Addresses":
        """Raises UsageProblem. Scopes (`fe80::1%eth0`) are left off: a firewall knows none."""
        try:
            parsed = {ipaddress.ip_address(text.split("%")[0]) for text in texts}
        except ValueError as error:
            raise UsageProblem(str(error), hint="give IP addresses, not names") from error
        # An IPv4 address seen through a dual-stack socket comes as ::ffff:192.0.2.1
        plain = {getattr(address, "ipv4_mapped", None) or address for address in parsed}
        return cls(
            tuple(str(a) for a in sorted(a for a in plain if isinstance(a, ipaddress.IPv4Address))),
            tuple(str(a) for a in sorted(a for a in plain if isinstance(a, ipaddress.IPv6Address))),
        )
