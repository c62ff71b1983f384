"""What waits in Postfix's queues, as `postqueue -j` lists it: also of a Postfix that is stopped, if root asks."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from vmmigrate.errors import ApplianceError

QUESTION = ("postqueue", "-j")
HOLD = "hold"


@dataclass(frozen=True)
class Message:
    """One message that waits. `arrived`: Unix seconds. `size` in bytes. `sender`: '' of a bounce."""

    queue: str
    id: str
    arrived: int = 0
    size: int = 0
    sender: str = ""
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Queues:
    """Messages in Postfix's queues by name ('active', 'deferred', 'hold', 'incoming', 'maildrop')."""

    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items())) or "empty"


def counted(messages: Iterable[Message]) -> Queues:
    return Queues(dict(Counter(message.queue for message in messages)))


def parse(host: str, listed: str) -> tuple[Message, ...]:
    """Raises ApplianceError."""
    try:
        return tuple(_message(json.loads(line)) for line in listed.splitlines() if line.strip())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ApplianceError(
            f"{host}: `postqueue -j` printed something else than a queue's listing",
            hint="Postfix 3.1 or newer is needed",
        ) from error


def _message(entry: dict[str, object]) -> Message:
    """Names alone are needed to count; the rest is for the account."""
    recipients = entry.get("recipients") or []
    assert isinstance(recipients, list)
    return Message(
        str(entry["queue_name"]),
        str(entry.get("queue_id", "")),
        int(str(entry.get("arrival_time", 0))),
        int(str(entry.get("message_size", 0))),
        str(entry.get("sender", "")),
        tuple(str(each["address"]) for each in recipients),
    )
