"""Reach another machine over TCP, TLS and SSH. This façade loads no library; `wire.ssh` loads paramiko."""

from hypervisors.wire.allowance import Allowance, Late, ended_by, shut
from hypervisors.wire.bounded import HttpAnswer
from hypervisors.wire.dialling import bracketed, is_loopback, named_in_tls
from hypervisors.wire.faults import plainly, root_of
from hypervisors.wire.proxies import proxy_address
from hypervisors.wire.tls import NOT_THE_PIN, certificate_refused, context_of_authorities, how_to_pin, leaf_shown

__all__ = [
    "NOT_THE_PIN",
    "Allowance",
    "HttpAnswer",
    "Late",
    "bracketed",
    "certificate_refused",
    "context_of_authorities",
    "ended_by",
    "how_to_pin",
    "is_loopback",
    "leaf_shown",
    "named_in_tls",
    "plainly",
    "proxy_address",
    "root_of",
    "shut",
]
