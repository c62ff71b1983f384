"""Keep-alive for connections to a daemon: without it a call waits for ever for one that stopped answering."""

import threading
from functools import cache

import libvirt

_SECONDS, _MISSED = 5, 5  # a probe each so often; after so many without an answer the connection is closed


@cache
def start_pulse() -> None:
    """libvirt's event loop, in a thread of its own; once a process, before the first connection it serves."""
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_beat, name="libvirt-events", daemon=True).start()


def _beat() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def watch(connection: libvirt.virConnect) -> None:
    connection.setKeepAlive(_SECONDS, _MISSED)
