"""Amounts with programmatic units, as an OVF writes them: "byte * 2^30", or an older tool's "MegaBytes"."""

import math
import re

_WORDS = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **{f"{letter}b": 1 << 10 * power for power, letter in enumerate("kmgt", start=1)},
    **{f"{word}bytes": 1 << 10 * power for power, word in enumerate(("kilo", "mega", "giga", "tera"), start=1)},
}
_FACTORS = 4
_FACTOR = re.compile(r"(\d{1,9})(?:\^(\d{1,2}))?")


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
