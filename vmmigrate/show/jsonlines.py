"""Show a run's events, and results, as one JSON object a line."""

import dataclasses
import json
from typing import TextIO

from vmmigrate.events import Event, RunEnded
from vmmigrate.show.mail import mail_json


class JsonLines:
    """One JSON object a line; `event` is the kind, the rest its fields."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        self.write({"event": type(event).__name__, **dataclasses.asdict(event), **_flat(event)})

    def write(self, data: dict[str, object]) -> None:
        self._out.write(json.dumps(data) + "\n")
        self._out.flush()


def _flat(event: Event) -> dict[str, object]:
    """Each machine is a field of its own too: "old VM" as old_vm; of the mail, also the words."""
    if not isinstance(event, RunEnded):
        return {}
    machines = {label.lower().replace(" ", "_"): stands for label, stands in event.machines.items()}
    return {**machines, "mail": mail_json(event.mail)}
