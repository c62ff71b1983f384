"""Which messages were carried: ids, queue, size and age, with sender and recipients as keyed digests."""

import hmac
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from vmmigrate.appliance.queues.carrying import Arrived
from vmmigrate.appliance.queues.listing import Message
from vmmigrate.errors import RunFolderFailed
from vmmigrate.reading import from_json


@dataclass(frozen=True)
class Line:
    """One message. `sender`, `recipients`: HMAC-SHA-256, hex. `arrived`: Unix seconds. `size`: bytes."""

    queue: str
    old_id: str
    new_id: str
    arrived: int
    size: int
    sender: str
    recipients: tuple[str, ...]


def lines(came: Iterable[Arrived], waiting: Iterable[Message], key: bytes) -> tuple[Line, ...]:
    """One for each that arrived. What was submitted after the listing has no sender here."""
    listed = {message.id: message for message in waiting}
    return tuple(_line(each, listed.get(each.old_id, Message(each.queue, each.old_id)), key) for each in came)


def _line(each: Arrived, message: Message, key: bytes) -> Line:
    sender, *recipients = (of(key, address) for address in (message.sender, *message.recipients))
    return Line(each.queue, each.old_id, each.new_id, message.arrived, message.size, sender, tuple(recipients))


def of(key: bytes, text: str) -> str:
    """The keyed digest by which an address is known in it."""
    return hmac.digest(key, text.encode(errors="surrogatepass"), "sha256").hex()


def as_file(found: Sequence[Line]) -> BinaryIO:
    return io.BytesIO(b"".join(json.dumps(asdict(line)).encode() + b"\n" for line in found))


def from_file(data: bytes) -> tuple[Line, ...]:
    """Raises RunFolderFailed for another file than `as_file` makes."""
    try:
        return tuple(_read(from_json(line)) for line in data.splitlines())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunFolderFailed(
            f"the list of the mail that was carried is another one than this program writes: {error}",
            hint="restore queue-manifest.age in the run's folder from a backup, then run this again",
        ) from error


def _read(entry: dict[str, Any]) -> Line:
    line = Line(**{**entry, "recipients": tuple(entry["recipients"])})
    words = (line.queue, line.old_id, line.new_id, line.sender, *line.recipients)
    if not all(isinstance(each, str) for each in words):
        raise TypeError("a message has a field that is not text")
    return line


def digest(found: Sequence[Line], key: bytes) -> str:
    """Of all of it, for the journal."""
    return hmac.digest(key, as_file(found).read(), "sha256").hex()
