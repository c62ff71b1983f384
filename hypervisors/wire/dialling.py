"""How a TCP connection begins: from this machine, or through whatever a Dial stands for."""

import ipaddress
import socket
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

# (host, port, seconds for connecting) → a connected socket: straight, or through a jump host. Raises OSError.
Dial = Callable[[str, int, float], socket.socket]
_BROADCAST = ipaddress.ip_address("255.255.255.255")
# Of 127.0.0.0/8 the one that each machine has; guests that run as processes have others.
_OURS = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")


def dial_straight(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection from this machine. `timeout` is for all of it: the name, and each address that it has."""
    deadline = monotonic() + timeout
    found = _looked_up(host, port, timeout)
    for left, (family, kind, protocol, _, address) in zip(range(len(found), 0, -1), found, strict=True):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(max((deadline - monotonic()) / left, 0.001))
            made.connect(address)
            made.settimeout(timeout)
        except OSError:
            made.close()
            if left == 1:
                raise
        else:
            return made
    raise OSError(f"{host} has no address")


def _looked_up(host: str, port: int, timeout: float) -> list[Any]:
    """As getaddrinfo, which no signal and no time-out ends: it is left behind in its thread."""
    found: SimpleQueue[list[Any] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except OSError as error:
            found.put(error)
        except ValueError:  # no name can be so: a part of it is empty or too long, or it has a zero
            found.put(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))

    Thread(target=look_up, name=f"the address of {host}", daemon=True).start()
    try:
        answer = found.get(timeout=timeout)
    except Empty:
        raise TimeoutError(f"no name server said within {timeout:g} s what address {host} has") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


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


def leads_to_one_machine(address: str) -> bool:
    """Whether what a guest reports as its address may be dialled: 0.0.0.0 and ::1 are this machine, which then answers.

    No name, none of its link alone (of no use without the interface), none of nobody or of many.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    of_many = found.is_multicast or found == _BROADCAST
    return not (found.is_unspecified or found.is_link_local or of_many or found in _OURS)
