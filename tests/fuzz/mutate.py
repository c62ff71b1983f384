"""Damage a text or file in a way that a seed repeats: what tools and attackers do to it."""

from random import Random

_WORDS = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xc3\x28",
    "\u202e\u2028é".encode(),
    b"\n",
    b"\r\n",
    b"\x1b[2J",
    b"-1",
    b"0",
    b"99999999999999999999",
    b"1e999",
    b"NaN",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b"[" * 3000,
    b'{"a":' * 500,
    b"<a>" * 500,
    b"\\ud800",
    b"../../etc/passwd",
    b"$(id)",
    b"%s%n",
    b"=",
    b":",
    b",",
    b"'",
    b'"',
    b"|",
    b"/",
    b"*",
    b"A" * 5000,
)


_LARGEST = 1 << 20  # bytes; what repeats a line fifty times would repeat that again


def mutated(data: bytes, random: Random) -> bytes:
    """One to four changes."""
    for _ in range(random.randint(1, 4)):
        data = random.choice(_CHANGES)(data, random)[:_LARGEST]
    return data


def _flip(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << random.randrange(8),)) + data[at + 1 :]


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))]


def _without(data: bytes, random: Random) -> bytes:
    begin, end = sorted(random.randint(0, len(data)) for _ in "ab")
    return data[:begin] + data[min(end, begin + random.choice((1, 4, 32, len(data)))) :]


def _insert(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(_WORDS) + data[at:]


def _replace(data: bytes, random: Random) -> bytes:
    """A token by another one."""
    tokens = sorted({word for word in data.replace(b'"', b" ").replace(b":", b" ").split()[:400] if len(word) < 60})
    if not tokens:
        return data
    return data.replace(random.choice(tokens), random.choice((*_WORDS, random.choice(tokens))), random.choice((1, -1)))


def _repeat(data: bytes, random: Random) -> bytes:
    """A line many times, or the whole twice."""
    lines = data.splitlines(keepends=True)[:2000]
    if not lines:
        return data
    at = random.randrange(len(lines))
    return b"".join([*lines[:at], lines[at] * random.choice((2, 50)), *lines[at + 1 :]])


_CHANGES = (_flip, _cut, _without, _insert, _insert, _replace, _replace, _repeat)
