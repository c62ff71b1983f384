"""Secrets that do not print, and texts of others without them."""

_KNOWN: set[str] = set()
_WORTH_HIDING = 8  # a shorter one (the stock `admin`) would blank out words that people need


def redacted(text: str) -> str:
    """The text without any secret of this process: for words that others wrote, such as a page or a traceback."""
    for value in _KNOWN:
        text = text.replace(value, "…")
    return text


class Secret:
    """A string that shows itself only when asked: never in repr, str, format, pickle or locals printed."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _WORTH_HIDING:
            _KNOWN.add(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
