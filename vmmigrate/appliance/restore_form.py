"""What to fill into the form that restores a backup, and what answers its questions: a table of decisions."""

import re

from hypervisors import Secret
from vmmigrate.appliance import vocabulary as words
from vmmigrate.appliance.choices import (
    TURNS_ASIDE,
    boxes,
    button_for,
    caption,
    field_name,
    named,
    passwords,
    place,
    where,
)
from vmmigrate.appliance.decisions import Decision, Decisions, full
from vmmigrate.appliance.forms import Field, Filled, Form
from vmmigrate.appliance.scoring import Sign, rank, says
from vmmigrate.errors import NotDiscovered

_FILE = Decision[Field](
    "restore.file",
    "field for the backup file",
    field_name,
    (
        Sign(1, "takes a file", lambda field: field.kind == "file"),
        Sign(
            3, "is labelled so", lambda field: says(f"{words.BACKUP}|archive|{words.RESTORE}", field.label, field.name)
        ),
        Sign(-4, "takes another kind of file", lambda field: named(words.OTHER_FILES, field)),
    ),
)
_CONFIRM = Decision[Field](
    "restore.confirm",
    "box that consents",
    field_name,
    (
        Sign(4, "consents", lambda box: says(words.CONSENT, box.label)),
        Sign(2, "is required", lambda box: box.required),
        Sign(-5, "leaves something out", lambda box: says(words.NOT, box.label) and not says(words.CONSENT, box.label)),
    ),
    enough=2,
)
_BUTTON = Decision[Field](
    "restore.button",
    "button that restores",
    caption,
    (
        Sign(4, "says restore", lambda button: says(words.RESTORE, button.caption)),
        Sign(3, "says upload", lambda button: says(words.UPLOAD, button.caption)),
        Sign(2, "sends", lambda button: says(rf"{words.MAKE}|{words.NEXT}", button.caption)),
        Sign(
            -6,
            "does something else",
            lambda button: (
                says(f"{words.EXPORT}|{words.DOWNLOAD}", button.caption) and not says(words.RESTORE, button.caption)
            ),
        ),
        TURNS_ASIDE,
    ),
    allowed=lambda button: not says(words.ACTS, button.caption),
)
_YES = Decision[Field](
    "restore.yes",
    "button that says yes",
    caption,
    (
        Sign(4, "says yes", lambda button: says(words.YES, button.caption)),
        Sign(-6, "says no", lambda button: says(words.NO, button.caption)),
    ),
    enough=4,
    allowed=lambda button: not says(words.ACTS, button.caption),
)


def file_field(decisions: Decisions, form: Form) -> Field:
    return decisions.one(_FILE, form.of_kind("file"), where(form))


def choices(decisions: Decisions, form: Form, password: Secret | None) -> Filled:
    """Password, the upload as source, and a tick where the form wants to be told that this overwrites all settings."""
    source = place(decisions, "restore", "upload", words.UPLOAD, form)
    return {**passwords(decisions, "restore", form, password), **source, **consent(decisions, form)}


def consent(decisions: Decisions, form: Form) -> Filled:
    """Every box that consents. A box that says nothing may be one: that is asked for."""
    likely = [each.thing for each in rank(boxes(form), _CONFIRM.signs) if each.points >= _CONFIRM.enough]
    silent = [box for box in boxes(form) if not box.label and not box.chosen]
    if decisions.pinned(_CONFIRM.key) and (likely or silent):
        likely = [decisions.one(_CONFIRM, boxes(form), where(form))]
    elif silent and not likely:
        raise NotDiscovered(
            f"the box {silent[0].name!r} says nothing: does it consent to the restore? Seen {where(form)}",
            hint="look at the page in a browser",
            keys=full(_CONFIRM.key),
        )
    for box in likely:
        decisions.note(_CONFIRM.key, box.name)
    return {box: box.value for box in likely}


def button(decisions: Decisions, form: Form) -> Field | None:
    return button_for(decisions, _BUTTON, form)


def yes_button(decisions: Decisions, form: Form) -> Field | None:
    """None where the form asks nothing that can be answered with yes."""
    return decisions.perhaps(_YES, form.buttons, where(form))


def uploaded(form: Form, name: str) -> Filled:
    """Of the archives that a form lists, the one that was just sent; nothing where it lists none or several such."""
    named_so = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", re.IGNORECASE)
    fits = [(field, choice) for field in form.fields for choice in field.choices if named_so.search(choice.label)]
    return {fits[0][0]: fits[0][1].value} if len(fits) == 1 else {}


def password_again(form: Form, password: Secret | None) -> Filled:
    """A question may ask for the archive's password again."""
    return {field: password.reveal() for field in form.of_kind("password")} if password else {}
