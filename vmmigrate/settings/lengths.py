"""Lengths of time as an operator writes them."""

import re

A_YEAR = 31_622_400.0  # seconds, a year of 366 days: clocks and sockets refuse what is longer by far, or endless
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(value: object) -> object:
    """Of `60s`, `2m`, `1h`; anything else than text as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    if found := re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)", value.strip()):
        length = float(found[1]) * _UNITS[found[2]]
        if length > 0:
            return length
    raise ValueError(f"{value!r} is no length of time; give it as 60s, 2m or 1h")
