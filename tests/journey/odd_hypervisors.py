"""Hypervisors that lack or do one thing, by name, for the child of the journeys."""

import os
import signal

from fixtures.memory import MemoryHypervisor
from hypervisors import Store, VmRef


class WithoutAgent(MemoryHypervisor):
    """Lacks the ability GuestAgent."""

    agent_answers = None  # type: ignore[assignment]
    read_guest_file = None  # type: ignore[assignment]


class SilentAgent(MemoryHypervisor):
    """Could ask a guest agent, but the image has none."""

    def agent_answers(self, vm: VmRef) -> bool:
        return False


class Buggy(MemoryHypervisor):
    """What no adapter should raise."""

    def start(self, vm: VmRef) -> None:
        raise ZeroDivisionError("division by nothing")


class CtrlC(MemoryHypervisor):
    """Somebody presses Ctrl-C while the plan is made."""

    def stores(self) -> tuple[Store, ...]:
        os.kill(os.getpid(), signal.SIGINT)
        return super().stores()


_ALL = {kind.__name__: kind for kind in (MemoryHypervisor, WithoutAgent, SilentAgent, Buggy, CtrlC)}


def named(name: str) -> type[MemoryHypervisor]:
    return _ALL[name]
