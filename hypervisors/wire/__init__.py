"""Reach another machine over TCP, TLS and SSH. This façade loads no library; `wire.ssh` loads paramiko."""

from hypervisors.wire.faults import plainly, root_of

__all__ = ["plainly", "root_of"]
