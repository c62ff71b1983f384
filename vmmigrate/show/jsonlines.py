"""Show a run's events, and results, as one JSON object a line."""

import dataclasses
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from vmmigrate.events import Event, RunEnded
from vmmigrate.show.mail import mail_json


class JsonLines:
    """One JSON object a line; `event` is the kind, `at` when it was reported, the rest its fields."""

    def __init__(self, out: TextIO, wall: Callable[[], float] = time.time) -> None:
        self._out, self._wall = out, wall

    def __call__(self, event: Event) -> None:
        at = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds")
        self.write({"event": type(event).__name__, "at": at, **dataclasses.asdict(event), **_flat(event)})

    def write(self, data: dict[str, object]) -> None:
        self._out.write(json.dumps(data) + "\n")
        self._out.flush()


def _flat(event: Event) -> dict[str, object]:
    """Each machine is a field of its own too: "old VM" as old_vm; of the mail, also the words."""
    if not isinstance(event, RunEnded):
        return {}
    machines = {label.lower().replace(" ", "_"): stands for label, stands in event.machines.items()}
    return {**machines, "mail": mail_json(event.mail)}
