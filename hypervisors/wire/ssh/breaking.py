"""What a session that ended too early is, whichever of paramiko's errors said so."""


class BrokeOff(ConnectionError):
    """The session, or one channel in it, ended before its answer was complete."""
