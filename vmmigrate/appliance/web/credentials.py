"""What to fill into a log-in form, and which button to press: a table of decisions."""

from dataclasses import replace

from hypervisors import Secret
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.choices import TURNS_ASIDE, button_for, caption, field_name, named, where
from vmmigrate.appliance.web.decisions import Decision, Decisions
from vmmigrate.appliance.web.forms import Field, Filled, Form
from vmmigrate.appliance.web.scoring import Sign, says

_USER = Decision[Field](
    "login.user",
    "field for the user name",
    field_name,
    (
        Sign(1, "is a text", lambda field: field.kind in ("text", "email", "tel")),
        Sign(-9, "is none", lambda field: field.kind not in ("text", "email", "tel")),
        Sign(4, "is labelled as the user", lambda field: says(words.USER, field.label)),
        Sign(2, "is named as the user", lambda field: says("user|login|account|uid|mail", field.name)),
        Sign(-5, "is for something else", lambda field: named(f"{words.ONE_TIME}|{words.SEARCH}|domain|realm", field)),
    ),
)
_PASSWORD = Decision[Field](
    "login.password",
    "field for the password",
    field_name,
    (
        Sign(4, "is a password", lambda field: field.kind == "password"),
        Sign(1, "is labelled so", lambda field: says("pass", field.label)),
        Sign(-4, "is for a code", lambda field: named(words.ONE_TIME, field)),
    ),
    enough=4,
)
_BUTTON = Decision[Field](
    "login.button",
    "button to log in",
    caption,
    (
        Sign(4, "says log in", lambda button: says(words.LOGIN, button.caption)),
        Sign(2, "sends", lambda button: says(rf"{words.NEXT}|enter|submit|\bok\b", button.caption)),
        TURNS_ASIDE,
    ),
)
_NEXT_BUTTON = replace(_BUTTON, key="login.next", what="button after the user name")


def user_name(decisions: Decisions, form: Form, user: str) -> Filled:
    """For the first page of a two-page log-in."""
    return {decisions.one(_USER, form.shown, where(form)): user}


def password(decisions: Decisions, form: Form, secret: Secret) -> Filled:
    """For the second page of a two-page log-in."""
    return {decisions.one(_PASSWORD, form.shown, where(form)): secret.reveal()}


def both(decisions: Decisions, form: Form, user: str, secret: Secret) -> Filled:
    filled = password(decisions, form, secret)
    others = [field for field in form.shown if field not in filled]
    return {decisions.one(_USER, others, where(form)): user, **filled}


def button(decisions: Decisions, form: Form) -> Field | None:
    return button_for(decisions, _BUTTON, form)


def next_button(decisions: Decisions, form: Form) -> Field | None:
    return button_for(decisions, _NEXT_BUTTON, form)
