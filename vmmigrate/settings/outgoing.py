"""Which servers are asked before the switch: those that the new gateway's settings name, others by host and port."""

import re
from collections.abc import Iterable

from vmmigrate.reading import whole

NAMED = "named"
_SERVERS = 50  # each is asked at once
_ONE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?):([0-9]{1,5})")


def servers(words: Iterable[str]) -> tuple[str, ...]:
    """Each once. Raises ValueError for what is neither `named` nor HOST:PORT."""
    given = tuple(dict.fromkeys(words))
    if len(given) > _SERVERS:
        raise ValueError(f"{len(given)} servers are named; {_SERVERS} can be asked")
    for each in given:
        if each != NAMED:
            host_and_port(each)
    return given


def host_and_port(text: str) -> tuple[str, int]:
    """Raises ValueError."""
    found = _ONE.fullmatch(text)
    port = whole(found[2]) if found else None
    if found is None or port is None or not 0 < port < 65536:
        raise ValueError(
            f"{text!r} is no server that could be asked: give {NAMED}, or HOST:PORT with a port from 1 to 65535 (an"
            " IPv6 address in brackets)"
        )
    return found[1].strip("[]"), port
