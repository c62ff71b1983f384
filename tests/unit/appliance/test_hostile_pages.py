"""A console's page costs steps in proportion to its size, and what no browser could follow is left out."""

import cProfile

import pytest

from vmmigrate.appliance.urls import joined
from vmmigrate.appliance.web import vocabulary
from vmmigrate.appliance.web.markup import DEEPEST, MOST_CONTROLS, MOST_ELEMENTS, Markup
from vmmigrate.appliance.web.navigation import TO_BACKUP
from vmmigrate.appliance.web.pages import Link, Page
from vmmigrate.appliance.web.reading import read_page
from vmmigrate.appliance.web.rows import marks
from vmmigrate.appliance.web.scoring import LONGEST, says, weigh
from vmmigrate.errors import ApplianceError

_HERE = "https://gw.example.org/ciphermail/"


def _page(body: str) -> Page:
    return read_page(f"<html><body>{body}</body></html>".encode(), _HERE)


def _steps(body: str) -> int:
    """Calls of functions while the page is read."""
    counting = cProfile.Profile()
    counting.runcall(_page, body)
    return sum(entry.callcount for entry in counting.getstats())


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param("<a href=/x>x", id="links that nobody closes"),
        pytest.param("<font>x", id="elements that nobody closes", marks=pytest.mark.slow),
        pytest.param("<div onclick=\"location='/x'\">x", id="nested clicks", marks=pytest.mark.slow),
        pytest.param("<p><input name=a id=i>", id="fields without a heading"),
        pytest.param("<input name=a id=i><label for=j>x</label>", id="labels of others", marks=pytest.mark.slow),
        pytest.param("<form id=f></form><input form=f name=a>", id="fields of forms elsewhere", marks=pytest.mark.slow),
        pytest.param("<form><input name=a></form>", id="forms", marks=pytest.mark.slow),
        pytest.param("<input type=radio name=a>", id="one group of choices"),
        pytest.param("<table><tr><td><input name=a></table>", id="tables without a head", marks=pytest.mark.slow),
        pytest.param("<i></i><b></b>", id="nothing to read", marks=pytest.mark.slow),
    ],
)
def test_twice_the_page_takes_twice_the_steps(shape: str) -> None:
    assert _steps(f"<form>{shape * 300}") < 2.6 * _steps(f"<form>{shape * 150}")


def test_many_links_in_one_entry_are_looked_through_once() -> None:
    def entry(links: int) -> str:
        return "<ul><li>" + "<a href=/x>x</a>" * links + "</ul>"

    assert _steps(entry(300)) < 2.6 * _steps(entry(150))


def test_what_is_deeper_than_any_page_stands_beside_its_parent() -> None:
    soup = Markup("<div>" * 5000 + "<a href=/backup>Backup</a>")
    depths = [len(list(tag.parents)) for tag in soup.find_all(True)]
    assert max(depths) == DEEPEST
    assert [link.text for link in _page("<div>" * 5000 + "<a href=/backup>Backup</a>").links] == ["Backup"]


@pytest.mark.parametrize("body", ["<i>" * (MOST_ELEMENTS + 1), "<input>" * (MOST_CONTROLS + 1)])
def test_a_page_of_more_parts_than_a_console_has_is_not_read(body: str) -> None:
    with pytest.raises(ApplianceError, match="20,000 elements or 2,000 fields"):
        _page(body)


@pytest.mark.parametrize(
    "address", ["//[", "https://[x", "https://h:99999/", "https://h:x/", "//a]b", "http://\u2100.example"]
)
def test_an_address_that_is_none_is_left_out(address: str) -> None:
    assert joined(_HERE, address) == ""
    page = _page(f"<a href='{address}'>Backup</a><iframe src='{address}'></iframe><a href=/ok>ok</a>")
    assert [link.url for link in page.links] == ["https://gw.example.org/ok"]
    assert page.frames == ()


@pytest.mark.parametrize("address", ["//[", "https://h:99999/"])
def test_a_base_or_refresh_that_is_none_is_the_page_itself(address: str) -> None:
    page = _page(f"<base href='{address}'><meta http-equiv=refresh content='0; url={address}'><a href=ok>ok</a>")
    assert [link.url for link in page.links] == [f"{_HERE}ok"]
    assert page.refresh is not None
    assert page.refresh.url == _HERE


def test_a_form_that_leads_nowhere_is_read() -> None:
    (form,) = _page("<form action='//['><input name=u><button formaction='https://[x'>go</button></form>").forms
    assert (form.action, form.fields[-1].action) == ("", "")


@pytest.mark.parametrize(
    "charset", ["rot13", "base64", "utf-16", "idna", "punycode", "undefined", "unicode_escape", "utf-7", "hz", "x" * 99]
)
def test_a_form_is_sent_in_an_encoding_that_browsers_know(charset: str) -> None:
    (form,) = _page(f"<form accept-charset={charset}><input name=u></form>").forms
    assert form.encoding == "utf-8"


@pytest.mark.parametrize("charset", ["latin-1", "windows-1252", "shift_jis", "koi8-r"])
def test_those_that_browsers_know_are_kept(charset: str) -> None:
    (form,) = _page(f"<form accept-charset={charset}><input name=u></form>").forms
    assert "é".encode(form.encoding, "xmlcharrefreplace") == "é".encode(charset, "xmlcharrefreplace")


def test_a_mark_of_many_dashes_is_read_in_one_pass() -> None:
    assert marks("a" + "-" * 200_000 + "x1") == {"a" + "-" * 200_000 + "x1"}
    assert marks("--__backup-1.zip__--") == {"backup-1.zip"}


@pytest.mark.parametrize("word", ["admin", "manag", "misc", "data", "or", "administration"])
def test_a_caption_of_one_word_many_times_ends(word: str) -> None:
    """Each would double the time, if the words could be divided in several ways."""
    for text in (word * 40 + " zzz", f"{word} " * 40 + "zzz"):
        assert not says(rf"^({vocabulary.PURE_MENU})$", text)
        assert weigh(Link(text, "https://gw.example.org/x"), TO_BACKUP).points <= 1


def test_menus_are_still_menus() -> None:
    for text in ("Admin", "System settings", "Set-up of the gateway", "Tools and maintenance", "Backup area"):
        pattern = vocabulary.PURE_BACKUP if "Backup" in text else vocabulary.PURE_MENU
        assert says(rf"^({pattern})$", text), text
    assert not says(rf"^({vocabulary.PURE_MENU})$", "Settings for users")


def test_a_sentence_is_read_up_to_its_bound() -> None:
    assert says("end$", "x" * (LONGEST - 3) + "end")
    assert not says("end", "x" * LONGEST + "end")


@pytest.mark.parametrize("name", ["punycode", "Punycode!", "idna", "unicode_escape", "rot13", "zlib", "utf-7", "a\0b"])
@pytest.mark.parametrize("place", ["header", "page"])
def test_an_encoding_that_browsers_do_not_know_is_not_used(name: str, place: str) -> None:
    """Python knows it: to decode a mebibyte of `punycode` takes minutes, in which nothing is heard."""
    html = b"<meta charset='%s'><title>one</title>-" % (name.encode() if place == "page" else b"")
    page = Markup(html, name if place == "header" else None)
    assert page.original_encoding in ("ascii", "utf-8")


@pytest.mark.parametrize("name", ["latin1", "windows-1252", "Shift_JIS", "gb2312", "koi8-r", "euc-kr", "big5"])
def test_one_that_browsers_know_is(name: str) -> None:
    assert str(Markup(b"<p>caf" + bytes([0xC0, 0xD1]), name).original_encoding).lower() == name.lower()
