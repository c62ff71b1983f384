"""The pairwise table of the stand-in console's switches: every two values of two switches meet in some row."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from allpairspy import AllPairs

from fixtures.appliance import shapes

PORTS = (2443, 8443)  # as 443 and 8443 are, without root
# What lets nobody pass is no matter of pairs: the session that ends with the upload has a test of its own.
_ALONE = {"session": ("upload",)}
FACTORS: dict[str, list[Any]] = {
    **{name: [each for each in values if each not in _ALONE.get(name, ())] for name, values in shapes.VALUES.items()},
    "port": list(PORTS),
    "password": ["", "backup pässword & more"],
}


@dataclass(frozen=True)
class Row:
    """One line: a shape's switches, the port, and the password that the backup is made with."""

    number: int
    shape: Mapping[str, Any]
    port: int
    password: str

    def __str__(self) -> str:
        telling = (self.shape[name] for name in ("menu", "login", "download", "restore", "session"))
        return f"{self.number:02}-{'-'.join(telling)}"

    @property
    def command(self) -> str:
        """What serves this row by hand."""
        flags = [f"--shape {name}={value}" for name, value in self.shape.items() if value != shapes.VALUES[name][0]]
        return " ".join([f"python -m fixtures.appliance.console … --port {self.port}", *flags])


def rows() -> list[Row]:
    """The same ones each time: allpairspy draws no lots."""
    return _rows(AllPairs(list(FACTORS.values())))


def drawn(count: int) -> list[Row]:
    """Shapes drawn by lot, always the same: where three values meet, pairs say nothing."""
    lot = random.Random(3)  # noqa: S311 -- no secret is drawn
    return _rows([lot.choice(values) for values in FACTORS.values()] for _ in range(count))


def _rows(table: Iterable[list[Any]]) -> list[Row]:
    lines = [dict(zip(FACTORS, chosen, strict=True)) for chosen in table]
    return [Row(number, line, line.pop("port"), line.pop("password")) for number, line in enumerate(lines, 1)]
