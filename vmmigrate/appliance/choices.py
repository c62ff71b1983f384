"""What to fill into the console's forms: credentials, a backup's choices, a restore's consent. Pure functions."""

import re

from hypervisors import Secret
from vmmigrate.appliance.forms import Field, Form
from vmmigrate.appliance.port import Account
from vmmigrate.errors import NotDiscovered

CONSENT = r"confirm|\bsure\b|understand|overwrit|cannot be undone"


def credentials(form: Form, account: Account) -> dict[str, str]:
    """User and password for a log-in form."""
    texts = form.of_kind("text", "email")
    if not texts:
        raise NotDiscovered(
            f"the log-in form has no field for a user name; seen: {form.describe()}",
            hint="log in with a browser to see what the console wants",
        )
    user = next((field for field in form.labelled("user|account|login|e-?mail") if field in texts), texts[0])
    return {user.name: account.user, form.of_kind("password")[0].name: account.password.reveal()}


def _passwords(form: Form, password: Secret | None) -> dict[str, str]:
    """All password fields (one may ask to repeat it). Never leaves a wanted password out in silence."""
    fields = form.of_kind("password")
    if password and not fields:
        raise NotDiscovered(
            f"no password field in the form; seen: {form.describe()}",
            hint="go without a backup password: the archive is encrypted on this workstation",
        )
    return {field.name: password.reveal() if password else "" for field in fields}


def backup_choices(form: Form, password: Secret | None) -> dict[str, str]:
    """Password, location 'download', and the database with it."""
    filled = _passwords(form, password)
    located = [field for field in form.fields if field.choices and _offers(field, "download")]
    elsewhere = [field for field in form.labelled("backup location") if field.choices]
    if elsewhere and not located:
        raise NotDiscovered(
            f"the backup form offers no download as backup location; seen: {form.describe()}",
            hint="export the backup in a browser and give --backup-file",
        )
    for field in located:
        filled[field.name] = _offers(field, "download")[0]
    return filled | {field.name: "" for field in form.labelled("not backup database")}


def restore_choices(form: Form, password: Secret | None) -> dict[str, str]:
    """Password, and a tick where the form wants to be told that this overwrites all settings."""
    confirmed = [field for field in form.labelled(CONSENT) if field.kind == "checkbox"]
    return _passwords(form, password) | {field.name: field.value for field in confirmed}


def _offers(field: Field, pattern: str) -> list[str]:
    return [c.value for c in field.choices if re.search(pattern, f"{c.label} {c.value}", re.IGNORECASE)]


def caption(button: Field) -> str:
    """What a submit button says."""
    return button.label or button.value


def button_for(form: Form, pattern: str) -> Field | None:
    """The submit button to press: one whose caption matches, else the first that does not turn back."""
    buttons = [b for b in form.of_kind("submit") if not re.search("cancel|back$|test", caption(b), re.IGNORECASE)]
    meant = [button for button in buttons if re.search(pattern, caption(button), re.IGNORECASE)]
    return next(iter(meant or buttons), None)
