"""What a session that ended too early is, whichever of paramiko's errors said so, and why it ended."""

import paramiko

from hypervisors.wire.faults import plainly
from hypervisors.words import in_one_line


class BrokeOff(ConnectionError):
    """The session, or one channel in it, ended before its answer was complete."""


def broke_off(transport: paramiko.Transport, error: BaseException) -> BrokeOff:
    """With the server's last words, or what the session's own thread met: who waits at it hears only "is closed"."""
    if farewell := getattr(transport, "farewell", ""):
        return BrokeOff(in_one_line(farewell))
    return BrokeOff(plainly(getattr(transport, "ended_by", None) or error))
