"""What a form of the console asks for, and what a browser would send for it. Pure data."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hypervisors import printable

Filled = Mapping["Field", str]  # the values to fill in; an empty string leaves a checkbox out
UPLOAD = "multipart/form-data"


@dataclass(frozen=True)
class Choice:
    """One radio button or option of a select."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Field:
    """What a form sends under one name.

    `kind`: an input's type, or 'select', 'textarea', 'submit' (a button too), 'image'. `value` is what is served;
    a checkbox is sent where `chosen`; radio buttons of one name are one field with `choices`. `group`: the heading
    above it. `action`, `method`, `enctype`: if a button has its own. `place`: its number in the form.
    `row`: for a button, the text of the list entry that it belongs to; '' if there is none.
    """

    name: str
    kind: str
    value: str
    label: str
    chosen: bool = False
    choices: tuple[Choice, ...] = ()
    group: str = ""
    required: bool = False
    action: str = ""
    method: str = ""
    enctype: str = ""
    place: int = 0
    row: str = ""

    @property
    def caption(self) -> str:
        """The text on a button."""
        return " ".join(printable(self.label or self.value).split())

    @property
    def words(self) -> str:
        """The label, and those of its choices."""
        return " ".join([self.label, *(choice.label for choice in self.choices)])


@dataclass(frozen=True)
class Form:
    """`action` is absolute. Fields are in the order of the page. `about`: its heading, name and class.

    `page`: the address of its page. `encoding`: the character encoding of what is sent.
    """

    action: str
    method: str
    fields: tuple[Field, ...]
    enctype: str = ""
    about: str = ""
    page: str = ""
    encoding: str = "utf-8"

    @property
    def buttons(self) -> tuple[Field, ...]:
        return self.of_kind("submit", "image")

    @property
    def shown(self) -> tuple[Field, ...]:
        """The fields that a person fills in."""
        return tuple(
            field for field in self.fields if field.kind not in ("hidden", "submit", "image", "button", "reset")
        )

    def of_kind(self, *kinds: str) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind in kinds)

    def named(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name and field.kind != "hidden"), None)

    def labelled(self, pattern: str) -> tuple[Field, ...]:
        """Fields to fill in whose label (or a choice's) matches, whatever the case."""
        return tuple(field for field in self.shown if re.search(pattern, field.words, re.IGNORECASE))

    def sent_to(self, button: Field | None) -> tuple[str, str]:
        """Method in lower case and absolute address; a button may have its own."""
        return (button.method if button else "") or self.method, (button.action if button else "") or self.action

    def sent_as(self, button: Field | None) -> str:
        return (button.enctype if button else "") or self.enctype

    def submission(self, filled: Filled, button: Field | None) -> list[tuple[str, str]]:
        """What a browser would send: hidden and preset fields as served, what is `filled`, the button pressed.

        The caller adds the file inputs.
        """
        return [pair for field in self.fields for pair in _sent(field, filled, button)]

    def describe(self) -> str:
        """For a message: the fields by label and kind, no values."""
        shown = [f"{field.label or field.name or '?'} ({field.kind})" for field in self.shown]
        return ", ".join(shown + [f"{button.caption or button.name or '?'} (button)" for button in self.buttons])


def _sent(field: Field, filled: Filled, button: Field | None) -> Iterator[tuple[str, str]]:
    if field.kind == "image" and field == button:
        at = f"{field.name}." if field.name else ""
        yield from ((f"{at}x", "1"), (f"{at}y", "1"))
    elif not field.name or field.kind in ("file", "button", "reset", "image"):
        return
    elif field.kind == "submit":
        if field == button:
            yield field.name, field.value
    elif field.kind == "checkbox":
        if filled.get(field, field.value if field.chosen else ""):
            yield field.name, field.value
    elif field.choices and field not in filled:
        yield from ((field.name, choice.value) for choice in field.choices if choice.chosen)
    else:
        yield field.name, filled.get(field, field.value)
