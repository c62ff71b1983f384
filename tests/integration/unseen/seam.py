"""The console of a CipherMail 4.8.1 appliance as a JBoss Seam application: menus of buttons, backups kept in a table.

A person's path, from the address in the browser (`Console.url`):

 1. The log-in page shows itself. Type the user into "User name", the password into "Password", press "Log in".
 2. The menu is a row of buttons. Press "Admin"; a second row appears. Press "Backup" in it.
 3. Backup: choose "Download to this computer" at "Backup location" (the share is preselected), leave "Do not backup
    database" unticked, type a "Password" or none, press "Backup now".
 4. The page says "Backup created: backup-2026...". In the table below find the row of that name (the newest is the
    last) and press "download" in it. The browser saves the file.
 5. Restore, on the page of step 3: choose the file at "File", press "Upload". The page says under which name it was
    stored. In the row of that name press "restore".
 6. Type its "Password" if it has one, choose "Yes" at "Overwrite all local settings?" (it stands at "No"), press
    "Restore". The page says that the backup has been restored.

Peculiar: pages in ISO-8859-1 and a password with an umlaut; a post is answered by the next page itself, never by a
redirect, so that the address stays one behind; the token is of each page that was shown, for the last 15 of them.
"""

import contextlib
import datetime
import html
import os
import re
import secrets
import urllib.parse
from dataclasses import dataclass, field

import serving
from archives import OpenSsl, tarred

from fixtures.appliance import ca, keys

SEALED = OpenSsl(128, "sha256")
STATE = "javax.faces.ViewState"
# What nobody asked for. Places of the menu that do something at once, and forms that change something.
MENU_HARM = {"logout": "logged out", "restartMta": "restarted the MTA", "reboot": "rebooted", "shutdown": "shut down"}
FORM_HARM = {
    "remind": "mailed a new password",
    "config": "changed the backup configuration or tried its share",
    "users": "deleted a user",
}
MAIN = {"home": "Home", "users": "Users", "queues": "Queues", "admin": "Admin", "logout": "Logout"}
ADMIN = {
    "admins": "Admins",
    "backupConfig": "Backup config",
    "backup": "Backup",
    "restartMta": "Restart MTA",
    "ssl": "SSL/TLS",
    "system": "System",
}
POWER = {"reboot": "Reboot", "shutdown": "Shutdown"}
PAGE = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
 "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html><head><title>CipherMail</title><link rel="stylesheet" type="text/css" href="/ciphermail/css/screen.css" /></head>
<body><h1>CipherMail</h1>{menu}{message}{body}
<p class="footer">CipherMail 4.8.1-0 &copy; Zürich, Köln &ndash; powered by Seam</p></body></html>"""
ENTRY = """<td><form action="/ciphermail/go.seam" method="get"><input type="hidden" name="to" value="{place}" />
<input type="hidden" name="cid" value="{conversation}" /><input type="submit" value="{text}" /></form></td>"""
LOGIN = """<h2>CipherMail Email Encryption Gateway login</h2>
<form id="login" name="login" method="post" action="/ciphermail/login.seam">
<dl><dt>User name</dt><dd><input type="text" name="login:name" id="login:name" value="" /></dd>
<dt>Password</dt><dd><input type="password" name="login:secret" id="login:secret" value="" /></dd>
<dt></dt><dd><input type="submit" name="login:go" value="Log in" /></dd></dl>{hidden login}</form>
<form id="remind" name="remind" method="post" action="/ciphermail/login.seam">
<dl><dt>Password forgotten? Your email address</dt><dd><input type="text" name="remind:mail" /></dd></dl>
<input type="submit" name="remind:go" value="Send" />{hidden remind}</form>"""
HOME = """<h2>Home</h2><p>Welcome. The last automatic backup failed on 10.06.2026 02:00: the share was not there.</p>"""
USERS = """<h2>Users</h2><form id="users" method="post" action="/ciphermail/users.seam"><table><tr>
<td>Jürgen Müller</td><td><input type="submit" name="users:0:delete" value="delete" /></td></tr>
</table>{hidden users}</form>"""
BACKUP = """<h2>Backup</h2><form id="backup" name="backup" method="post" action="/ciphermail/admin/backup.seam">
<dl><dt>Backup location</dt><dd><select name="backup:location" size="1"><option value="SMB" selected="selected">SMB
share</option><option value="LOCAL">Download to this computer</option></select></dd>
<dt>Do not backup database</dt><dd><input type="checkbox" name="backup:noDatabase" value="true" /></dd>
<dt>Password</dt><dd><input type="password" name="backup:password" value="" /> If no password is specified the backup
will not be encrypted</dd></dl>
<input type="submit" name="backup:now" value="Backup now" />{hidden backup}</form>
<h3>Existing backups</h3><form id="list" name="list" method="post" action="/ciphermail/admin/backup.seam">
<table class="rich-table"><thead><tr><th>Name</th><th>Created</th><th>Size</th><th></th></tr></thead><tbody>{rows}
</tbody></table>{hidden list}</form>
<h3>Upload a backup</h3><form id="upload" name="upload" method="post" enctype="multipart/form-data"
action="/ciphermail/admin/backup.seam"><dl><dt>File</dt><dd><input type="file" name="upload:file" /></dd></dl>
<input type="submit" name="upload:go" value="Upload" />{hidden upload}</form>"""
ROW = """<tr class="rich-table-row"><td>{name}</td><td>{when:%d.%m.%Y %H:%M}</td><td align="right">{size} kB</td><td>
<input type="submit" name="list:{number}:download" value="download" />
<input type="submit" name="list:{number}:delete" value="delete" />
<input type="submit" name="list:{number}:restore" value="restore" /></td></tr>"""
RESTORE = """<h2>Restore {name}</h2><p>A restore will overwrite all local settings and cannot be undone. After a restore
the system needs to be restarted.</p>
<form id="restore" name="restore" method="post" action="/ciphermail/admin/backup.seam">
<dl><dt>Password</dt><dd><input type="password" name="restore:password" value="" /></dd>
<dt>Overwrite all local settings?</dt><dd><input type="radio" name="restore:sure" id="restore:sure:0" value="false"
checked="checked" /><label for="restore:sure:0"> No</label> <input type="radio" name="restore:sure" id="restore:sure:1"
value="true" /><label for="restore:sure:1"> Yes</label></dd></dl>
<input type="submit" name="restore:back" value="Back" /> <input type="submit" name="restore:go" value="Restore" />
{hidden restore}</form>"""
CONFIG = """<h2>Backup config</h2><form id="config" name="config" method="post" action="/ciphermail/admin/config.seam">
<dl><dt>SMB share</dt><dd><input type="text" name="config:share" value="//nas/backup" /></dd>
<dt>Enabled</dt><dd><input type="checkbox" name="config:enabled" checked="checked" /></dd>
<dt>Cron</dt><dd><input type="text" name="config:cron" value="0 0 2 * * ?" /></dd>
<dt>Password</dt><dd><input type="password" name="config:password" /></dd>
<dt>Filename strategy</dt><dd><select name="config:strategy"><option>Timestamp</option></select></dd></dl>
<input type="submit" name="config:test" value="Test connection" /> <input type="submit" name="config:go"
value="Apply" />{hidden config}</form>"""


@dataclass
class Stored:
    name: str
    when: datetime.datetime
    content: bytes


@dataclass
class View:
    """What the server remembers of a page it has shown."""

    rows: list[Stored] = field(default_factory=list)
    chosen: Stored | None = None


class Session:
    def __init__(self) -> None:
        self.name = secrets.token_hex(16)
        self.signed_in = False
        self.conversation = str(secrets.randbelow(9000) + 1000)
        self.views: dict[str, View] = {}


class Handler(serving.Handler):
    software = "Apache-Coyote/1.1"
    charset = "latin-1"
    console: "Console"

    def exchange(self, body: bytes) -> None:
        console = self.console
        address = urllib.parse.urlsplit(self.path)
        sent = self.sent(body)
        self.fields = sent.fields if self.command == "POST" else serving.pairs(address.query, self.charset)
        self.upload = sent.file
        cookie = re.search(r"JSESSIONID=(\w+)", self.headers.get("Cookie", ""))
        known = console.sessions.get(cookie[1]) if cookie else None
        self.session = known or Session()
        self.new = known is None
        console.sessions[self.session.name] = self.session
        self.view = View()
        place = address.path.removeprefix("/ciphermail").strip("/")
        if address.path == "/ciphermail":
            self.respond(b"", 302, {"Location": "/ciphermail/"})
        elif not address.path.startswith("/ciphermail/"):
            self.show("<h2>HTTP Status 404 - Not Found</h2>", status=404)
        elif self.command == "POST":
            self.post_back()
        elif not self.session.signed_in:
            self.show(LOGIN)
        elif place == "go.seam":
            self.go()
        elif place in ("", "home.seam", "login.seam"):
            self.show(HOME)
        elif place == "admin/backup.seam":
            self.show_backups()
        else:
            self.show("<h2>HTTP Status 404 - Not Found</h2>", status=404)

    def go(self) -> None:
        """The menu."""
        place = self.fields.get("to", "")
        if self.fields.get("cid") != self.session.conversation:
            self.show(HOME, "The conversation ended, timed out or was processing another request", "warning")
        elif place in MENU_HARM:
            self.harmed(MENU_HARM[place])
            self.show("<h2>Done</h2>")
        elif place == "backup":
            self.show_backups()
        elif place == "backupConfig":
            self.show(CONFIG, inner=ADMIN)
        elif place == "system":
            self.show("<h2>System</h2><p>Gateway</p>" + self.menu(POWER), inner=ADMIN)
        elif place == "users":
            self.show(USERS)
        elif place == "admin" or place in ADMIN:
            self.show("<h2>Admin</h2><p>Nothing to show.</p>", inner=ADMIN)
        else:
            self.show(HOME)

    def post_back(self) -> None:
        form = next((name[:-7] for name, value in self.fields.items() if name.endswith("_SUBMIT") and value == "1"), "")
        view = self.session.views.get(self.fields.get(STATE, ""))
        if form in FORM_HARM:
            self.harmed(FORM_HARM[form])
        if view is None or not form:
            self.show("<h2>HTTP Status 500</h2><pre>ViewExpiredException: no saved view state</pre>", status=500)
        elif form == "login":
            self.log_in()
        elif not self.session.signed_in:
            self.show(LOGIN)
        elif form == "backup" and "backup:now" in self.fields:
            self.create()
        elif form == "list":
            self.on_row(view)
        elif form == "upload" and "upload:go" in self.fields:
            self.take()
        elif form == "restore" and view.chosen:
            self.restore(view.chosen)
        else:
            self.show(HOME)

    def log_in(self) -> None:
        given = self.fields.get("login:name"), self.fields.get("login:secret")
        if "login:go" in self.fields and given == (self.console.user, self.console.password):
            self.session.signed_in = True
            self.show(HOME)
        else:
            self.show(LOGIN, "Login failed", "error")

    def create(self) -> None:
        console = self.console
        if self.fields.get("backup:location") != "LOCAL":
            self.harmed("wrote a backup to the share")
            self.show_backups("The backup was written to //nas/backup.")
            return
        full = "backup:noDatabase" not in self.fields
        content = make_backup(database=full)
        if password := self.fields.get("backup:password"):
            content = SEALED.encrypted(content, password)
        if full:
            console.archive = content
        when = console.tick()
        name = f"backup-{when:%Y%m%d-%H%M%S}.tar.gz{'.enc' if password else ''}"
        console.stored.append(Stored(name, when, content))
        self.show_backups(f"Backup created: {name}")

    def on_row(self, view: View) -> None:
        pressed = [match for name in self.fields if (match := re.fullmatch(r"list:(\d+):(\w+)", name))]
        if len(pressed) != 1 or int(pressed[0][1]) >= len(view.rows):
            self.show_backups()
            return
        chosen, what = view.rows[int(pressed[0][1])], pressed[0][2]
        if what == "delete":
            self.harmed(f"deleted {chosen.name}")
            self.show_backups(f"Deleted: {chosen.name}")
        elif what == "download":
            self.deliver(chosen)
        else:
            self.ask(chosen)

    def deliver(self, chosen: Stored) -> None:
        """No length: the end of the connection is the end of the file."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Disposition", f"attachment; filename={chosen.name}")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(chosen.content)
        self.wfile.flush()
        self.connection.settimeout(2)
        with contextlib.suppress(OSError):  # as Tomcat, says so before it closes: nothing was cut off
            self.connection.unwrap()

    def take(self) -> None:
        if not self.upload or not self.upload[1].startswith((b"\x1f\x8b", b"Salted__")):
            self.show_backups("This is not a backup.", "error")
            return
        sent_as, content = self.upload
        name = re.split(r"[/\\]", sent_as)[-1]
        stem, number, taken = name, 1, {each.name for each in self.console.stored}
        while name in taken:
            name, number = f"{number}_{stem}", number + 1
        self.console.stored.append(Stored(name, self.console.tick(), content))
        self.show_backups(f"Uploaded: {name}")

    def ask(self, chosen: Stored, problem: str = "") -> None:
        self.view.chosen = chosen
        self.show(RESTORE.replace("{name}", html.escape(chosen.name)), problem, "error", inner=ADMIN)

    def restore(self, chosen: Stored) -> None:
        password = self.fields.get("restore:password", "")
        inner = chosen.content if chosen.content[:1] == b"\x1f" else SEALED.decrypted(chosen.content, password)
        if "restore:go" not in self.fields:
            self.show_backups()
        elif self.fields.get("restore:sure") != "true":
            self.ask(chosen, "Nothing was restored: you did not agree that all local settings are overwritten.")
        elif not inner.startswith(b"\x1f\x8b"):
            self.ask(chosen, "Nothing was restored: the password is not correct.")
        else:
            self.console.restored = chosen.content
            self.show_backups(f"{chosen.name} has been restored. The system needs to be restarted.")

    def show_backups(self, message: str = "", kind: str = "info") -> None:
        self.view.rows = list(self.console.stored)
        rows = "".join(
            ROW.format(name=html.escape(each.name), when=each.when, size=german(len(each.content)), number=number)
            for number, each in enumerate(self.view.rows)
        )
        self.show(BACKUP.replace("{rows}", rows), message, kind, inner=ADMIN)

    def menu(self, entries: dict[str, str]) -> str:
        conversation = self.session.conversation
        cells = (ENTRY.format(place=place, text=text, conversation=conversation) for place, text in entries.items())
        return f'<table class="menu"><tr>{"".join(cells)}</tr></table>'

    def show(
        self,
        body: str,
        message: str = "",
        level: str = "info",
        *,
        inner: dict[str, str] | None = None,
        status: int = 200,
    ) -> None:
        state = "j_id" + secrets.token_hex(6)
        self.session.views[state] = self.view
        while len(self.session.views) > 15:
            del self.session.views[next(iter(self.session.views))]
        menu = self.menu(MAIN) + (self.menu(inner) if inner else "") if self.session.signed_in else ""
        box = f'<ul class="messages"><li class="{level}">{html.escape(message)}</li></ul>' if message else ""
        hidden = '<input type="hidden" name="{0}_SUBMIT" value="1" /><input type="hidden" name="{1}" value="{2}" />'
        body = re.sub(r"\{hidden (\w+)\}", lambda match: hidden.format(match[1], STATE, state), body)
        text = PAGE.format(menu=menu, message=box, body=body)
        kind = "text/html;charset=ISO-8859-1"
        self.respond(text.encode("latin-1", "xmlcharrefreplace"), status, {"Content-Type": kind})

    def respond(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        cookie = {"Set-Cookie": f"JSESSIONID={self.session.name}; Path=/ciphermail; Secure"} if self.new else {}
        self.reply(status, cookie | headers, body)


class Console(serving.Console):
    def __init__(self) -> None:
        super().__init__("admin", "Grüezi 8001+Zürich", make_backup(database=True))
        self.now = datetime.datetime(2026, 6, 11, 14, 3, 12)
        nights = [self.now.replace(day=day, hour=2, minute=0, second=0) for day in (7, 8, 9)]
        self.stored = [Stored(f"backup-{n:%Y%m%d-%H%M%S}.tar.gz", n, make_backup(database=True)) for n in nights]
        self.sessions: dict[str, Session] = {}

    def tick(self) -> datetime.datetime:
        self.now += datetime.timedelta(seconds=67)
        return self.now

    @classmethod
    def running(cls, folder: serving.Folder) -> contextlib.AbstractContextManager["Console"]:
        key = keys.ec_key("unseen seam")
        leaf = ca.issue(key, "mx1.example.net", ["mx1.example.net", "127.0.0.1"])
        return serving.running(cls(), Handler, folder, key, [leaf, ca.authority()], "/ciphermail")


def german(size: int) -> str:
    return f"{size / 1000:,.1f}".translate(str.maketrans(",.", ".,"))


def make_backup(*, database: bool) -> bytes:
    """A gzip tar of configuration files, with a dump of the database or without."""
    contents = {"etc/postfix/main.cf": b"djigzo_my_hostname = mx1.example.net\n", "conf/key.bin": os.urandom(7000)}
    if database:
        contents["db/dump.sql"] = b"COPY cm_users FROM stdin;\n" + os.urandom(50000)
    return tarred(contents)
