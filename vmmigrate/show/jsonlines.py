"""Show a run's events, and results, as one JSON object a line."""

import dataclasses
import json
from typing import TextIO

from vmmigrate.events import Event


class JsonLines:
    """One JSON object a line; `event` is the kind, the rest its fields."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        self.write({"event": type(event).__name__, **dataclasses.asdict(event)})

    def write(self, data: dict[str, object]) -> None:
        self._out.write(json.dumps(data) + "\n")
        self._out.flush()
