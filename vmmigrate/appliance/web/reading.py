"""Parse a console's answer into a Page. Pure functions."""

import codecs
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from urllib.parse import urlencode, urlsplit, urlunsplit

from bs4 import NavigableString, Tag
from bs4.element import CData

from hypervisors import printable, redacted
from vmmigrate.appliance.urls import joined
from vmmigrate.appliance.web.forms import Choice, Field, Form
from vmmigrate.appliance.web.labels import (
    attribute,
    choice_label,
    group_label,
    heading_of,
    is_hidden,
    kind_of,
    label_of,
    readable,
    words,
)
from vmmigrate.appliance.web.markup import CONTROLS, HEADINGS, Markup
from vmmigrate.appliance.web.pages import Link, Page, Refresh
from vmmigrate.appliance.web.parts import INLINE, parts_of
from vmmigrate.appliance.web.rows import Rows, rows_of
from vmmigrate.appliance.web.walking import first_within, tags, within

# What the families' pages mark an error with: Tapestry's t-error, Bootstrap's alert-danger, plain "error".
_ERROR_CLASS = re.compile(r"(^|[-_])(errors?|danger|failure|failed|invalid)($|[-_])", re.IGNORECASE)
_NEVER_ERRORS = ("input", "select", "textarea", "label", "form", "body", "html", "button", "a")
_INLINE = ("a", *INLINE)
_UNSAID = ("a", "button", "select", "textarea")  # choices are not part of the console's own text
_SCRIPTED = re.compile(r"location(?:\.href|\.assign|\.replace)?\s*[=(]\s*['\"]([^'\"]+)['\"]")
_NAMES = ("id", "name", "class", "aria-label")
_TEXT_LIMIT = 400
_ASCII = "".join(map(chr, range(32, 127)))


def read_page(html: bytes | str, url: str, *, status: int = 200, charset: str | None = None, refresh: str = "") -> Page:
    """Parse the answer from `url`; `charset` and `refresh` come from its headers."""
    soup = Markup(html, charset)
    rows = rows_of(soup)
    base = next((tag for tag in within(soup, ("base",)) if tag.has_attr("href")), None)
    here = joined(url, attribute(base, "href")) or url if base else url
    forms = tuple(_forms(soup, here, url, rows))
    return Page(
        url=url,
        title=words(first_within(soup, ("title",))),
        forms=forms,
        links=(*_links(soup, here, rows), *_asking_buttons(forms)),
        errors=tuple(dict.fromkeys(_errors(soup))),
        text=words(soup),
        lines=tuple(_lines(soup)),
        headings=tuple(words(tag) for tag in within(soup, HEADINGS)),
        frames=tuple(_frames(soup, here)),
        refresh=_refresh(soup, here, refresh),
        status=status,
        parts=parts_of(soup),
    )


def _forms(soup: Markup, here: str, url: str, rows: Rows) -> Iterator[Form]:
    own: defaultdict[int, list[Tag]] = defaultdict(list)
    for control in within(soup, CONTROLS):
        if not _disabled(control):
            own[id(soup.owner(control))].append(control)
    for tag in within(soup, ("form",)):
        action = attribute(tag, "action").strip()
        yield Form(
            action=joined(here, action) if action else url,
            method=(attribute(tag, "method") or "get").strip().lower(),
            fields=tuple(replace(field, place=at) for at, field in enumerate(_fields(own[id(tag)], soup, here, rows))),
            enctype=attribute(tag, "enctype").strip().lower(),
            about=" ".join([_heading(tag, soup), *(attribute(tag, name) for name in _NAMES)]),
            page=url,
            encoding=_encoding(attribute(tag, "accept-charset"), str(soup.original_encoding or "utf-8")),
        )


def _encoding(accepted: str, of_the_page: str) -> str:
    """The first known one of `accept-charset`; `UNKNOWN` and similar values mean the page's own.

    A page in plain ASCII does not say what it accepts: then UTF-8, which can encode every password.
    """
    of_the_page = "utf-8" if of_the_page == "ascii" else of_the_page
    named = (name for name in re.split(r"[\s,]+", accepted.strip()) if name)
    return next((codecs.lookup(name).name for name in (*named, of_the_page) if _carries_ascii(name)), "utf-8")


def _carries_ascii(encoding: str) -> bool:
    """Whether a form can be sent in it: ASCII as it is (not rot13, UTF-16, idna: browsers know none)."""
    try:
        return _ASCII.encode(encoding, "xmlcharrefreplace") == _ASCII.encode("ascii")
    except (LookupError, ValueError):
        return False


def _heading(form: Tag, page: Markup) -> str:
    inside = first_within(form, HEADINGS)
    return words(inside) if inside else heading_of(form, page)


def _disabled(control: Tag) -> bool:
    return control.has_attr("disabled") or any(
        each.name == "fieldset" and each.has_attr("disabled") for each in control.parents
    )


def _fields(controls: list[Tag], page: Markup, here: str, rows: Rows) -> Iterator[Field]:
    radios: defaultdict[str, list[Tag]] = defaultdict(list)
    for control in controls:
        if kind_of(control) == "radio":
            radios[attribute(control, "name")].append(control)
    for control in controls:
        if kind_of(control) != "radio":
            yield replace(_field(control, page, here), row=rows.get(id(control), ""))
        elif group := radios.pop(attribute(control, "name"), []):
            yield _radio_group(group, page)


def _field(control: Tag, page: Markup, here: str) -> Field:
    kind = kind_of(control)
    button = kind in ("submit", "image", "button", "reset")
    action = attribute(control, "formaction").strip()
    return Field(
        name=attribute(control, "name"),
        kind=kind,
        value=_value(control, kind),
        label=_button_label(control) if button else label_of(control, page) if kind != "hidden" else "",
        chosen=kind == "checkbox" and control.has_attr("checked"),
        choices=tuple(_options(control)) if kind == "select" else (),
        group=heading_of(control, page) if kind != "hidden" else "",
        required=control.has_attr("required"),
        action=joined(here, action) if action else "",
        method=attribute(control, "formmethod").strip().lower(),
        enctype=attribute(control, "formenctype").strip().lower(),
    )


def _value(control: Tag, kind: str) -> str:
    if kind == "textarea":
        return control.get_text().removeprefix("\n")
    return attribute(control, "value") or ("on" if kind == "checkbox" else "")


def _button_label(control: Tag) -> str:
    said = words(control) if control.name == "button" else readable(control, "value")
    return said or next((t for t in (readable(control, n) for n in ("alt", "aria-label", "title")) if t), "")


def _options(select: Tag) -> Iterator[Choice]:
    """The first is chosen if none is, as in a browser."""
    options = [option for option in within(select, ("option",)) if not option.has_attr("disabled")]
    preset = any(option.has_attr("selected") for option in options) or select.has_attr("multiple")
    for at, option in enumerate(options):
        value = attribute(option, "value") if option.has_attr("value") else words(option)
        said = words(option) or readable(option, "label")
        yield Choice(value, said, option.has_attr("selected") if preset else at == 0)


def _radio_group(radios: list[Tag], page: Markup) -> Field:
    choices = tuple(
        Choice(attribute(radio, "value") or "on", choice_label(radio, page), radio.has_attr("checked"))
        for radio in radios
    )
    first = radios[0]
    return Field(
        attribute(first, "name"), "radio", "", group_label(radios, page), choices=choices, group=heading_of(first, page)
    )


def _links(soup: Markup, here: str, rows: Rows) -> Iterator[Link]:
    for tag in (tag for tag in tags(soup) if tag.name in ("a", "area") or tag.has_attr("onclick")):
        target = _target(tag)
        led = "" if re.match(r"(?i)(#|javascript:|mailto:|data:|tel:)", target) else target and joined(here, target)
        if led:
            said = [words(tag), *(readable(tag, name) for name in ("aria-label", "alt", "title", "value"))]
            said = [each for each in said if each] or [""]
            yield Link(said[0], led, " ".join(said[1:]), row=rows.get(id(tag), ""))

    for select in (
        tag for tag in within(soup, ("select",)) if tag.has_attr("onchange")
    ):  # a menu that opens its chosen option
        for option in select.find_all("option", value=re.compile(r"^(/|\w[\w/]*\.\w+$)")):
            yield Link(words(option), joined(here, attribute(option, "value")))


def _target(tag: Tag) -> str:
    """The target of a click: a link's address, or the one in its `onclick`."""
    href = attribute(tag, "href").strip() if tag.name in ("a", "area") else ""
    if href and not href.startswith("#") and not href.lower().startswith("javascript:"):
        return href
    scripted = _SCRIPTED.search(attribute(tag, "onclick") or href)
    return scripted[1] if scripted else ""


def _asking_buttons(forms: tuple[Form, ...]) -> Iterator[Link]:
    """A button of a GET form without fields counts as a link."""
    for form in forms:
        for button in form.buttons if not form.shown else ():
            method, action = form.sent_to(button)
            if method == "get":
                query = urlencode(form.submission({}, button), encoding=form.encoding, errors="xmlcharrefreplace")
                yield Link(
                    button.caption, urlunsplit(urlsplit(action)._replace(query=query)), by_form=True, row=button.row
                )


def _frames(soup: Markup, here: str) -> Iterator[str]:
    for frame in within(soup, ("frame", "iframe")):
        source = attribute(frame, "src").strip()
        if source and not re.match(r"(?i)(about|javascript|data):", source) and (shown := joined(here, source)):
            yield shown


def _refresh(soup: Markup, here: str, header: str) -> Refresh | None:
    """By header, by meta element, or by a script on a page without other content."""
    meta = next((m for m in within(soup, ("meta",)) if attribute(m, "http-equiv").lower() == "refresh"), None)
    said = re.match(
        r"\s*([\d.]+)?\s*[;,]?\s*(?:url\s*=)?\s*['\"]?([^'\"]*)", attribute(meta, "content") if meta else header, re.I
    )
    if (meta or header) and said:
        seconds = float(said[1].rstrip(".") or 0) if said[1] and said[1].count(".") < 2 else 0.0
        return Refresh(joined(here, said[2].strip()) or here, seconds)
    scripted = (
        None
        if first_within(soup, ("form", "a", "frame"))
        else _SCRIPTED.search(" ".join(map(str, within(soup, ("script",)))))
    )
    return Refresh(joined(here, scripted[1]) or here, 0.0) if scripted else None


def _lines(soup: Markup) -> Iterator[str]:
    strings = [s for s in soup.descendants if type(s) in (NavigableString, CData) and str(s).strip() and _said(s)]
    for _, block in groupby(strings, key=lambda string: id(_block(string))):
        yield " ".join(printable(" ".join(map(str, block))).split())


def _said(string: object) -> bool:
    parents = list(string.parents) if isinstance(string, NavigableString) else []
    return not any(parent.name in _UNSAID or is_hidden(parent) for parent in parents)


def _block(string: object) -> Tag | None:
    parents = string.parents if isinstance(string, NavigableString) else ()
    return next((parent for parent in parents if parent.name not in _INLINE), None)


def _errors(soup: Markup) -> Iterator[str]:
    for tag in tags(soup):
        marked = attribute(tag, "role") == "alert" or any(map(_ERROR_CLASS.search, attribute(tag, "class").split()))
        if marked and tag.name not in _NEVER_ERRORS and not is_hidden(tag) and (text := words(tag)):
            yield redacted(text)[:_TEXT_LIMIT]
