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
