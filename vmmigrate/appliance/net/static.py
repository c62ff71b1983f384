"""A static address, as input for the tools that configure a network."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True)
class StaticAddress:
    """For one NIC. `cidr`: `192.0.2.10/24` or IPv6. `gateway` None: no default route over this NIC."""

    interface: str
    mac: str
    cidr: str
    gateway: str | None
    dns: tuple[str, ...]

    @property
    def parsed(self) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
        """Raises ValueError if `cidr` is none."""
        return ipaddress.ip_interface(self.cidr)
