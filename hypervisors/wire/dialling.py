"""How a TCP connection begins: from this machine, or through whatever a Dial stands for."""

import ipaddress
import socket
from collections.abc import Callable

# (host, port, seconds for connecting) → a connected socket: straight, or through a jump host. Raises OSError.
Dial = Callable[[str, int, float], socket.socket]


def dial_straight(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection from this machine."""
    return socket.create_connection((host, port), timeout=timeout)


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def named_in_tls(host: str) -> str:
    """What a handshake names. The zone of a link-local address is this machine's matter, and no server knows it."""
    return host.partition("%")[0]


def is_loopback(host: str) -> bool:
    """By its address, or by a name that can have no other."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
