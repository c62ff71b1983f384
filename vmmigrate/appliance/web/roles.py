"""Decide which form of a page is for log-in, backup or restore, by signs for and against."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.decisions import Decisions, full
from vmmigrate.appliance.web.forms import Field, Form
from vmmigrate.appliance.web.pages import Page
from vmmigrate.appliance.web.scoring import Candidate, Sign, outstanding, rank, says
from vmmigrate.errors import NotDiscovered

_BY_PROFILE = 100  # a form that matches the profile needs no other sign


@dataclass(frozen=True)
class Role:
    """A purpose of a form. `section` of the profile; `fields`, `action`: the keys that identify the form.

    `must`: what a form needs, unless it has a field of the profile; `enough` points make it likely; with
    `sure` points the search stops. `hint`: what to do where no page has it.
    """

    section: str
    what: str
    signs: tuple[Sign[Form], ...]
    fields: tuple[str, ...]
    must: Callable[[Form], object]
    enough: int
    sure: int
    action: tuple[str, ...] = ("action",)
    hint: str = (
        "is the backup feature on (JVM option ciphermail.backup.enabled)? is a set-up wizard in the way?"
        " may this account use Admin ‣ Backup?"
    )


def best(role: Role, page: Page, decisions: Decisions) -> Candidate[Form] | None:
    """The page's most likely form for this role, None if it has none."""
    ranked = _ranked(role, page, decisions)
    return ranked[0] if outstanding(ranked, role.enough) else None


def likely(role: Role, page: Page, decisions: Decisions) -> Candidate[Form] | None:
    """As `best`, but raises NotDiscovered if several are equally likely."""
    ranked = _ranked(role, page, decisions)
    winners = outstanding(ranked, role.enough)
    if len(winners) > 1:
        listed = "; ".join(
            f"to {path_of(each.thing.action)} (it {' and '.join(each.reasons)}): {each.thing.describe()}"
            for each in winners
        )
        raise NotDiscovered(
            f"several forms of {page.title or path_of(page.url)!r} could be the {role.what}: {listed}",
            hint="check in a browser which of them it is",
            keys=full(*(f"{role.section}.{name}" for name in role.action or role.fields)),
        )
    return ranked[0] if winners else None


def action_pin(role: Role, decisions: Decisions) -> str | None:
    """The action that the profile names for this form."""
    return next((pin for name in role.action if (pin := decisions.pinned(f"{role.section}.{name}"))), None)


def _ranked(role: Role, page: Page, decisions: Decisions) -> list[Candidate[Form]]:
    """A form that occurs twice (for narrow screens) counts once."""
    action = action_pin(role, decisions)
    fields = [pin for name in role.fields if (pin := decisions.pinned(f"{role.section}.{name}"))]

    def by_profile(form: Form) -> bool:
        return bool(action) or any(form.named(pin) for pin in fields)

    fitting: dict[object, Form] = {}
    for form in page.forms:
        may_be = role.must(form) or any(form.named(pin) for pin in fields)
        if may_be and action in (None, path_of(form.action)):
            fitting.setdefault((form.action, form.method, tuple((f.name, f.kind) for f in form.fields)), form)
    pinned = Sign[Form](_BY_PROFILE, "matches the profile", by_profile)
    return rank(fitting.values(), (*role.signs, pinned))


def _captions(form: Form) -> str:
    return " · ".join(button.caption for button in form.buttons)


def _labels(form: Form) -> str:
    return " · ".join(field.words for field in form.shown)


def _passwords(form: Form) -> int:
    return len(form.of_kind("password"))


def _names(form: Form) -> str:
    return " ".join([path_of(form.action), form.about, *(field.name for field in form.shown)])


_HAS_FILE = Sign[Form](-10, "takes a file", lambda form: form.of_kind("file"))
_SEARCHES = Sign[Form](
    -5,
    "is for a search or the language",
    lambda form: says(words.SEARCH, _captions(form), _labels(form)) and not says(words.LOGIN, _captions(form)),
)
_RECOVERS = Sign[Form](
    -5,
    "is for a forgotten password or a new account",
    lambda form: says(words.RECOVERY, _captions(form)) and not says(words.LOGIN, _captions(form)),
)
_LOGIN_BUTTON = Sign[Form](2, "has a button to log in", lambda form: says(words.LOGIN, _captions(form)))
_LOGIN_NAME = Sign[Form](1, "is called log-in", lambda form: says(r"log-?in|sign-?in|auth|j_", _names(form)))

_OTHER_DEEDS = (
    rf"{words.RESTORE}|{words.UPLOAD}|{words.SCHEDULE}|{words.SETTINGS}|{words.ACTS}|\btest|verif|\bsave\b(?!.*back)"
)

LOGIN = Role(
    "login",
    "log-in form",
    (
        Sign(4, "asks for a password", _passwords),
        Sign(-3, "asks for several passwords", lambda form: _passwords(form) > 1),
        Sign(2, "asks for one more thing", lambda form: _passwords(form) and form.of_kind("text", "email")),
        Sign(2, "asks for a user", lambda form: says(words.USER, *(f.label for f in form.of_kind("text", "email")))),
        _LOGIN_BUTTON,
        _LOGIN_NAME,
        Sign(1, "is for administrators", lambda form: says("admin", form.about, path_of(form.action))),
        Sign(-6, "mentions backup", lambda form: says(words.BACKUP, _captions(form), _labels(form))),
        _HAS_FILE,
        _SEARCHES,
        _RECOVERS,
    ),
    ("password",),
    _passwords,
    enough=4,
    sure=4,
)
PASSWORD_PAGE = replace(LOGIN, what="form for the password", action=())  # after USER_FIRST, whose action is pinned

USER_FIRST = Role(
    "login",
    "form for the user name",
    (
        Sign(2, "asks for one thing", lambda form: len(form.shown) == 1 and form.of_kind("text", "email")),
        Sign(2, "asks for a user", lambda form: says(words.USER, _labels(form))),
        _LOGIN_BUTTON,
        _LOGIN_NAME,
        Sign(1, "leads to the next page", lambda form: says(words.NEXT, _captions(form))),
        _HAS_FILE,
        _SEARCHES,
        _RECOVERS,
    ),
    ("user",),
    lambda form: not _passwords(form) and form.of_kind("text", "email"),
    enough=4,
    sure=4,
)

BACKUP = Role(
    "backup",
    "backup form (Backup location, Password)",
    (
        Sign(4, "asks for a backup location", lambda form: form.labelled("backup location|location of the backup")),
        Sign(4, "asks about the database", lambda form: form.labelled(words.DATABASE)),
        Sign(1, "offers a download", lambda form: form.labelled(words.DOWNLOAD)),
        Sign(
            3,
            "has a backup button",
            lambda form: any(
                says(words.EXPORT, button.caption) and not says(_OTHER_DEEDS, button.caption) for button in form.buttons
            ),
        ),
        Sign(
            2,
            "has a button to make or download it",
            lambda form: says(f"{words.MAKE}|{words.DOWNLOAD}", _captions(form)),
        ),
        Sign(2, "asks for a password", _passwords),
        Sign(2, "is under a backup heading", lambda form: says(words.BACKUP, form.about, path_of(form.page))),
        Sign(-3, "takes a file", lambda form: form.of_kind("file")),
        Sign(
            -8,
            "is for automatic backups",
            lambda form: says(words.SCHEDULE, _labels(form), _captions(form), form.about),
        ),
        Sign(-4, "only has a button that leads to the next page", lambda form: form.method == "get" and not form.shown),
        Sign(-20, "may delete or restart something", lambda form: form.buttons and not _harmless(form)),
        _SEARCHES,
        Sign(-6, "is for logging in", lambda form: says(words.LOGIN, _captions(form))),
    ),
    ("password", "location", "no_database", "database"),
    lambda form: form.shown or form.buttons,
    enough=5,
    sure=7,
)

RESTORE = Role(
    "restore",
    "restore form (a file field)",
    (
        Sign(4, "takes a file", lambda form: form.of_kind("file")),
        Sign(3, "has a restore button", lambda form: says(words.RESTORE, _captions(form))),
        Sign(2, "mentions backup or restore", lambda form: says(f"{words.RESTORE}|{words.BACKUP}", _labels(form))),
        Sign(
            2,
            "is under a restore heading",
            lambda form: says(f"{words.RESTORE}|{words.BACKUP}", form.about, path_of(form.page)),
        ),
        Sign(-6, "takes another kind of file", lambda form: says(words.OTHER_FILES, _labels(form), form.about)),
    ),
    ("file", "password"),
    lambda form: form.of_kind("file"),
    enough=6,
    sure=6,
)

PAM = Role(
    "pam",
    "form with a box for log-ins by PAM",
    (
        Sign(5, "asks about PAM", lambda form: says(words.PAM, *_asked(form))),
        Sign(3, "has a field called PAM", lambda form: says(words.PAM_NAME, *(each.name for each in _on_or_off(form)))),
        Sign(2, "is under a heading of PAM", lambda form: says(words.PAM, form.about)),
        Sign(2, "keeps what is set", lambda form: says(words.SAVE, _captions(form))),
        Sign(-20, "may delete or restart something", lambda form: form.buttons and not _harmless(form)),
        _HAS_FILE,
        _SEARCHES,
    ),
    ("enabled",),
    lambda form: bool(_on_or_off(form)),
    enough=5,
    sure=7,
    hint="look in a browser whether this release's console has such a page; a set-up wizard may be in the way",
)


def _on_or_off(form: Form) -> tuple[Field, ...]:
    return tuple(field for field in form.shown if field.kind == "checkbox" or len(field.choices) == 2)


def _asked(form: Form) -> tuple[str, ...]:
    return tuple(text for field in _on_or_off(form) for text in (field.label, field.group))


def _harmless(form: Form) -> bool:
    return any(not says(words.ACTS, button.caption) for button in form.buttons)
