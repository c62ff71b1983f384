"""Amounts with programmatic units, as an OVF writes them: "byte * 2^30", or an older tool's "MegaBytes"."""

import math
import re

_SHORT = ("{}b", "{}ib", "{}byte", "{}bytes")
_LONG = {"k": ("kilo", "kibi"), "m": ("mega", "mebi"), "g": ("giga", "gibi"), "t": ("tera", "tebi")}
_WORDS = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **{form.format(short): 1 << 10 * power for power, short in enumerate(_LONG, start=1) for form in _SHORT},
    **{
        f"{word}{byte}": 1 << 10 * power
        for power, words in enumerate(_LONG.values(), start=1)
        for word in words
        for byte in ("byte", "bytes")
    },
}
_FACTORS = 4
_FACTOR = re.compile(r"(\d{1,9})(?:\s*\^\s*(\d{1,2}))?", re.ASCII)


def bytes_in(unit: str) -> int:
    """The size of one `unit` in bytes [DSP0004, annex C]. Raises ValueError if it is not a unit of bytes."""
    word, *factors = (part.strip() for part in unit.lower().split("*"))
    if word not in _WORDS or len(factors) > _FACTORS or not all(map(_FACTOR.fullmatch, factors)):
        raise ValueError(f"{unit!r} is not a unit of bytes")
    size = _WORDS[word]
    for factor in factors:
        base, _, exponent = factor.partition("^")
        size *= math.prod([int(base)] * int(exponent or 1))
    return size
