"""What waits in Postfix's queues, as `postqueue -j` lists it: also of a Postfix that is stopped, if root asks."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.several import Line
from vmmigrate.errors import ApplianceError
from vmmigrate.reading import from_json, whole

# `postqueue -j` breaks off where a message leaves while it is listed ("malformed showq server response", Postfix 3.7).
COMMAND = ("postqueue", "-j")
QUESTION = Line(
    """n=0
while :; do
    said=$(""",
    COMMAND,
    """) && break
    status=$? n=$((n + 1))
    if test $n -ge 8; then exit $status; fi
    sleep 0.$n
done
if test -n "$said"; then printf '%s\\n' "$said"; fi
""",
    name="vmmigrate-queue-list",
)
HOLD = "hold"
SETTLING = ("active", "incoming", "maildrop")  # queues that empty within moments


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

    @property
    def settling(self) -> int:
        """Those that leave, or are deferred, within moments."""
        return sum(self.counts.get(name, 0) for name in SETTLING)

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items())) or "empty"


def counted(messages: Iterable[Message]) -> Queues:
    return Queues(dict(Counter(message.queue for message in messages)))


def ids(shell: Shell, host: str) -> frozenset[str]:
    """Of all that waits there. `host`: what an error calls it. Raises CommandFailed, ApplianceError."""
    return frozenset(message.id for message in parse(host, shell.run(QUESTION, user="root").stdout))


def parse(host: str, listed: str) -> tuple[Message, ...]:
    """Raises ApplianceError."""
    try:
        return tuple(_message(from_json(line)) for line in listed.splitlines() if line.strip())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ApplianceError(
            f"{host}: `postqueue -j` printed something else than a queue's listing",
            hint="Postfix 3.1 or newer is needed",
        ) from error


def _message(entry: dict[str, object]) -> Message:
    """Names alone are needed to count; the rest is for the account."""
    recipients = entry.get("recipients") or []
    if not isinstance(recipients, list) or not isinstance(entry["queue_name"], str):
        raise TypeError("no message")
    return Message(
        entry["queue_name"],
        str(entry.get("queue_id", "")),
        whole(str(entry.get("arrival_time", 0))) or 0,
        whole(str(entry.get("message_size", 0))) or 0,
        str(entry.get("sender", "")),
        tuple(str(each["address"]) for each in recipients),
    )
