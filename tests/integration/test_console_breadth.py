"""The console client against consoles that nobody has seen: each differs in one way from what is usual."""

import io
from dataclasses import dataclass, field
from pathlib import Path

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
    answer,
    archive,
    page,
    redirect,
)

from hypervisors import Secret, no_progress
from vmmigrate.appliance.web.console import WebConsole

pytestmark = pytest.mark.slow

Routes = dict[str, Route | list[Route]]


@dataclass(frozen=True)
class Case:
    """`routes` differ from the usual console's; `sent`: lines that must be among those sent; `path`: the URL given."""

    name: str
    routes: Routes
    sent: tuple[str, ...] = ()
    path: str = "/"
    password: str = ""
    never: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.name


def export(console: WebConsole, password: str = "") -> bytes:
    sink = io.BytesIO()
    console.log_in(ADMIN)
    console.export_backup(sink, Secret(password) if password else None, no_progress)
    return sink.getvalue()


def bring(console: WebConsole, password: str = "") -> None:
    console.log_in(ADMIN)
    secret = Secret(password) if password else None
    console.import_backup(io.BytesIO(ARCHIVE), "b.tar.gz", len(ARCHIVE), secret, no_progress)


# ---- getting in ------------------------------------------------------------------------------------------

FORGOT = (
    '<form method="post" action="/forgot"><label>E-mail<input name="mail"></label>'
    "<button>Reset password</button></form>"
)
SEARCH = '<form action="/search"><input name="q"><button>Search</button></form>'
NEWS = '<form method="post" action="/news"><label>Your e-mail<input name="m"></label><button>Subscribe</button></form>'
LANGUAGE = '<form method="post" action="/lang"><select name="l"><option>English</select><button>Change</button></form>'

IN = "POST /in u=admin&p=word"
DOORS = (
    Case("several forms", {"GET /": page(SEARCH + LANGUAGE + FORGOT + LOGIN + NEWS)}, (IN,)),
    Case(
        "a forgotten </form>",
        {"GET /": page(SEARCH.replace("</form>", "") + LOGIN.replace("</form>", "") + FORGOT)},
        (IN,),
    ),
    Case(
        "the form behind a link",
        {"GET /": page('<a href="/help">Help</a><a href="/door">Sign in</a>'), "GET /door": page(LOGIN)},
        (IN,),
    ),
    Case(
        "a proxy's page that links to the context",
        {
            "GET /": page('<a href="/mail">Webmail</a><a href="/gw/ciphermail/">Go</a>'),
            "GET /gw/ciphermail/": page(LOGIN),
        },
        (IN,),
    ),
    Case("the form in a frame", {"GET /": page('<frameset><frame src="/f"></frameset>'), "GET /f": page(LOGIN)}, (IN,)),
    Case("the form in an iframe", {"GET /": page('<iframe src="/f"></iframe>'), "GET /f": page(LOGIN)}, (IN,)),
    Case("a status 401 with the form", {"GET /": page(LOGIN, 401)}, (IN,)),
    Case(
        "a script that leads to it",
        {"GET /": page('<script>location.href = "/x"</script>'), "GET /x": page(LOGIN)},
        (IN,),
    ),
    Case(
        "a meta refresh to it",
        {"GET /": page('<meta http-equiv="Refresh" content="0; URL=/x">'), "GET /x": page(LOGIN)},
        (IN,),
    ),
    Case("a Refresh header", {"GET /": page("wait", Refresh="1; url=/x"), "GET /x": page(LOGIN)}, (IN,)),
    Case(
        "a base element",
        {"GET /": page('<base href="/b/">' + LOGIN.replace("/in", "in")), "POST /b/in": page(HOME)},
        ("POST /b/in u=admin&p=word",),
    ),
    Case(
        "upper case",
        {"GET /": page(LOGIN.replace("post", "POST").replace("<form", "<FORM").replace("<input", "<INPUT"))},
        (IN,),
    ),
    Case(
        "a button with an action of its own",
        {
            "GET /": page(
                LOGIN.replace("<button", '<button formaction="/in"').replace(
                    'action="/in"><input', 'action="/out"><input'
                )
            )
        },
        (IN,),
    ),
    Case(
        "fields outside of their form",
        {
            "GET /": page(
                '<input name="u" form="f"><table><form id="f" method="post" action="/in"></table>'
                "</form>"
                '<input type="password" name="p" form="f"><form action="/s"><input name="q"></form>'
            )
        },
        (IN,),
    ),
    Case(
        "a form across a table's rows",
        {
            "GET /": page(
                '<table><tr><form method="post" action="/in"><td>User<td><input name="u"></tr>'
                '<tr><td>Password<td><input type="password" name="p"></tr></form></table>'
            )
        },
        (IN,),
    ),
    Case(
        "a domain beside the user",
        {
            "GET /": page(
                LOGIN.replace(
                    '<input name="u">', '<label>Domain<input name="d"></label><label>User<input name="u"></label>'
                )
            )
        },
        ("POST /in d=&u=admin&p=word",),
    ),
    Case(
        "a code beside the password",
        {
            "GET /": page(
                LOGIN.replace("<button", '<label>One-time code<input type="password" name="otp"></label><button')
            )
        },
        ("POST /in u=admin&p=word&otp=",),
    ),
    Case(
        "a button to guess beside it",
        {
            "GET /": page(
                LOGIN.replace(
                    "<button", '<button name="x" value="1">Forgot password?</button><button name="go" value="2"'
                )
            )
        },
        ("POST /in u=admin&p=word&go=2",),
    ),
    Case(
        "an image as its button",
        {"GET /": page(LOGIN.replace("<button>Log in</button>", '<input type="image" name="go" alt="Log in">'))},
        ("POST /in u=admin&p=word&go.x=1&go.y=1",),
    ),
    Case(
        "hidden fields and a session id in the address",
        {
            "GET /": page(
                LOGIN.replace("/in", "/in;jsessionid=A1").replace(
                    "<input name", '<input type="hidden" name="t" value="x&amp;y"><input name'
                )
            )
        },
        ("POST /in;jsessionid=A1 t=x%26y&u=admin&p=word",),
    ),
    Case("a home page by 303", {"POST /in": redirect("/home", 303), "GET /home": page(HOME)}, (IN, "GET /home")),
    Case(
        "a home page by refresh",
        {"POST /in": page('<meta http-equiv=refresh content="1;url=/home">Welcome'), "GET /home": page(HOME)},
        (IN, "GET /home"),
    ),
    Case(
        "a home page of frames",
        {"POST /in": page('<frameset><frame src="/menu"><frame src="/logout"></frameset>'), "GET /menu": page(HOME)},
        ("GET /menu",),
        never=("GET /logout",),
    ),
    Case(
        "name and password on two pages",
        {
            "GET /": page(
                (
                    '<form method="post" action="/who"><label>User name<input name="u"></label><button>'
                    "Next</button></form>"
                )
                + SEARCH
            ),
            "POST /who": page(
                '<form method="post" action="/in"><input type="hidden" name="u" value="admin">'
                '<input type="password" name="p"><button>Continue</button></form>'
            ),
        },
        ("POST /who u=admin", IN),
    ),
    Case("a home page with a password form", {"POST /in": page(HOME + '<a href="/bye">Log out</a>' + LOGIN)}, (IN,)),
    Case(
        "a page in Latin-1",
        {
            "GET /": answer(
                200,
                '<html><meta charset="iso-8859-1">é'.encode("latin-1") + LOGIN.encode() + b"</html>",
                {"Content-Type": "text/html"},
            )
        },
        (IN,),
    ),
    Case("the same form twice", {"GET /": page(LOGIN + LOGIN)}, (IN,)),
)

# ---- finding the backup ----------------------------------------------------------------------------------


def menu(*steps: str) -> Routes:
    """Pages one below the other, the last link leading to the backup page."""
    routes: Routes = {"POST /in": page(link(steps[0], "/m1"))}
    for level, step in enumerate(steps[1:], 1):
        routes[f"GET /m{level}"] = page(link(step, f"/m{level + 1}"))
    return routes | {f"GET /m{len(steps)}": page(BACKUP)}


def link(text: str, target: str) -> str:
    acts = (
        '<a href="/logout">Log out</a><a href="/x/reboot">Gateway</a><a href="/now">'
        'Backup now</a><a href="/d">Delete backup</a>'
    )
    return f'{acts}<a href="{target}">{text}</a>'


NEVER = ("GET /logout", "GET /x/reboot", "GET /now", "GET /d")
GET = "POST /get l=download"
CAPTIONS = (
    "Backup/Restore",
    "Backup manager",
    "Back up",
    "Backup & restore",
    "System backup",
    "back-up",
    "Backups",
    "» Backup «",
    "Backup and Restore",
    "Configuration backup",
    "Data backup / recovery",
    "Admin: Backup",
    "Export",
    "BACKUP",
)
WAYS = (
    *(Case(f"called {caption}", menu(caption), (GET,), never=NEVER) for caption in CAPTIONS),
    Case("four levels deep", menu("Admin", "System", "Maintenance", "Tools", "Backup"), (GET,), never=NEVER),
    Case("system maintenance", menu("System administration", "Maintenance & tools", "Backup"), (GET,), never=NEVER),
    Case("an image with a text", menu('<img src="b.png" alt="Backup">'), (GET,)),
    Case("an image with a title", menu('<img src="b.png" title="Backup">'), (GET,)),
    Case("a link with a title", {"POST /in": page('<a href="/backup" title="Backup"><img src="x.png"></a>')}, (GET,)),
    Case("a link with nothing but its address", {"POST /in": page('<a href="/backup"><img src="x.png"></a>')}, (GET,)),
    Case(
        "a button that asks for a page",
        {
            "POST /in": page(
                '<form action="/go"><input type="hidden" name="p" value="b"><button>Backup</button></form>'
            ),
            "GET /go?p=b": page(BACKUP),
        },
        (GET,),
    ),
    Case(
        "a button with a script",
        {"POST /in": page("""<button onclick="window.location='/backup'">Backup</button>""")},
        (GET,),
    ),
    Case(
        "a menu to choose from",
        {"POST /in": page('<select onchange="go()"><option value="/backup">Backup</select>')},
        (GET,),
    ),
    Case(
        "a row that is clicked",
        {"POST /in": page("""<table><tr onclick="location.href='/backup'"><td>Backup</table>""")},
        (GET,),
    ),
    Case("a form that a script shows", {"GET /backup": page(f'<div style="display:none">{BACKUP}</div>')}, (GET,)),
    Case(
        "a link in another language",
        {"POST /in": page('<a href="/admin/backup">Sicherung</a>'), "GET /admin/backup": page(BACKUP)},
        (GET,),
    ),
    Case("an image map", {"POST /in": page('<map><area href="/backup" alt="Backup"></map>')}, (GET,)),
    Case(
        "a frame within a frame",
        {"POST /in": page('<frame src="/1">'), "GET /1": page('<frame src="/2">'), "GET /2": page(HOME)},
        (GET,),
    ),
    Case(
        "the form in a frame",
        {"GET /backup": page('<h1>Backup</h1><iframe src="/f"></iframe>'), "GET /f": page(BACKUP)},
        (GET,),
    ),
    Case("a dead link first", {"POST /in": page('<a href="/gone">Backup</a><a href="/backup">Backup</a>')}, (GET,)),
    Case(
        "the settings beside it",
        {
            "POST /in": page('<a href="/conf">Backup config</a><a href="/backup">Backup</a>'),
            "GET /conf": page(
                "<h1>Automatic backup</h1><form method=post action=/save><label>"
                "Enabled<input type=checkbox name=e></label><label>"
                "Password<input type=password name=p></label><button>Save backup settings</button>"
                "</form>"
            ),
        },
        (GET,),
        never=("POST /save",),
    ),
    Case(
        "behind its settings", {"POST /in": page('<a href="/conf">Backup config</a>'), "GET /conf": page(HOME)}, (GET,)
    ),
    Case(
        "a download that stands in the way",
        {
            "POST /in": page('<a href="/tool">Backup tool</a><a href="/backup">Backup</a>'),
            "GET /tool": answer(200, b"\0" * 999, {"Content-Type": "application/octet-stream"}),
        },
        (GET,),
    ),
    Case(
        "on the home page",
        {
            "POST /in": page(BACKUP.replace("<form", "<h2>Backup</h2><form")),
            "GET /in": page("<h2>Backup</h2>" + BACKUP),
        },
        (GET,),
    ),
    Case(
        "a link to another host",
        {"POST /in": page('<a href="https://vendor.example/backup">Backup</a>' + HOME)},
        (GET,),
    ),
    Case(
        "session ids in links",
        {"POST /in": page('<a href="/backup;jsessionid=1">Backup</a>')},
        (GET, "GET /backup;jsessionid=1"),
    ),
)

# ---- a wizard --------------------------------------------------------------------------------------------

WIZARD = (
    '<title>Setup wizard</title><form method="post" action="/set"><label>'
    'Organization<input name="o"></label><button>Next</button>{}</form>'
)


def wizard(way: str, behind: str = "/home") -> Routes:
    shown = page(WIZARD.format(way))
    return {
        "POST /in": shown,
        "GET /backup": [shown, page(BACKUP)],
        f"GET {behind}": page(HOME),
        "POST /set": page("<p>Nobody asked for that</p>"),
    }


WIZARDS = (
    *(
        Case(
            f"a wizard left by {text}",
            {**wizard(f'<a href="/home">{text}</a>'), "GET /backup": page(BACKUP)},
            (GET,),
            never=("POST /set",),
        )
        for text in (
            "Skip",
            "Later",
            "Cancel",
            "Not now",
            "Remind me later",
            "Skip this step",
            "Continue to the console",
        )
    ),
    Case(
        "a wizard in two steps",
        {
            "POST /in": page(WIZARD.format('<a href="/2">Skip</a>')),
            "GET /2": page(WIZARD.format('<a href="/home">Finish later</a>')),
            "GET /home": page(HOME),
        },
        (GET,),
        never=("POST /set",),
    ),
    Case(
        "a wizard instead of each page",
        {**wizard('<a href="/home">Skip</a>'), "POST /in": page(HOME)},
        (GET,),
        never=("POST /set",),
    ),
)

# ---- getting the archive ---------------------------------------------------------------------------------

FULL = """<h1>Backup</h1><form method="post" action="/get">
<p>Password <input type="password" name="p1"></p><p>Repeat password <input type="password" name="p2"></p>
<p>If no password is specified the backup will not be encrypted</p><p>Backup location:
<label><input type="radio" name="l" value="0" checked>SMB share</label>
<label><input type="radio" name="l" value="1">Download</label></p>
<p><input type="hidden" name="_n" value="on"><input type="checkbox" name="n" checked value="x">
Do not backup database</p>
<input type="submit" name="t" value="Test connection"><input type="submit" name="s" value="Backup"></form>"""
FORM = "POST /get p1=word&p2=word&l=1&_n=on&s=Backup"
PACKED = '<p>Backup created.</p><a href="/manual.pdf">Manual</a><a href="/get/4711">{}</a><a href="/d">Delete</a>'
WAIT = '<meta http-equiv="refresh" content="5"><p>Please wait, the backup is being created</p>'
ARCHIVES = (
    Case("radio buttons and a repeated password", {"GET /backup": page(FULL)}, (FORM,), password="word"),
    Case(
        "a table with th and no end tags",
        {
            "GET /backup": page(
                "<form method=post action=/get><table><tr><th>Password<td>"
                "<input type=password name=p><tr><th>Backup location<td><select name=l>"
                "<option value=s>SMB share<option value=d>Download to browser</select><tr><th>"
                "Do not backup database<td><input type=checkbox name=n></table>"
                '<input type=submit value="Create backup"></form>'
            )
        },
        ("POST /get p=word&l=d",),
        password="word",
    ),
    Case(
        "labels by aria",
        {
            "GET /backup": page(
                "<form method=post action=/get><b id=a>Backup location</b><span id=b>"
                "Do not backup database</span><hr><select name=l aria-labelledby=a><option>"
                "Download</select><input type=checkbox checked name=n aria-labelledby=b><button>"
                "OK</button></form>"
            )
        },
        ("POST /get l=Download",),
    ),
    Case(
        "a checkbox that includes the database",
        {
            "GET /backup": page(
                BACKUP.replace("</form>", "<label><input type=checkbox name=d value=1>Include database</label></form>")
            )
        },
        ("POST /get l=download&d=1",),
    ),
    Case(
        "a hidden companion of the same name",
        {
            "GET /backup": page(
                BACKUP.replace(
                    "</form>",
                    (
                        "<input type=hidden name=n value=false><label>"
                        "<input type=checkbox name=n value=true checked>Do not backup database</label></form>"
                    ),
                )
            )
        },
        ("POST /get l=download&n=false",),
    ),
    Case(
        "one form for both",
        {
            "GET /backup": page(
                '<h1>Backup</h1><form method="post" enctype="multipart/form-data"><label>'
                'Backup password<input type="password" name="p"></label>'
                '<button formaction="/get" name="b">Start backup</button><input type="file" name="f">'
                '<label>Restore password<input type="password" name="r"></label>'
                '<button formaction="/put">Restore</button></form>'
            )
        },
        ("POST /get",),
        password="word",
    ),
    Case(
        "two buttons for two places",
        {
            "GET /backup": page(
                '<h1>Backup</h1><form method="post" action="/get"><input type="password" name="p">'
                '<button name="s">Backup to share</button><button name="d">Download backup</button>'
                "</form>"
            )
        },
        ("POST /get p=&d=",),
    ),
    Case(
        "a button of its own place",
        {
            "GET /backup": page(
                '<h1>Backup</h1><form method="post" action="/no"><input type="password" name="p">'
                '<button formaction="/get">Back up</button></form>'
            )
        },
        ("POST /get p=",),
    ),
    Case(
        "lists of old ones beside it",
        {
            "GET /backup": page(
                (
                    '<form method="post" action="/del"><button>Delete backup</button></form>'
                    '<form method="post" action="/old"><button>Restore backup</button></form>'
                    '<form method="post" action="/test"><button>Test backup share</button></form>'
                )
                + FULL
            )
        },
        ("POST /get p1=&p2=&l=1&_n=on&s=Backup",),
        never=("POST /del", "POST /old", "POST /test"),
    ),
    Case("a redirect", {"POST /get": redirect("/file", 303), "GET /file": archive()}, ("GET /file",)),
    Case(
        "a redirect that repeats it",
        {"POST /get": redirect("/get2", 307), "POST /get2": archive()},
        ("POST /get2 l=download",),
    ),
    *(
        Case(
            f"a page with a link {text}",
            {"POST /get": page(PACKED.format(text)), "GET /get/4711": archive()},
            ("GET /get/4711",),
            never=("GET /manual.pdf", "GET /d"),
        )
        for text in (
            "Download",
            "Download backup",
            "backup-2024.tar.gz",
            "Save the archive",
            "Click here to download it",
        )
    ),
    Case(
        "the backup page with a new link",
        {
            "GET /backup": page(BACKUP + '<a href="/a/1.zip">old.zip</a>'),
            "POST /get": redirect("/backup?done"),
            "GET /backup?done": page(
                "<p>Done</p>" + BACKUP + '<a href="/a/1.zip">old.zip</a><a href="/a/2.zip">new.zip</a>'
            ),
            "GET /a/2.zip": archive(),
        },
        ("GET /a/2.zip",),
        never=("GET /a/1.zip",),
    ),
    Case(
        "a page with a button",
        {
            "POST /get": page(
                '<p>Ready</p><form method="post" action="/fetch">'
                '<input type="hidden" name="t" value="7"><button>Download</button></form>'
            ),
            "POST /fetch": archive(),
        },
        ("POST /fetch t=7",),
    ),
    Case(
        "a page that reloads itself",
        {
            "POST /get": redirect("/wait"),
            "GET /wait": [page(WAIT), page(WAIT.replace("created", "created: 80 %")), page(PACKED.format("Download"))],
            "GET /get/4711": archive(),
        },
        ("GET /wait", "GET /get/4711"),
    ),
    Case(
        "a page that leads to the archive",
        {
            "POST /get": page(
                '<meta http-equiv="refresh" content="3;url=/file"><p>Your download starts in a moment</p>'
            ),
            "GET /file": archive(),
        },
        ("GET /file",),
    ),
    Case(
        "waiting with a link that is not ready",
        {
            "POST /get": page(
                '<meta http-equiv="refresh" content="3;url=/state"><p>Please wait</p><a href="/file">Download</a>'
            ),
            "GET /state": page('<p>Ready</p><a href="/file">Download</a>'),
            "GET /file": archive(),
        },
        ("GET /state", "GET /file"),
    ),
    Case(
        "waiting at the same address",
        {"POST /get": redirect("/job"), "GET /job": [page(WAIT), archive()]},
        ("GET /job",),
    ),
    Case(
        "an archive that is called a page", {"POST /get": answer(200, ARCHIVE, {"Content-Type": "text/html"})}, (GET,)
    ),
    Case(
        "a token for each form",
        {
            "GET /backup": page(
                BACKUP.replace("</form>", '<input type="hidden" name="csrf" value="b"></form>')
                + LANGUAGE.replace("<select", '<input type="hidden" name="csrf" value="l"><select')
            )
        },
        ("POST /get l=download&csrf=b",),
    ),
)


@pytest.mark.parametrize("case", [*DOORS, *WAYS, *WIZARDS, *ARCHIVES], ids=str)
def test_a_backup_comes_out(case: Case, tmp_path: Path) -> None:
    odd = OddConsole({"POST /get": archive(), **case.routes})
    with odd.running(tmp_path, case.path) as console:
        assert export(console, case.password) == ARCHIVE
    assert [line for line in case.sent if not any(seen.startswith(line) for seen in odd.seen)] == []
    assert [line for line in odd.lines if line in case.never] == []
    assert len([line for line in odd.lines if line == "POST /in"]) <= 1


# ---- bringing one in -------------------------------------------------------------------------------------

SURE = (
    '<p>All local settings will be overwritten. Are you sure?</p><form method="post" action="/yes"><input type="hidden"'
    ' name="state" value="s"><button name="n">Cancel</button><button name="y">{}</button></form>'
)
DONE = page(f"<p>{RESTORED}</p>")
PUT = "POST /put"
COUNTS = '<meta http-equiv="refresh" content="2"><p>{} %</p>'
RESTORES = (
    Case(
        "on a page of its own",
        {
            "POST /in": page('<a href="/backup">Backup</a>'),
            "GET /backup": page(BACKUP + '<a href="/r">Restore</a>'),
            "GET /r": page(RESTORE),
        },
        (PUT,),
    ),
    Case(
        "beside the backup in a menu",
        {"POST /in": page(HOME + '<a href="/r">Restore a backup</a>'), "GET /r": page(RESTORE)},
        (PUT,),
    ),
    Case(
        "import instead of restore",
        {"GET /backup": page(BACKUP + '<a href="/r">Import</a>'), "GET /r": page(RESTORE.replace("Restore", "Import"))},
        (PUT,),
    ),
    Case(
        "other uploads beside it",
        {
            "GET /backup": page(
                (
                    "<form method=post action=/cert><label>Certificate<input type=file name=c></label>"
                    "<button>Upload</button></form>"
                )
                + RESTORE
            )
        },
        (PUT,),
        never=("POST /cert",),
    ),
    *(
        Case(
            f"a question answered with {yes}",
            {"POST /put": page(SURE.format(yes)), "POST /yes": DONE},
            ("POST /yes state=s&y=",),
        )
        for yes in ("Yes", "OK", "Confirm", "Continue", "Restore now", "Proceed with restore")
    ),
    Case(
        "a question with a box",
        {
            "POST /put": page(
                SURE.format("Yes").replace(
                    "<button", '<label><input type="checkbox" name="c">I understand</label><button', 1
                )
            ),
            "POST /yes": DONE,
        },
        ("POST /yes state=s&c=on&y=",),
    ),
    Case(
        "a red question",
        {"POST /put": page(SURE.format("Yes").replace("<p>", '<p class="alert alert-danger">')), "POST /yes": DONE},
        ("POST /yes",),
    ),
    Case(
        "a question that asks for the password",
        {
            "POST /put": page(SURE.format("Yes").replace("<button", '<input type="password" name="p"><button', 1)),
            "POST /yes": DONE,
        },
        ("POST /yes state=s&p=word&y=",),
        password="word",
    ),
    Case(
        "a checkbox that consents",
        {
            "GET /backup": page(
                RESTORE.replace(
                    "<button",
                    (
                        '<label><input type="checkbox" name="c">'
                        "I agree that all settings are overwritten</label><label>"
                        '<input type="checkbox" name="d">Do not restore the database</label><button'
                    ),
                )
            )
        },
        (PUT,),
    ),
    Case("an answer by redirect", {"POST /put": redirect("/r", 303), "GET /r": DONE}, (PUT, "GET /r")),
    Case(
        "an answer after waiting",
        {
            "POST /put": page(
                '<meta http-equiv="refresh" content="4;url=/state"><p>The backup is being restored, please wait</p>'
            ),
            "GET /state": [
                page('<meta http-equiv="refresh" content="4"><p>The backup is being restored, please wait</p>'),
                DONE,
            ],
        },
        (PUT, "GET /state"),
    ),
    Case(
        "an answer after a page that counts",
        {"POST /put": redirect("/job"), "GET /job": [page(COUNTS.format(10)), page(COUNTS.format(90)), DONE]},
        (PUT, "GET /job"),
    ),
    Case(
        "an answer with the log-in form", {"POST /put": page(f"<p>{RESTORED} Please log in again.</p>" + LOGIN)}, (PUT,)
    ),
    Case(
        "a button to restart beside the answer",
        {"POST /put": page(f'<p>{RESTORED}</p><form method="post" action="/boot"><button>Restart now</button></form>')},
        (PUT,),
        never=("POST /boot",),
    ),
    Case(
        "a wizard left by a link",
        {
            **wizard('<a href="/home">Skip</a>'),
            "GET /backup": [page(WIZARD.format('<a href="/home">Skip</a>')), page(RESTORE)],
        },
        (PUT,),
        never=("POST /set",),
    ),
    Case(
        "a source to choose",
        {
            "GET /backup": page(
                RESTORE.replace(
                    "<input",
                    (
                        '<label>Restore from<select name="s"><option>SMB share<option>Uploaded file</select>'
                        "</label><input"
                    ),
                )
            )
        },
        (PUT,),
    ),
)


@pytest.mark.parametrize("case", RESTORES, ids=str)
def test_a_backup_goes_in(case: Case, tmp_path: Path) -> None:
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": DONE, **case.routes})
    with odd.running(tmp_path, case.path) as console:
        bring(console, case.password)
    assert [line for line in case.sent if not any(seen.startswith(line) for seen in odd.seen)] == []
    assert [line for line in odd.lines if line in case.never] == []
    assert odd.lines.count(PUT) == 1
