"""Consoles that keep archives in a list: which of them is the one just made or sent, and what is no news at all."""

import io
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from odd_console import (
    ADMIN,
    ARCHIVE,
    BACKUP,
    HOME,
    LOGIN,
    RESTORE,
    RESTORED,
    OddConsole,
    Route,
    archive,
    page,
    redirect,
)

from hypervisors import no_progress
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile
from vmmigrate.appliance.web.console import WebConsole
from vmmigrate.errors import ApplianceError, NotDiscovered

pytestmark = pytest.mark.slow

Routes = dict[str, Route | list[Route]]
OLD = ("backup-0607.tar.gz", "backup-0608.tar.gz")
NEW = "backup-0611.tar.gz"
STALE = archive("stale.tar.gz")
SAID = f"<p>Backup created: {NEW}</p>"


def links(names: Sequence[str]) -> str:
    """A table whose rows have links, by name."""
    acts = ("download", "delete", "restore")
    rows = ((name, " ".join(f'<a href="/{act}?f={name}">{act}</a>' for act in acts)) for name in names)
    return f"<table>{''.join(f'<tr><td>{name}<td>11.06.2026<td>63,2 kB<td>{ways}</tr>' for name, ways in rows)}</table>"


def buttons(names: Sequence[str]) -> str:
    """A table in one form whose rows have buttons, by number."""
    acts = ("download", "delete", "restore")
    rows = (
        (name, "".join(f'<input type="submit" name="{at}:{act}" value="{act}">' for act in acts))
        for at, name in enumerate(names)
    )
    cells = "".join(f"<tr><td>{name}</td><td>63,2 kB</td><td>{ways}</td></tr>" for name, ways in rows)
    return f'<form method="post" action="/list"><table>{cells}</table></form>'


def forms(names: Sequence[str]) -> str:
    """A form for each act of each row, all sent to the same place."""
    one = '<form method="post" action="/act"><input type="hidden" name="f" value="{}"><button>{}</button></form>'
    rows = (f"<tr><td>{name}<td>{''.join(one.format(f'{act}-{name}', act) for act in ACTS)}</tr>" for name in names)
    return f"<table>{''.join(rows)}</table>"


def cards(names: Sequence[str]) -> str:
    """No table at all, and a token in each address."""
    return "".join(
        f'<div><h3>{name}</h3><p>63 kB</p><a href="/download?f={name}&t={len(names)}">Get this backup</a></div>'
        for name in names
    )


ACTS = ("download", "delete", "restore")
LAST, FIRST = (*OLD, NEW), (NEW, *OLD)


def export(console: WebConsole) -> bytes:
    sink = io.BytesIO()
    console.log_in(ADMIN)
    console.export_backup(sink, None, no_progress)
    return sink.getvalue()


def bring(console: WebConsole, name: str = NEW) -> None:
    console.log_in(ADMIN)
    console.import_backup(io.BytesIO(ARCHIVE), name, len(ARCHIVE), None, no_progress)


# ---- the archive just made -------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [SAID, "<p>Done</p>"], ids=["named", "not named"])
@pytest.mark.parametrize("names", [LAST, FIRST], ids=["newest last", "newest first"])
@pytest.mark.parametrize(
    ("table", "line"),
    [
        (links, f"GET /download?f={NEW}"),
        (buttons, "POST /list {at}%3Adownload=download"),
        (forms, f"POST /act f=download-{NEW}"),
        (cards, f"GET /download?f={NEW}&t=3"),
    ],
    ids=["links", "buttons", "forms", "cards"],
)
def test_of_a_list_the_archive_just_made_is_taken(
    table: object, line: str, names: Sequence[str], said: str, tmp_path: Path
) -> None:
    assert callable(table)
    routes: Routes = {"GET /backup": page(BACKUP + table(OLD)), "POST /get": page(said + BACKUP + table(names))}
    odd = OddConsole({**routes, "GET /download": archive(), "POST /list": archive(), "POST /act": archive()})
    with odd.running(tmp_path) as console:
        assert export(console) == ARCHIVE
    assert odd.seen[-1] == line.format(at=names.index(NEW))
    assert odd.lines.index("POST /get") == len(odd.lines) - 2


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("", SAID + links(LAST), NEW),
        ("", f"<p>The backup was written to <b>{NEW}</b>.</p>{links(FIRST)}", NEW),
        (links(OLD), f"<p>Backup created: {NEW}</p>{links((*LAST, 'nightly-0611.tar.gz'))}", NEW),
        (links(("backup.zip",)), "<p>Backup created: backup.zip</p>" + links(("backup.zip",)), "backup.zip"),
        (links(OLD[:1]), SAID + links((OLD[0], NEW)), NEW),
        (links(OLD), f"<p>Backup created: {NEW}. The last backup, {OLD[1]}, was made by night.</p>{links(LAST)}", NEW),
        (links(("b-1.zip",)), "<p>Backup created: b-1.zip.gz</p>" + links(("b-1.zip", "b-1.zip.gz")), "b-1.zip.gz"),
    ],
    ids=["never listed", "in a sentence", "another made", "written anew", "the second", "two named", "alike"],
)
def test_the_name_that_the_console_tells_goes_first(before: str, after: str, wanted: str, tmp_path: Path) -> None:
    odd = OddConsole({"GET /backup": page(BACKUP + before), "POST /get": page(after), "GET /download": STALE})
    odd.routes[f"GET /download?f={wanted}"] = archive()
    with odd.running(tmp_path) as console:
        export(console)
    assert odd.lines[-1] == f"GET /download?f={wanted}"


UNTOLD = {
    "all are old": (links(OLD), "<p>Done</p>" + links(OLD)),
    "it is still being made": (links(OLD), "<p>The backup is being created.</p>" + links(OLD)),
    "another backup is named": (links(OLD), f"<p>Started. Last backup created: {OLD[1]}</p>{links(OLD)}"),
    "it was not written": (links(OLD), f"<p>Backup {OLD[1]} was not overwritten.</p>{links(OLD)}"),
    "the list was not seen before": ("", "<p>Done</p>" + links(LAST)),
    "several are new": (links(OLD), "<p>Done</p>" + links((*LAST, "nightly-0611.tar.gz"))),
    "buttons of the old": (buttons(OLD), "<p>Done</p>" + buttons(OLD)),
    "an old one by a new address": (cards(OLD[:1]), "<p>Done</p>" + cards(OLD[:1]).replace("t=1", "t=77")),
}


@pytest.mark.parametrize(("before", "after"), UNTOLD.values(), ids=UNTOLD)
def test_an_older_archive_is_never_taken_for_the_new_one(before: str, after: str, tmp_path: Path) -> None:
    known = {"GET /download": STALE, "POST /list": STALE}
    odd = OddConsole({"GET /backup": page(BACKUP + before), "POST /get": page(after), **known})
    with odd.running(tmp_path) as console, pytest.raises(NotDiscovered) as untold:
        export(console)
    assert untold.value.keys == ("console.backup.result",)
    assert odd.lines[-1] == "POST /get"


def test_an_archive_that_the_home_page_offers_is_an_old_one(tmp_path: Path) -> None:
    last = '<a href="/last">Download the last backup</a>'
    odd = OddConsole({"POST /in": page(HOME + last), "POST /get": page(f"<p>Done</p>{last}"), "GET /last": STALE})
    with odd.running(tmp_path) as console, pytest.raises(NotDiscovered):
        export(console)
    assert "GET /last" not in odd.lines


@pytest.mark.parametrize(("before", "after"), UNTOLD.values(), ids=UNTOLD)
def test_a_pin_settles_it(before: str, after: str, tmp_path: Path) -> None:
    newest = '<a href="/newest">Newest</a>'
    pin = ConsoleProfile.model_validate({"backup": {"result": "Newest"}})
    routes: Routes = {"GET /backup": page(BACKUP + newest + before), "POST /get": page(after + newest)}
    odd = OddConsole({**routes, "GET /newest": archive()}, profile=pin)
    with odd.running(tmp_path) as console:
        assert export(console) == ARCHIVE


def test_a_pinned_caption_that_each_row_has_means_the_new_row(tmp_path: Path) -> None:
    pin = ConsoleProfile.model_validate({"backup": {"result": "download"}})
    for names in (LAST, OLD):
        odd = OddConsole({"GET /backup": page(BACKUP + links(OLD)), "POST /get": page(links(names))}, profile=pin)
        odd.routes[f"GET /download?f={NEW}"] = archive()
        with odd.running(tmp_path) as console:
            if names == LAST:
                assert export(console) == ARCHIVE
                continue
            with pytest.raises(NotDiscovered, match="it is not clear which") as untold:
                export(console)
            assert untold.value.keys == ("console.backup.result",)


def test_an_archives_own_name_is_no_caption_to_pin(tmp_path: Path) -> None:
    odd = OddConsole({"POST /get": page(f'<p>Done</p><a href="/x">{NEW}</a>'), "GET /x": archive()})
    with odd.running(tmp_path) as console:
        export(console)
        assert console.findings().backup.result is None


# ---- the archive just sent -------------------------------------------------------------------------------

SURE = (
    '<h2>Restore</h2><form method="post" action="/sure">{}<button name="n">Back</button><button>Restore</button></form>'
)
RADIOS = (
    "<p>Overwrite all local settings? <label><input type=radio name=s value=f checked>No</label>"
    "<label><input type=radio name=s value=t>Yes</label></p>"
)
UPLOAD = RESTORE.replace("Restore", "Upload").replace("<form", "<h2>Restore a backup</h2><form")


def restoring(before: str, after: str, **more: Route) -> Routes:
    """A console that keeps what was sent, lists it, and asks before it restores it."""
    ask = page(SURE.format(RADIOS))
    routes: Routes = {"GET /backup": page(UPLOAD + before), "POST /put": page(after + UPLOAD), "GET /restore": ask}
    return {**routes, "POST /list": ask, "POST /act": ask, "POST /sure": page(f"<p>{RESTORED}</p>"), **more}


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (links, "GET /restore?f={name}"),
        (buttons, "POST /list 2%3Arestore=restore"),
        (forms, "POST /act f=restore-{name}"),
    ],
    ids=["links", "buttons", "forms"],
)
@pytest.mark.parametrize(
    ("kept", "name", "said"),
    [
        (OLD, NEW, "Uploaded: {}"),
        (OLD, NEW, "Done"),
        ((OLD[0], NEW), f"1_{NEW}", "Uploaded: {}"),
        ((OLD[0], NEW), f"1_{NEW}", f"{NEW} was there already: stored as {{}}."),
        ((OLD[0], NEW), "backup-0611 (2).tar.gz", "Uploaded: {}"),
        ((OLD[0], NEW), f"1_{NEW}", "Done"),
    ],
    ids=["named", "not named", "renamed", "both names", "numbered", "renamed in silence"],
)
def test_of_a_list_the_archive_just_sent_is_restored(
    table: object, line: str, kept: Sequence[str], name: str, said: str, tmp_path: Path
) -> None:
    assert callable(table)
    after = f"<p>{said.format(name)}</p>{table((*kept, name))}"
    odd = OddConsole(restoring(table(kept), after))
    with odd.running(tmp_path) as console:
        bring(console)
    assert [unquote_plus(odd.seen[-2]), odd.seen[-1]] == [unquote_plus(line.format(name=name)), "POST /sure s=t"]
    assert odd.lines.count("POST /put") == 1


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ("", f"<p>Done</p>{links((NEW, f'1_{NEW}'))}", ("console.restore.yes",)),
        (links(OLD), f"<p>Done</p>{links((*OLD, 'x-1.zip', 'y-2.zip'))}", ("console.restore.yes",)),
        (links(LAST), f"<p>Stored.</p>{links(LAST)}", ("console.restore.success", "console.restore.failure")),
    ],
    ids=["which of two alike", "none of that name", "all are old"],
)
def test_no_other_archive_is_restored(before: str, after: str, keys: tuple[str, ...], tmp_path: Path) -> None:
    odd = OddConsole(restoring(before, after))
    with odd.running(tmp_path) as console, pytest.raises(NotDiscovered) as untold:
        bring(console)
    assert untold.value.keys == keys
    assert odd.lines[-1] == "POST /put"


def test_a_pinned_button_of_its_own_settles_which_is_restored(tmp_path: Path) -> None:
    newest = '<ul><li>2026-06-11 <a href="/restore?f=n">Newest</a></li></ul>'
    pin = ConsoleProfile.model_validate({"restore": {"yes": "Newest"}})
    for profile, line in ((UNPINNED, "POST /put"), (pin, "GET /restore?f=n")):
        routes = restoring("", f"<p>Done</p>{links((NEW, f'1_{NEW}'))}{newest}", **{"GET /restore": page(RESTORED)})
        odd = OddConsole(routes, profile=profile)
        with odd.running(tmp_path) as console:
            if profile is pin:
                bring(console)
            else:
                with pytest.raises(NotDiscovered):
                    bring(console)
        assert odd.seen[-1].startswith(line)


def test_a_renamed_archive_is_chosen_by_the_name_that_was_told(tmp_path: Path) -> None:
    kept, ours = (
        f'<label><input type="radio" name="w" value="{at}">{name}</label>'
        for at, name in (("a", NEW), ("b", f"1_{NEW}"))
    )
    ask = '<form method="post" action="/sure">{}<button>Restore</button></form>'
    odd = OddConsole(restoring(ask.format(kept), f"<p>Stored as 1_{NEW}</p>" + ask.format(kept + ours)))
    with odd.running(tmp_path) as console:
        bring(console)
    assert odd.seen[-1] == "POST /sure w=b"


# ---- a question that stands at no ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (RADIOS, "POST /sure s=t"),
        (RADIOS.replace("Overwrite all local settings?", "Are you sure?"), "POST /sure s=t"),
        (RADIOS.replace("Overwrite all local settings?", "Really restore this backup?"), "POST /sure s=t"),
        (RADIOS.replace("Overwrite all local settings?", "Keep the local settings?"), "POST /sure s=f"),
        (RADIOS.replace("Overwrite all local settings?", "Restart afterwards?"), "POST /sure s=f"),
        (
            "<label>Overwrite?<select name=s><option value=n>No<option value=y>Yes, do</select></label>",
            "POST /sure s=y",
        ),
    ],
)
def test_what_asks_for_consent_is_answered_with_yes(asked: str, sent: str, tmp_path: Path) -> None:
    sure = page("<p>This overwrites all settings.</p>" + SURE.format(asked))
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": sure, "POST /sure": page(f"<p>{RESTORED}</p>")})
    with odd.running(tmp_path) as console:
        bring(console)
    assert odd.seen[-1] == sent


def test_a_choice_without_words_is_asked_for(tmp_path: Path) -> None:
    silent = RADIOS.replace("Overwrite all local settings?", "")
    sure = page("<p>This overwrites all settings.</p><hr>" + SURE.format(silent))
    pin = ConsoleProfile.model_validate({"restore": {"confirm": "s"}})
    for profile in (UNPINNED, pin):
        routes: Routes = {"GET /backup": page(RESTORE), "POST /put": sure, "POST /sure": page(f"<p>{RESTORED}</p>")}
        odd = OddConsole(routes, profile=profile)
        with odd.running(tmp_path) as console:
            if profile is pin:
                bring(console)
                assert odd.seen[-1] == "POST /sure s=t"
                continue
            with pytest.raises(NotDiscovered) as untold:
                bring(console)
            assert untold.value.keys == ("console.restore.confirm",)


# ---- what is no news -------------------------------------------------------------------------------------

FAILED = '<p class="error">Automatic backup failed: the share was not found</p>'


def home(said: str) -> str:
    return f"{HOME}{said}"


@pytest.mark.parametrize("where", ["POST /in", "GET /news", "GET /admin"])
def test_a_failure_that_stood_there_before_is_no_news(where: str, tmp_path: Path) -> None:
    frame, menu = '<iframe src="/news"></iframe>', '<a href="/admin">Admin</a>'
    pages = {"POST /in": menu + frame, "GET /news": "<p>News</p>", "GET /admin": HOME}
    pages[where] += FAILED
    routes: Routes = {line: page(body) for line, body in pages.items()}
    routes |= {"GET /backup": page(RESTORE), "POST /put": redirect("/home", 303)}
    odd = OddConsole({**routes, "GET /home": page(f"<p>{RESTORED}</p>{FAILED}{HOME}")})
    with odd.running(tmp_path) as console:
        bring(console)
    assert odd.lines[-1] == "GET /home"


def test_a_failure_that_stood_there_before_keeps_no_backup_back(tmp_path: Path) -> None:
    done = page(f'<p>Done</p>{FAILED}<a href="/x">Download</a>')
    odd = OddConsole({"POST /in": page(home(FAILED)), "POST /get": done, "GET /x": archive()})
    with odd.running(tmp_path) as console:
        assert export(console) == ARCHIVE


def test_a_success_that_stood_there_before_is_none(tmp_path: Path) -> None:
    old = f"<p>{RESTORED}</p>"
    for said in (old, f"<p>Welcome. {RESTORED}</p>"):
        odd = OddConsole({"POST /in": page(home(old)), "GET /backup": page(RESTORE), "POST /put": page(home(said))})
        with odd.running(tmp_path) as console, pytest.raises(NotDiscovered, match="does not say whether it restored"):
            bring(console)


def test_a_failure_that_is_new_is_told(tmp_path: Path) -> None:
    answer = page(f"{FAILED}<p>Restore failed: the disk is full</p>{HOME}")
    odd = OddConsole({"POST /in": page(home(FAILED)), "GET /backup": page(RESTORE), "POST /put": answer})
    with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="refused the backup: Restore failed"):
        bring(console)


# ---- paths that lead there by themselves -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/page?0", "/page/17", "/s/3f2a9b1c77/in", "/flow/e1s1"])
def test_a_page_of_this_session_alone_is_not_pinned(path: str, tmp_path: Path) -> None:
    entry = page(LOGIN.replace('action="/in"', f'action="{path}"'))
    admin = page(f'<a href="{path}b">Backup</a>')
    routes: Routes = {
        "GET /": redirect(path),
        f"GET {path}": entry,
        f"POST {path}": admin,
        f"GET {path}b": page(BACKUP),
    }
    odd = OddConsole(routes)
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        found = console.findings()
    assert found.login.page is None
    assert found.login.action in (None, "/page")


def test_a_form_of_a_numbered_page_is_found_by_the_way_to_it(tmp_path: Path) -> None:
    routes: Routes = {"POST /in": [page('<a href="/p/7">Backup</a>'), page('<a href="/p/9">Backup</a>')]}
    routes |= {f"GET /p/{at}": page(BACKUP.replace("/get", f"/p/{at}/get")) for at in (7, 9)}
    odd = OddConsole({**routes, "POST /p/9/get": archive()})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        console.find_backup()
        found = console.findings()
        assert (found.backup.page, found.backup.menu, found.backup.action) == (None, ("Backup",), None)
    odd.profile = found
    with odd.running(tmp_path) as console:
        assert export(console) == ARCHIVE


def test_what_was_pinned_stays_so_whatever_it_leads_to(tmp_path: Path) -> None:
    pin = ConsoleProfile.model_validate({"login": {"page": "/door"}, "backup": {"page": "/b"}})
    routes: Routes = {"GET /door": redirect("/page?0"), "GET /page?0": page(LOGIN)}
    odd = OddConsole({**routes, "GET /b": redirect("/page?1"), "GET /page?1": page(BACKUP)}, profile=pin)
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        console.find_backup()
        found = console.findings()
    assert (found.login.page, found.backup.page) == ("/door", "/b")
