"""Read the console's HTML: forms with their fields and labels, links, and the words of an error. Pure functions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag

# What the families' pages mark an error with: Tapestry's t-error, Bootstrap's alert-danger, plain "error".
_ERROR_CLASS = re.compile(r"(^|[-_])(errors?|danger|failure|failed|invalid)($|[-_])", re.IGNORECASE)
_TEXT_LIMIT = 400


@dataclass(frozen=True)
class Choice:
    """One radio button or option of a select."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Field:
    """What a form sends under one name.

    `kind`: an input's type, or 'select', 'textarea', 'submit' (a button too). `value` is what is served;
    a checkbox is sent where `chosen`; radio buttons of one name are one field with `choices`.
    """

    name: str
    kind: str
    value: str
    label: str
    chosen: bool = False
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Form:
    """`action` is absolute. Fields stand in the order of the page."""

    action: str
    method: str
    fields: tuple[Field, ...]

    def of_kind(self, *kinds: str) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind in kinds)

    def labelled(self, pattern: str) -> tuple[Field, ...]:
        """Fields whose label (or a choice's) matches, whatever the case."""
        return tuple(field for field in self.fields if re.search(pattern, _words_of(field), re.IGNORECASE))

    def submission(self, filled: Mapping[str, str], button: Field | None) -> list[tuple[str, str]]:
        """What a browser would send: hidden and preset fields as served, `filled` by name, the button pressed.

        An empty string in `filled` leaves a checkbox out. File inputs are the caller's.
        """
        return [pair for field in self.fields for pair in _sent(field, filled, button)]

    def describe(self) -> str:
        """For a message: the fields by label and kind, no values."""
        shown = (f"{field.label or field.name or '?'} ({field.kind})" for field in self.fields)
        return ", ".join(text for text, field in zip(shown, self.fields, strict=True) if field.kind != "hidden")


@dataclass(frozen=True)
class Link:
    """`url` is absolute."""

    text: str
    url: str


@dataclass(frozen=True)
class Page:
    """`errors`: the texts the page marks as errors. `text`: all its words."""

    url: str
    title: str
    forms: tuple[Form, ...]
    links: tuple[Link, ...]
    errors: tuple[str, ...]
    text: str

    def linked(self, pattern: str) -> tuple[Link, ...]:
        """Links whose whole text matches, whatever the case."""
        return tuple(link for link in self.links if re.fullmatch(pattern, link.text, re.IGNORECASE))

    def login_form(self) -> Form | None:
        """The form with one password field that is neither for backup nor for restore."""
        return next((form for form in self.forms if _is_login(form)), None)

    def backup_form(self) -> Form | None:
        """By its labels: Backup location, Do not backup database; else a password and a Backup button."""
        return next((form for form in self.forms if _is_backup(form)), None)

    def restore_form(self) -> Form | None:
        """The form with a file input; among several the one that speaks of restore."""
        candidates = [form for form in self.forms if form.of_kind("file")]
        return next((form for form in candidates if form.labelled("restore|import")), None) or (
            candidates[0] if len(candidates) == 1 else None
        )

    def describe(self) -> str:
        """For a message: title, forms and links without any value; of a page without forms its first words."""
        forms = "; ".join(form.describe() for form in self.forms) or f"none, it says {self.text[:120]!r}"
        links = ", ".join(dict.fromkeys(link.text for link in self.links if link.text)) or "none"
        return f"page {self.title or self.url!r} with forms: {forms}; links: {links}"[:_TEXT_LIMIT]


def read_page(html: bytes | str, url: str) -> Page:
    """Parse what was served at `url`."""
    soup = BeautifulSoup(html, "html.parser")
    base = soup.find("base", href=True)
    here = urljoin(url, str(base["href"])) if isinstance(base, Tag) else url
    return Page(
        url=url,
        title=_text(soup.title) if soup.title else "",
        forms=tuple(_form(tag, here) for tag in soup.find_all("form")),
        links=tuple(_links(soup, here)),
        errors=tuple(dict.fromkeys(_errors(soup))),
        text=_text(soup),
    )


def _words_of(field: Field) -> str:
    return " ".join([field.label, *(choice.label for choice in field.choices)])


def _is_login(form: Form) -> bool:
    return len(form.of_kind("password")) == 1 and not form.of_kind("file") and not _is_backup(form)


def _is_backup(form: Form) -> bool:
    if form.of_kind("file"):
        return False
    if form.labelled("backup location|not backup database"):
        return True
    buttons = form.of_kind("submit")
    return bool(form.of_kind("password")) and any(
        re.search(r"\bbackup\b", f"{button.value} {button.label}", re.IGNORECASE) for button in buttons
    )


def _sent(field: Field, filled: Mapping[str, str], button: Field | None) -> Iterator[tuple[str, str]]:
    if not field.name or field.kind in ("file", "button", "reset"):
        return
    if field.kind == "submit":
        if field == button:
            yield field.name, field.value
    elif field.kind == "checkbox":
        if filled.get(field.name, field.value if field.chosen else ""):
            yield field.name, field.value
    elif field.choices and field.name not in filled:
        yield from ((field.name, choice.value) for choice in field.choices if choice.chosen)
    else:
        yield field.name, filled.get(field.name, field.value)


def _text(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def _attr(tag: Tag, name: str) -> str:
    value = tag.get(name)
    return " ".join(value) if isinstance(value, list) else (value or "")


def _form(tag: Tag, url: str) -> Form:
    controls = [c for c in tag.find_all(["input", "select", "textarea", "button"]) if not c.has_attr("disabled")]
    return Form(
        action=urljoin(url, _attr(tag, "action") or url),
        method=(_attr(tag, "method") or "get").lower(),
        fields=tuple(_fields(controls, tag)),
    )


def _fields(controls: Iterable[Tag], form: Tag) -> Iterator[Field]:
    seen: set[str] = set()
    controls = list(controls)
    for control in controls:
        name = _attr(control, "name")
        if _kind(control) != "radio":
            yield _field(control, form)
        elif name not in seen:
            seen.add(name)
            yield _radio_group(name, [c for c in controls if _kind(c) == "radio" and _attr(c, "name") == name], form)


def _kind(control: Tag) -> str:
    if control.name == "input":
        kind = (_attr(control, "type") or "text").lower()
        return "submit" if kind == "image" else kind
    if control.name == "button":
        return (_attr(control, "type") or "submit").lower()
    return str(control.name)


def _field(control: Tag, form: Tag) -> Field:
    kind = _kind(control)
    checkbox = kind == "checkbox"
    return Field(
        name=_attr(control, "name"),
        kind=kind,
        value=_text(control) if kind == "textarea" else _attr(control, "value") or ("on" if checkbox else ""),
        label=_text(control) if control.name == "button" else _label(control, form),
        chosen=checkbox and control.has_attr("checked"),
        choices=_options(control) if kind == "select" else (),
    )


def _options(select: Tag) -> tuple[Choice, ...]:
    options = select.find_all("option")
    first = None if any(option.has_attr("selected") for option in options) else options[:1]
    return tuple(
        Choice(
            value=_attr(option, "value") if option.has_attr("value") else _text(option),
            label=_text(option),
            chosen=option.has_attr("selected") or bool(first and option is first[0]),
        )
        for option in options
    )


def _radio_group(name: str, radios: list[Tag], form: Tag) -> Field:
    choices = tuple(
        Choice(_attr(radio, "value") or "on", _own_label(radio, form), radio.has_attr("checked")) for radio in radios
    )
    return Field(name, "radio", "", _heading(radios[0]), choices=choices)


def _label(control: Tag, form: Tag) -> str:
    return (
        _own_label(control, form)
        or _heading(control)
        or _attr(control, "aria-label")
        or _attr(control, "placeholder")
        or _attr(control, "title")
        or (_attr(control, "value") if _kind(control) == "submit" else "")
    )


def _own_label(control: Tag, form: Tag) -> str:
    """The text of the label that names or holds the control; for a bare radio button the words after it."""
    identity = _attr(control, "id")
    label = form.find("label", attrs={"for": identity}) if identity else None
    label = label or control.find_parent("label")
    if isinstance(label, Tag):
        return _text(label)
    if _kind(control) in ("radio", "checkbox") and isinstance(after := control.next_sibling, str):
        return " ".join(after.split())
    return ""


def _heading(control: Tag) -> str:
    """The words of a fieldset's legend, or of the cell, term or label before the control: forms laid out as tables."""
    fieldset = control.find_parent("fieldset")
    if _kind(control) == "radio" and fieldset and isinstance(legend := fieldset.find("legend"), Tag):
        return _text(legend)
    holder = control.find_parent(["td", "dd"])
    before = holder.find_previous_sibling(["td", "th", "dt"]) if holder else None
    if not isinstance(before, Tag):
        before = control.find_previous_sibling(["label", "span", "b", "strong"])
    return _text(before) if isinstance(before, Tag) else ""


def _links(soup: BeautifulSoup, url: str) -> Iterator[Link]:
    for anchor in soup.find_all("a", href=True):
        target = _attr(anchor, "href").strip()
        if target and not target.startswith("#") and not re.match(r"(?i)(javascript|mailto|data):", target):
            yield Link(_text(anchor), urljoin(url, target))


def _hidden(tag: Tag) -> bool:
    """A page may carry the words of errors that have not happened."""
    style = _attr(tag, "style").replace(" ", "").lower()
    return tag.has_attr("hidden") or "display:none" in style


def _errors(soup: BeautifulSoup) -> Iterator[str]:
    for tag in soup.find_all(True):
        marked = _attr(tag, "role") == "alert" or any(map(_ERROR_CLASS.search, _attr(tag, "class").split()))
        if (
            marked
            and not _hidden(tag)
            and tag.name not in ("input", "select", "textarea", "label", "form", "body", "html")
        ):
            text = _text(tag)
            if text:
                yield text[:_TEXT_LIMIT]
