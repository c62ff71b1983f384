"""Open libvirt through a tunnel of ours, and say in plain words why it did not lead there."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar
from urllib.parse import SplitResult, quote

from hypervisors.access import SshAccess
from hypervisors.errors import Problem
from hypervisors.kvm import ssh_words
from hypervisors.kvm.ssh_command import command_line
from hypervisors.kvm.transports import scheme_of
from hypervisors.kvm.tunnel import Tunnel

T = TypeVar("T")
_NEGOTIATED = {"ssh-rsa": ("rsa-sha2-*", "ssh-rsa*")}  # where it is not called as the kind of key is


def opened(parts: SplitResult, access: SshAccess, open_at: Callable[[str, Tunnel], T]) -> T:
    """What `open_at` makes of a URL of this machine.

    A server has several host keys and shows one; for a pin each is looked at. Nothing is sent before that.
    """
    seen: dict[str, str] = {}
    while True:
        without = tuple(name for kind in seen for name in _NEGOTIATED.get(kind, (f"{kind}*",)))
        with ExitStack() as failing:
            tunnel = Tunnel(command_line(parts, access, without_keys=without))
            failing.callback(tunnel.close)
            try:
                made = open_at(_through(parts, tunnel), tunnel)
                tunnel.leave_no_files()
                failing.pop_all()
                return made
            except Problem as error:
                words = tunnel.last_words()
                shown = ssh_words.another_key(words, access, seen)
                if shown is None:
                    raise ssh_words.problem(parts, access, words, tuple(seen.values()), error) from error
                seen.update(shown)


def _through(parts: SplitResult, tunnel: Tunnel) -> str:
    driver, _ = scheme_of(parts)
    return f"{driver}+unix://{parts.path}?socket={quote(str(tunnel.path))}"
