"""What to fill into the form that restores a backup, and what answers its questions: a table of decisions."""

import re
from collections.abc import Sequence

from hypervisors import Secret
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.choices import (
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
from vmmigrate.appliance.web.decisions import Decision, Decisions, full, same
from vmmigrate.appliance.web.forms import Choice, Field, Filled, Form
from vmmigrate.appliance.web.listing import Way, address
from vmmigrate.appliance.web.listing import caption as caption_of
from vmmigrate.appliance.web.pages import Page
from vmmigrate.appliance.web.scoring import Sign, rank, says
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
_GO_ON = rf"\breally\b|\bcontinue\b|go ahead|\breplac|{words.RESTORE} (it|(this|the) ({words.BACKUP}|archive|file))"
_STAY = r"\b(keep|retain|preserv|cancel|abort|stop)"
_CONFIRM = Decision[Field](
    "restore.confirm",
    "checkbox that consents",
    field_name,
    (
        Sign(4, "consents", lambda box: says(words.CONSENT, box.label)),
        Sign(4, "asks whether to go on", lambda box: box.choices and says(_GO_ON, box.label)),
        Sign(-9, "keeps what is there", lambda box: box.choices and says(_STAY, box.label)),
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
    """Password, the upload as source, and the checkbox that confirms that all settings are overwritten."""
    source = place(decisions, "restore", "upload", words.UPLOAD, form)
    return {**passwords(decisions, "restore", form, password), **source, **consent(decisions, form)}


def consent(decisions: Decisions, form: Form) -> Filled:
    """Every checkbox, and every choice between yes and no, that consents. One without a label is an error."""
    may = (*boxes(form), *(field for field in form.shown if _yes(field)))
    likely = [each.thing for each in rank(may, _CONFIRM.signs) if each.points >= _CONFIRM.enough]
    silent = [field for field in may if not field.label and not field.chosen and not _stands_at_yes(field)]
    if decisions.pinned(_CONFIRM.key) and (likely or silent):
        likely = [decisions.one(_CONFIRM, may, where(form))]
    elif silent and not likely:
        raise NotDiscovered(
            f"the box {silent[0].name!r} has no label: does it consent to the restore? Seen {where(form)}",
            hint="look at the page in a browser",
            keys=full(_CONFIRM.key),
        )
    for box in likely:
        decisions.note(_CONFIRM.key, box.name)
    return {field: yes.value if (yes := _yes(field)) else field.value for field in likely}


def _stands_at_yes(field: Field) -> bool:
    yes = _yes(field)
    return yes is not None and yes.chosen


def _yes(field: Field) -> Choice | None:
    """The choice that says yes, if another says no."""
    yes = [each for each in field.choices if says(words.YES, each.label)]
    return yes[0] if len(yes) == 1 and any(says(words.NO, each.label) for each in field.choices) else None


def button(decisions: Decisions, form: Form) -> Field | None:
    return button_for(decisions, _BUTTON, form)


def yes_button(decisions: Decisions, form: Form) -> Field | None:
    """None if the form asks nothing that can be answered with yes."""
    return decisions.perhaps(_YES, form.buttons, where(form))


def restores(decisions: Decisions, way: Way) -> bool:
    """Whether a link or button in a list restores the entry beside it."""
    said = caption_of(way)
    if says(f"{words.ACTS}|{words.DOWNLOAD}|{words.UPLOAD}|{words.NO}", said) or says(words.ACTS, address(way)):
        return False
    pin = decisions.pinned(_YES.key)
    return says(words.RESTORE, said) or (pin is not None and same(said, pin))


def pinned_way(decisions: Decisions, offered: Sequence[Way]) -> list[Way]:
    """The one with the pinned caption, if others have another; a caption that every row has identifies none."""
    pin = decisions.pinned(_YES.key)
    fitting = [way for way in offered if pin and same(caption_of(way), pin)]
    return fitting if len(fitting) == 1 < len(offered) else []


def one_way(decisions: Decisions, likely: Sequence[Way], page: Page) -> Way:
    """The only link or button that restores an entry, or the pinned one. Raises NotDiscovered."""
    captions = {caption_of(way).casefold(): way for way in reversed(likely)}
    pin = decisions.pinned(_YES.key)
    pinned = [way for said, way in captions.items() if pin and same(said, pin)]
    if not pinned and len(captions) > 1:
        raise NotDiscovered(
            f"several would restore the backup: {', '.join(captions)}; seen: {page.describe()}",
            hint="look at the page in a browser",
            keys=full(_YES.key),
        )
    return (pinned or list(captions.values()))[0]


def uploaded(form: Form, name: str) -> Filled:
    """Of the archives that a form lists, the one just sent; nothing if it lists none or several such."""
    named_so = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", re.IGNORECASE)
    fits = [(field, choice) for field in form.fields for choice in field.choices if named_so.search(choice.label)]
    return {fits[0][0]: fits[0][1].value} if len(fits) == 1 else {}


def password_again(form: Form, password: Secret | None) -> Filled:
    """A question may ask for the archive's password again."""
    return {field: password.reveal() for field in form.of_kind("password")} if password else {}
