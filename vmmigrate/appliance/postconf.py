"""Parameters of main.cf with their `$name` and conditions worked out, as Postfix does (postconf(5), mac_expand.c)."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import MAIN_CF_ASKED, MAIN_CF_DEPTH, MAIN_CF_STEPS, MAIN_CF_VALUE

_DEEPEST = MAIN_CF_DEPTH.most
_MOST = MAIN_CF_STEPS.most
_LONGEST = MAIN_CF_VALUE.most
_MOST_ASKED = MAIN_CF_ASKED.most
_SHOWN = 200  # characters of the value in a message
_NAME = re.compile(r"\s*(\w+)\s*")
_OPERATORS: dict[str, Callable[[int, int], bool] | Callable[[str, str], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_OPERATOR = re.compile(r"\s*([=!<>]=|[<>])(level)?\s*(?=\{)")
_LEVEL = re.compile(r"\s*([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")
_HIGHEST = 1023  # minor number or patch of a level
_CLOSING = {"{": "}", "(": ")"}


def expanded(shell: Shell, values: Mapping[str, str], value: str) -> str:
    """A value with its `$name`, `${name?…:…}` and `${{a} == {b} ? …}` replaced; defaults are asked for."""
    return _Expansion(shell, values, value).of(value, 0)


def is_yes(value: str) -> bool:
    """A boolean of Postfix, in any case of its letters."""
    return value.strip().lower() == "yes"


@dataclass(frozen=True)
class _Expansion:
    """`whole`: the value that was asked for, to be named where it cannot be worked out. `defaults`: as asked for."""

    shell: Shell
    values: Mapping[str, str]
    whole: str
    defaults: dict[str, str] = field(default_factory=dict)
    steps: Iterator[int] = field(default_factory=count)

    def of(self, text: str, depth: int) -> str:
        if depth > _DEEPEST:
            raise self._bad("refer to themselves")
        if len(text) > _LONGEST:
            raise self._bad("make a value that is too long")
        made, at = "", 0
        while (dollar := text.find("$", at)) >= 0:
            made += text[at:dollar]
            inside, at = self._macro(text, dollar + 1)
            made += "$" if inside == "$" else self._value(inside, depth + 1)
            if len(made) > _LONGEST or next(self.steps) > _MOST:
                raise self._bad("make a value that is too long")
        return made + text[at:]

    def _macro(self, text: str, at: int) -> tuple[str, int]:
        """What stands behind a dollar, without its brackets, and where it ends. A doubled dollar is one."""
        if text[at : at + 1] == "$":
            return "$", at + 1
        if text[at : at + 1] in _CLOSING:
            return self._bracketed(text, at)
        name = re.compile(r"\w*").match(text, at)
        assert name  # of nothing too
        return name[0], name.end()

    def _bracketed(self, text: str, at: int) -> tuple[str, int]:
        """The content of the bracket at `at`, and where it ends; brackets of its kind within it are balanced."""
        opening, closing, depth = text[at], _CLOSING[text[at]], 0
        for index in range(at, len(text)):
            depth += (text[index] == opening) - (text[index] == closing)
            if depth == 0:
                return text[at + 1 : index], index + 1
        raise self._bad("have a bracket that is not closed")

    def _value(self, inside: str, depth: int) -> str:
        if inside.lstrip().startswith("{"):
            holds, rest = self._relation(inside.lstrip(), depth)
            raw = "true" if holds else ""
        else:
            name = _NAME.match(inside)
            raw, rest = (self._raw(name[1]), inside[name.end() :]) if name else ("", inside)
        return self.of(self._branch(raw, rest.strip()) if rest.strip() else raw, depth)

    def _branch(self, raw: str, rest: str) -> str:
        """Which text of `?…` and `:…` counts: that of a parameter that is set, or the other one."""
        sign, text = rest[0], rest[1:]
        if sign not in "?:":
            raise self._bad("have a condition that is not understood")
        other = ""
        if text.lstrip().startswith("{"):
            text, end = self._bracketed(text.lstrip(), 0)
            other = rest[1:].lstrip()[end:].strip().removeprefix(":").strip()
        if other.startswith("{"):
            other, _ = self._bracketed(other, 0)
        yes, no = (text, other) if sign == "?" else ("", text)
        return yes if raw else no

    def _relation(self, inside: str, depth: int) -> tuple[bool, str]:
        left, at = self._bracketed(inside, 0)
        found = _OPERATOR.match(inside, at)
        if not found:
            raise self._bad("have a comparison that is not understood")
        right, at = self._bracketed(inside, found.end())
        sides = self.of(left, depth), self.of(right, depth)
        numbers = all(re.fullmatch(r"[0-9]{1,20}", side) for side in sides)  # longer ones Postfix cannot read either
        compare: Callable[[object, object], bool] = _OPERATORS[found[1]]  # type: ignore[assignment]
        if found[2]:
            return compare(*map(self._level, sides)), inside[at:]
        return compare(*map(int, sides)) if numbers else compare(*sides), inside[at:]

    def _level(self, text: str) -> tuple[int, ...]:
        """Of compatibility_level, since Postfix 3.6: 3.10 is above 3.9, and 3 is 3.0.0."""
        found = _LEVEL.fullmatch(text)
        level = tuple(int(number or 0) for number in found.groups()) if found else (0, _HIGHEST + 1)
        if max(level[1:]) > _HIGHEST:
            raise self._bad("compare a compatibility level that is not understood")
        return level

    def _raw(self, name: str) -> str:
        if name in self.values:
            return self.values[name]
        if name not in self.defaults:
            if len(self.defaults) >= _MOST_ASKED:
                raise self._bad("name too many others that it does not set")
            self.defaults[name] = self.shell.run(("postconf", "-h", name), user="root", check=False).stdout.strip()
        return self.defaults[name]

    def _bad(self, what: str) -> ApplianceError:
        return ApplianceError(
            f"{self.shell.host}: parameters of main.cf {what}: {self.whole[:_SHOWN]}", hint="fix /etc/postfix/main.cf"
        )
