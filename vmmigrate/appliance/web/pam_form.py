"""The form that says whether Unix accounts may log in to the console by PAM: read, filled in, its button found."""

import re
from collections.abc import Iterator

from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.choices import TURNS_ASIDE, button_for, caption, field_name, where
from vmmigrate.appliance.web.decisions import Decision, Decisions, full
from vmmigrate.appliance.web.forms import Choice, Field, Filled, Form
from vmmigrate.appliance.web.scoring import Sign, says
from vmmigrate.errors import ApplianceError, NotDiscovered

BY_HAND = "set it in a browser, and leave --pam out"
_WORDS_OF_A_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")  # `disablePam`, `pam_disabled`
_BOX = Decision[Field](
    "pam.enabled",
    "box that lets Unix accounts log in by PAM",
    field_name,
    (
        Sign(5, "says PAM", lambda field: says(words.PAM, field.label)),
        Sign(3, "is called PAM", lambda field: says(words.PAM_NAME, field.name)),
        Sign(2, "is under a heading of PAM", lambda field: says(words.PAM, field.group)),
        Sign(2, "says enabled", lambda field: says(rf"{words.ON}|{words.OFF}", field.label)),
        Sign(-9, "is about something else", lambda field: says(words.BESIDE_PAM, field.label)),
    ),
    enough=3,
    hint=BY_HAND,
)
_BUTTON = Decision[Field](
    "pam.button",
    "button that keeps what is set",
    caption,
    (Sign(4, "keeps it", lambda button: says(words.SAVE, button.caption)), TURNS_ASIDE),
    hint=BY_HAND,
    allowed=lambda button: not says(words.ACTS, button.caption),
)


def candidates(form: Form) -> tuple[Field, ...]:
    """What can be on or off: a checkbox, or a choice of both."""
    return tuple(field for field in form.shown if field.kind == "checkbox" or _both(field))


def box(decisions: Decisions, form: Form) -> Field:
    """Raises NotDiscovered."""
    return decisions.one(_BOX, candidates(form), where(form))


def button(decisions: Decisions, form: Form) -> Field | None:
    """Raises NotDiscovered."""
    return button_for(decisions, _BUTTON, form)


def is_on(field: Field) -> bool:
    """As it was served. Raises NotDiscovered where neither choice is chosen, ApplianceError as `filled`."""
    if not field.choices:
        return field.chosen is not _turns_off(field)
    chosen = next((choice for choice in field.choices if choice.chosen), None)
    if chosen is None:
        raise NotDiscovered(
            f"{field.label or field.name} is neither on nor off", hint=BY_HAND, keys=full("pam.enabled")
        )
    return chosen == _choice(field, on=not _turns_off(field))


def filled(field: Field, *, on: bool) -> Filled:
    """Raises ApplianceError where a tick could mean either."""
    ticked = on is not _turns_off(field)
    if field.choices:
        return {field: _choice(field, on=ticked).value}
    return {field: (field.value or "on") if ticked else ""}


def _turns_off(field: Field) -> bool:
    """`Disable PAM`: a tick there means off. Raises ApplianceError where the words could mean either.

    A profile cannot settle that: it names the field, not what a tick there means.
    """
    name = _WORDS_OF_A_NAME.sub(" ", field.name)
    said = field.label or name
    if not any(says(words.DENIES, text) for text in (field.label, name, field.group)):
        return False
    denials = re.findall(words.DENIES, f"{said} {field.group}", re.IGNORECASE)
    if len(denials) == 1 and says(words.TURNS_OFF, said) and not says(words.ON, said):
        return True
    raise ApplianceError(
        f'a tick at "{said}" could turn log-ins by PAM on or off: its words say neither for sure', hint=BY_HAND
    )


def _both(field: Field) -> bool:
    return len(field.choices) == 2 and all(any(_saying(field, on=on)) for on in (True, False))


def _choice(field: Field, *, on: bool) -> Choice:
    return next(_saying(field, on=on))


def _saying(field: Field, *, on: bool) -> Iterator[Choice]:
    wholly = rf"^\W*({words.ON if on else words.OFF}|{'yes' if on else 'no'})\W*$"
    return (choice for choice in field.choices if says(wholly, choice.label or choice.value))
