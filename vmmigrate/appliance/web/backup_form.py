"""What to fill into the form that makes a backup, and which button to press: a table of decisions."""

from hypervisors import Secret
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.choices import (
    BY_HAND,
    NO_PASSWORD,
    TURNS_ASIDE,
    boxes,
    button_for,
    caption,
    field_name,
    passwords,
    place,
    where,
)
from vmmigrate.appliance.web.decisions import Decision, Decisions, full
from vmmigrate.appliance.web.forms import Field, Filled, Form
from vmmigrate.appliance.web.scoring import Sign, says
from vmmigrate.errors import NotDiscovered

_NO_DATABASE = Decision[Field](
    "backup.no_database",
    "checkbox that leaves the database out",
    field_name,
    (
        Sign(5, "leaves the database out", lambda box: says(words.DATABASE, box.label) and says(words.NOT, box.label)),
        Sign(4, "takes only the configuration", lambda box: says(r"(config\w*|settings)( files)? only", box.label)),
    ),
    enough=4,
)
_DATABASE = Decision[Field](
    "backup.database",
    "checkbox that includes the database",
    field_name,
    (Sign(5, "includes the database", lambda box: says(words.DATABASE, box.label) and not says(words.NOT, box.label)),),
    enough=5,
)
_NOT_A_BACKUP = (
    rf"{words.RESTORE}|{words.SCHEDULE}|{words.SETTINGS}|{words.ELSEWHERE}|{words.UPLOAD}|verif|^(save|apply)$"
)
_BUTTON = Decision[Field](
    "backup.button",
    "button that starts the backup",
    caption,
    (
        Sign(4, "says backup", lambda button: says(words.EXPORT, button.caption)),
        Sign(3, "says download", lambda button: says(words.DOWNLOAD, button.caption)),
        Sign(2, "makes something", lambda button: says(words.MAKE, button.caption)),
        Sign(-9, "does something else", lambda button: says(_NOT_A_BACKUP, button.caption)),
        TURNS_ASIDE,
    ),
    hint=BY_HAND,
    allowed=lambda button: not says(words.ACTS, button.caption),
)


def choices(decisions: Decisions, form: Form, password: Secret | None) -> Filled:
    """Password, location 'download', and the database with it."""
    filled = dict(passwords(decisions, "backup", form, password))
    if password and not filled:
        raise NotDiscovered(f"no password field found, {where(form)}", hint=NO_PASSWORD, keys=full("backup.password"))
    filled |= place(decisions, "backup", "download", words.DOWNLOAD, form)
    without = decisions.perhaps(_NO_DATABASE, boxes(form), where(form))
    others = [box for box in boxes(form) if box != without]
    within = decisions.perhaps(_DATABASE, others, where(form))
    _refuse_unknown([box for box in others if box != within], form)
    return filled | ({without: ""} if without else {}) | ({within: within.value} if within else {})


def _refuse_unknown(unknown: list[Field], form: Form) -> None:
    """A ticked box that says nothing may be the one that leaves the database out."""
    for box in unknown:
        if box.chosen and not box.label:
            raise NotDiscovered(
                f"the box {box.name!r} is ticked and has no label: does it leave the database out? Seen {where(form)}",
                hint=BY_HAND,
                keys=full("backup.no_database", "backup.database"),
            )


def button(decisions: Decisions, form: Form) -> Field | None:
    return button_for(decisions, _BUTTON, form)
