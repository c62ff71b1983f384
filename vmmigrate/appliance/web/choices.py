"""What the console's forms have in common: a password and its repetition, a location, a button."""

from dataclasses import replace

from hypervisors import Secret
from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.decisions import Decision, Decisions, not_there
from vmmigrate.appliance.web.forms import Choice, Field, Filled, Form
from vmmigrate.appliance.web.scoring import Sign, says

NO_PASSWORD = "leave the backup password out: the archive is encrypted on this workstation"  # noqa: S105  a hint
BY_HAND = "export the backup in a browser and give --backup-file"


def where(form: Form) -> str:
    """The form, without values, for a message."""
    return f"in the form at {path_of(form.page)}: {form.describe()}"


def named(pattern: str, field: Field) -> bool:
    return says(pattern, field.label, field.name)


def field_name(field: Field) -> str:
    return field.name


def caption(button: Field) -> str:
    return button.caption


def boxes(form: Form) -> tuple[Field, ...]:
    return form.of_kind("checkbox")


TURNS_ASIDE = Sign[Field](
    -6,
    "turns aside",
    lambda button: says(rf"{words.RECOVERY}|{words.SEARCH}|{words.NO}|help|guest|\btest", button.caption),
)


def button_for(decisions: Decisions, decision: Decision[Field], form: Form) -> Field | None:
    """The button to press; None for a form without one, which a person submits with Enter."""
    only = Sign[Field](1, "is the only one", lambda button: len(form.buttons) == 1)
    decision = replace(decision, signs=(*decision.signs, only))
    if not form.buttons and decisions.pinned(decision.key) is None:
        return None
    return decisions.one(decision, form.buttons, where(form))


def _password_signs(own: str, others: str) -> tuple[Sign[Field], ...]:
    return (
        Sign(4, "is a password", lambda field: field.kind == "password"),
        Sign(3, "is labelled so", lambda field: field.kind == "text" and says("pass", field.label)),
        Sign(2, "belongs to it", lambda field: says(own, field.label, field.group)),
        Sign(-5, "belongs to something else", lambda field: says(others, field.label, field.group)),
        Sign(-5, "is another password", lambda field: says(r"\b(old|current|share|smb|admin\w*)\b", field.label)),
    )


_OWN = {"backup": (words.BACKUP, rf"{words.RESTORE}|decrypt"), "restore": (rf"{words.RESTORE}|decrypt", r"(?!)")}


def passwords(decisions: Decisions, section: str, form: Form, password: Secret | None) -> Filled:
    """The password, twice if the form asks to repeat it; without a password every password field is empty."""
    texts = form.of_kind("password", "text")
    main, again = _password_decisions(section, form)
    if password is None:
        found = decisions.glance(main, texts, where(form))
        decisions.glance(again, [field for field in texts if found and field != found], where(form))
        return dict.fromkeys(form.of_kind("password"), "")
    found = decisions.perhaps(main, texts, where(form))
    if found is None:
        return {}
    repeated = decisions.perhaps(again, [field for field in texts if field != found], where(form))
    return {field: password.reveal() for field in (found, repeated) if field is not None}


def _password_decisions(section: str, form: Form) -> tuple[Decision[Field], Decision[Field]]:
    """The field for the password, and the one that repeats it."""
    signs = _password_signs(*_OWN[section])
    first = min((field.place for field in form.of_kind("password")), default=-1)
    main = (
        *signs,
        Sign[Field](1, "is the first", lambda field: field.place == first),
        Sign[Field](-3, "repeats one", lambda field: says(words.REPEAT, field.label)),
    )
    again = (*signs, Sign[Field](4, "says so", lambda field: says(words.REPEAT, field.label)))
    return (
        Decision(f"{section}.password", "password field", field_name, main, enough=4, hint=NO_PASSWORD),
        Decision(f"{section}.repeat", "field that repeats the password", field_name, again, enough=4, hint=NO_PASSWORD),
    )


def _offers(pattern: str, choice: Choice) -> bool:
    return says(pattern, choice.label, choice.value)


def _place_signs(pattern: str) -> tuple[Sign[Field], ...]:
    return (
        Sign(
            4,
            "is labelled as the location",
            lambda field: says(r"location|destination|target|where|source|\bsave|\bstore|\bfrom\b", field.label),
        ),
        Sign(3, "offers the right choice", lambda field: any(_offers(pattern, choice) for choice in field.choices)),
        Sign(-9, "is for something else", lambda field: named(r"language|locale|format|compress|type\b", field)),
    )


def _choice_signs(pattern: str) -> tuple[Sign[Choice], ...]:
    return (
        Sign(4, "says so", lambda choice: _offers(pattern, choice)),
        Sign(3, "is here", lambda choice: _offers(words.HERE, choice) and not _offers(words.ELSEWHERE, choice)),
        Sign(-4, "is elsewhere", lambda choice: _offers(words.ELSEWHERE, choice)),
    )


def place(decisions: Decisions, section: str, value: str, pattern: str, form: Form) -> Filled:
    """For a backup the download, for a restore the upload; nothing if the form offers no choice."""
    located = Decision(
        f"{section}.location", "choice of the location", field_name, _place_signs(pattern), enough=3, hint=BY_HAND
    )
    field = decisions.perhaps(located, [each for each in form.shown if each.choices], where(form))
    wanted = Decision[Choice](
        f"{section}.{value}",
        f"{value} among the locations",
        lambda choice: choice.value,
        _choice_signs(pattern),
        enough=3,
        hint=BY_HAND,
    )
    if field is None:
        if pin := decisions.pinned(wanted.key):
            raise not_there(wanted.key, pin, f"there is no choice of a location {where(form)}")
        return {}
    offered = ", ".join(choice.label or choice.value for choice in field.choices)
    return {field: decisions.one(wanted, field.choices, f"{field.label or field.name} offers: {offered}").value}
