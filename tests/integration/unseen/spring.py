"""The console of a CipherMail 5.5.3 appliance as a Spring application: Bootstrap, jobs to wait for, one-time tokens.

A person's path, from the address in the browser (`Console.url`):

 1. The log-in page shows itself. Type the user into "User name", press "Continue".
 2. Type the password into "Password", press "Sign in".
 3. A page says that the password is about to expire. Click "Remind me later" (or anything in the menu).
 4. In the menu at the top, under "Admin", click "Backup" (not "Backup MX", not "Backup configuration").
 5. Backup: choose "Download to this computer" at "Backup location" (the share is preselected), leave "Do not backup
    database" unticked, type a "Password" or none, press "Create backup".
 6. Wait until the page says that the backup is ready; click the name of the file. The browser saves it.
 7. Restore: on the page of step 4 click "Restore backup", choose the "Backup file", type the "Password" if it has one,
    press "Upload".
 8. The page asks whether all local settings are to be overwritten: press "Yes, restore". A moment later it says that
    the restore is completed.
"""

import datetime
import html
import io
import json
import os
import re
import secrets
import struct
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

import serving
from archives import zipped

from fixtures.appliance import ca, keys

HARMFUL = {
    "/logout": "logged out",
    "/password": "changed the password",
    "/password/reset": "mailed a reset link",
    "/admin/backup/test": "connected to the share",
    "/admin/backup/configuration": "changed the backup configuration",
    "/admin/system/power": "restarted, rebooted or shut down",
    "/admin/backup/jobs/delete": "deleted a backup",
    "/users/delete": "deleted a user",
}
EMPTY = ("/search", "/settings/smime", "/settings/pgp", "/admin/ssl", "/admin/backup-mx")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{head}
<title>CipherMail Gateway</title><link rel="stylesheet" href="/ciphermail/webjars/bootstrap/css/bootstrap.min.css">
</head><body class="bg-light">{nav}<main class="container">
<div class="alert alert-danger d-none" role="alert" style="display:none">Your session has expired. Please sign in.</div>
{body}</main><footer class="text-muted">CipherMail 5.5.3.0g99d2faca</footer></body></html>"""
NAV = """<nav class="navbar navbar-expand-lg"><a class="navbar-brand" href="/ciphermail/home">CipherMail</a>
<ul class="navbar-nav"><li class="nav-item"><a class="nav-link" href="/ciphermail/users">Users</a></li>
<li class="nav-item dropdown"><a class="nav-link dropdown-toggle" href="#" data-toggle="dropdown">Settings</a>
<div class="dropdown-menu"><a class="dropdown-item" href="/ciphermail/settings/smime">S/MIME</a>
<a class="dropdown-item" href="/ciphermail/settings/pgp">PGP</a></div></li>
<li class="nav-item dropdown"><a class="nav-link dropdown-toggle" href="#" data-toggle="dropdown">Admin</a>
<div class="dropdown-menu"><a class="dropdown-item" href="/ciphermail/admin/backup-mx">Backup MX</a>
<a class="dropdown-item" href="/ciphermail/admin/backup/configuration">Backup configuration</a>
<a class="dropdown-item" href="/ciphermail/admin/backup"><i class="fa fa-save"></i>&nbsp;Backup</a>
<a class="dropdown-item" href="/ciphermail/admin/ssl">SSL/TLS</a>
<a class="dropdown-item" href="/ciphermail/admin/system">System</a></div></li></ul>
<form class="form-inline" action="/ciphermail/search" role="search"><input class="form-control" type="search" name="q"
placeholder="Search" aria-label="Search"><button class="btn">Search</button></form>
<form action="/ciphermail/logout" method="post">{csrf}<button class="btn btn-link" type="submit">Sign out</button>
</form></nav>"""
FIRST = """<div class="card"><h2>CipherMail Email Encryption Gateway login</h2>
<form method="post" action="/ciphermail/login">{csrf}<div class="form-group"><label for="username">User name</label>
<input class="form-control" id="username" name="username" required autofocus></div>
<button class="btn btn-primary btn-block" type="submit">Continue</button></form>
<form method="get" action="/ciphermail/login" class="small"><select name="lang" aria-label="Language">
<option>en</option><option>nl</option></select><button class="btn btn-sm" type="submit">Set language</button></form>
</div>"""
SECOND = """<div class="card"><h2>CipherMail Email Encryption Gateway login</h2>{error}
<form method="post" action="/ciphermail/password/reset">{csrf}Hello {user}.
<button class="btn btn-link" type="submit">Forgot your password?</button></form>
<form method="post" action="/ciphermail/login/password">{csrf}<input type="hidden" name="flow" value="{flow}">
<div class="form-group"><label>Password <input class="form-control" type="password" name="secret" required></label>
</div><div class="form-check"><label><input type="checkbox" name="remember-me"> Remember me on this computer</label>
</div>
<a class="btn btn-light" href="/ciphermail/login">Back</a>
<button class="btn btn-primary" type="submit">Sign in</button></form></div>"""
NOTICE = """<div class="alert alert-warning"><h4>Your password expires in 5 days</h4>
<form method="post" action="/ciphermail/password">{csrf}<label for="current">Current password</label>
<input type="password" id="current" name="current"><label for="new">New password</label>
<input type="password" id="new" name="new"><label for="repeat">Repeat new password</label>
<input type="password" id="repeat" name="repeat"><button class="btn btn-warning">Change password</button></form>
<a href="/ciphermail/home">Remind me later</a></div>"""
HOME = """<h1>Dashboard</h1><div class="row"><div class="col card"><h5>News</h5><p>CipherMail 6 is here. <a
href="https://www.ciphermail.com/">Backup and upgrade today</a></p></div><div class="col card"><h5>Users</h5>
<form method="post" action="/ciphermail/users/delete">{csrf}alice@example.com <button class="btn btn-danger"
name="id" value="1">Delete</button></form></div></div>"""
TABS = """<h1>Backup</h1><ul class="nav nav-tabs"><li><a class="nav-link" href="/ciphermail/admin/backup">Create backup
</a></li><li><a class="nav-link" href="/ciphermail/admin/backup/restore">Restore backup</a></li>
<li><a class="nav-link" href="/ciphermail/admin/backup/configuration">Backup config</a></li></ul>"""
CREATE = """<div class="card"><div class="card-body"><form id="create" method="post" action="/ciphermail/admin/backup">
{csrf}<fieldset><legend>Backup location</legend><div class="form-check"><input class="form-check-input" type="radio"
name="target" id="target1" value="share" checked><label class="form-check-label" for="target1">SMB share</label></div>
<div class="form-group ml-4"><label for="share">Share</label><input id="share" name="share" value="//nas/gateway">
<label for="sharePassword">Share password</label><input id="sharePassword" name="sharePassword" type="password">
<button class="btn btn-outline" type="submit" formaction="/ciphermail/admin/backup/test">Test connection</button></div>
<div class="form-check"><input class="form-check-input" type="radio" name="target" id="target2" value="download">
<label class="form-check-label" for="target2">Download to this computer</label></div></fieldset>
<div class="form-group"><label for="encryption">Password</label><input id="encryption" name="encryption"
type="password" autocomplete="new-password" aria-describedby="hint"><small id="hint" class="form-text">If no password is
specified the backup will not be encrypted</small></div><div class="custom-control custom-switch">
<input type="checkbox" class="custom-control-input" id="skip" name="skipDatabase" value="true">
<input type="hidden" name="_skipDatabase" value="on"><label class="custom-control-label" for="skip">Do not backup
database</label></div></form></div><div class="card-footer"><button class="btn" type="submit" name="do" value="repeat"
form="create" disabled>Repeat last backup</button> <button class="btn btn-primary" type="submit" name="do"
value="create" form="create">Create backup</button></div></div>"""
RESTORE = """<div class="card">{error}<form method="post" enctype="multipart/form-data"
action="/ciphermail/admin/backup/restore?_csrf={token}"><label for="file">Backup file</label><input type="file"
id="file" name="file"><label for="pw">Password</label><input type="password" id="pw" name="pw">
<input type="hidden" name="origin" value="tab"><button class="btn btn-primary" type="submit">Upload</button></form>
</div>"""
CONFIRM = """<div class="alert alert-warning"><h4>Are you sure?</h4><p>Restoring {name} ({size} bytes) will overwrite
all local settings and cannot be undone. After a restore the system needs to be restarted.</p>
<form method="post" action="/ciphermail/admin/backup/restore/{upload}">{csrf}
<button class="btn btn-secondary" name="decision" value="cancel">Cancel</button>
<button class="btn btn-danger" name="decision" value="restore">Yes, restore</button></form></div>"""
CONFIGURATION = """<form method="post" action="/ciphermail/admin/backup/configuration">{csrf}<label>SMB share
<input name="share" value="//nas/gateway"></label><label><input type="checkbox" name="enabled" checked> Enabled</label>
<label>Cron expression <input name="cron" value="0 0 2 * * ?"></label><label>Password <input type="password"
name="password"></label><label>Filename strategy <select name="strategy"><option>timestamp</option></select></label>
<button class="btn" name="do" value="test">Test connection</button><button class="btn btn-primary" name="do"
value="apply">Apply</button></form>"""
READY = """<div class="alert alert-success">The backup is ready: <a href="{number}/{name}">{name}</a></div>
<form method="post" action="/ciphermail/admin/backup/jobs/delete">{csrf}<button class="btn btn-danger">Delete</button>
</form>"""
POWER = """<h1>Gateway</h1><form method="post" action="/ciphermail/admin/system/power">{csrf}<button name="do"
value="restart">Restart</button><button name="do" value="reboot">Reboot</button><button name="do" value="shutdown">
Shutdown</button></form>"""


@dataclass
class Session:
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    user: str = ""
    signed_in: bool = False
    tokens: set[str] = field(default_factory=set)
    uploads: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    jobs: list["Job"] = field(default_factory=list)


@dataclass
class Job:
    name: str
    content: bytes
    views: int = 0


class Handler(serving.Handler):
    software = "nginx"
    console: "Console"
    session: Session

    def exchange(self, body: bytes) -> None:
        address = urllib.parse.urlsplit(self.path)
        path = address.path.removeprefix("/ciphermail").rstrip("/")
        sent = self.sent(body)
        self.form = serving.pairs(address.query) | sent.fields
        self.upload = sent.file
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("SESSION")
        known = self.console.sessions.get(cookie.value) if cookie else None
        self.session = known or Session()
        self.cookie = "" if known else self.session.key
        self.console.sessions[self.session.key] = self.session
        if self.command == "POST" and path in HARMFUL:
            self.harmed(HARMFUL[path])
        if self.command == "POST" and not self.token_counts():
            self.show("<h1>403 Forbidden</h1><p>Invalid CSRF token found.</p>", status=403)
        elif address.path == "/":
            self.redirect("/ciphermail/")
        elif not address.path.startswith("/ciphermail"):
            self.show("<h1>404 Not Found</h1>", status=404)
        elif path in ("/login", "/login/password"):
            self.sign_in(path)
        elif not self.session.signed_in:
            self.redirect("/ciphermail/login")
        else:
            self.inside(path)

    def token_counts(self) -> bool:
        """Each token counts once: it is gone when it comes back."""
        token = self.form.pop("_csrf", "")
        if token not in self.session.tokens:
            return False
        self.session.tokens.discard(token)
        return True

    def token(self) -> str:
        token = secrets.token_hex(18)
        self.session.tokens.add(token)
        return token

    def sign_in(self, path: str) -> None:
        console, session = self.console, self.session
        if path == "/login" and self.command == "POST":
            session.user = self.form.get("username", "")
            self.redirect("/ciphermail/login/password" if session.user else "/ciphermail/login")
        elif path == "/login":
            self.show(FIRST)
        elif not session.user:
            self.redirect("/ciphermail/login")
        elif self.command == "GET":
            error = '<div class="alert alert-danger">Bad credentials</div>' if "error" in self.form else ""
            self.show(SECOND, user=html.escape(session.user), error=error, flow=session.key[:8])
        elif self.form.get("flow") != session.key[:8]:
            self.show("<h1>400 Bad Request</h1><p>The flow is not known.</p>", status=400)
        elif (session.user, self.form.get("secret")) != (console.user, console.password):
            self.redirect("/ciphermail/login/password?error")
        else:  # against session fixation the session gets a new name
            del console.sessions[session.key]
            self.session = Session(user=session.user, signed_in=True)
            self.cookie = self.session.key
            console.sessions[self.session.key] = self.session
            self.redirect("/ciphermail/password/expiry")

    def inside(self, path: str) -> None:
        pages: dict[str, Callable[[], None]] = {
            "": lambda: self.redirect("/ciphermail/home"),
            "/home": lambda: self.show(HOME),
            "/users": lambda: self.show(HOME),
            "/password/expiry": lambda: self.show(NOTICE),
            "/admin/backup": self.create if self.command == "POST" else lambda: self.show(TABS + CREATE),
            "/admin/backup/restore": self.uploaded if self.command == "POST" else self.restore_page,
            "/admin/backup/configuration": lambda: self.show(TABS + CONFIGURATION),
            "/admin/system": lambda: self.show(POWER),
        }
        if path in pages:
            pages[path]()
        elif match := re.fullmatch(r"/admin/backup/jobs/(\d+)(/.+)?", path):
            self.job(int(match[1]), match[2])
        elif match := re.fullmatch(r"/admin/backup/restore/(\w+)", path):
            self.confirm(match[1])
        elif path in HARMFUL or path in EMPTY:
            self.show("<h1>CipherMail</h1><p>Nothing to show.</p>")
        else:
            self.show("<h1>404 Not Found</h1>", status=404)

    def create(self) -> None:
        if self.form.get("do") != "create" or "_skipDatabase" not in self.form:
            self.show("<h1>400 Bad Request</h1><p>The form is not complete.</p>", status=400)
            return
        if self.form.get("target") != "download":
            self.harmed("wrote a backup to the share")
            self.show("<h1>Backup</h1><p>The backup was written to //nas/gateway.</p>")
            return
        full = "skipDatabase" not in self.form
        content = zipped(self.console.contents if full else dict(list(self.console.contents.items())[:1]))
        if password := self.form.get("encryption"):
            content = sealed(content, password)
        if full:
            self.console.archive = content
        name = f"ciphermail-5.5.3-{datetime.date(2024, 6, 11):%Y%m%d}{'-encrypted' if password else ''}.zip"
        self.session.jobs.append(Job(name, content))
        self.redirect(f"/ciphermail/admin/backup/jobs/{len(self.session.jobs)}")

    def job(self, number: int, file: str | None) -> None:
        if not 0 < number <= len(self.session.jobs):
            self.show("<h1>404 Not Found</h1>", status=404)
            return
        job = self.session.jobs[number - 1]
        job.views += 1
        if file:
            self.send(job.content, {"Content-Type": "application/zip", "Content-Disposition": "attachment"})
        elif job.views < 3:
            wait = '<div class="spinner-border"></div><p>The backup is being created, please wait&hellip;</p>'
            self.show(wait, head='<meta http-equiv="refresh" content="1">')
        else:
            self.show(READY, number=number, name=job.name)

    def restore_page(self, error: str = "") -> None:
        box = f'<div class="alert alert-danger">{error}</div>' if error else ""
        self.show(TABS + RESTORE, error=box, token=self.token())

    def uploaded(self) -> None:
        if self.form.get("origin") != "tab" or self.upload is None:
            self.show("<h1>400 Bad Request</h1><p>The form is not complete.</p>", status=400)
        elif not readable(self.upload[1], self.form.get("pw", "")):
            self.restore_page("This is not a backup, or the password is not correct.")
        else:
            number = secrets.token_hex(4)
            self.session.uploads[number] = self.upload
            self.redirect(f"/ciphermail/admin/backup/restore/{number}")

    def confirm(self, number: str) -> None:
        if number not in self.session.uploads:
            self.redirect("/ciphermail/admin/backup/restore")
            return
        name, content = self.session.uploads[number]
        if self.command == "GET" and "running" not in self.form:
            self.show(CONFIRM, name=html.escape(name), size=len(content), upload=number)
        elif self.command == "GET" and self.form["running"] == "1":
            where = f"/ciphermail/admin/backup/restore/{number}?running=2"
            self.show("<p>The restore is running&hellip;</p>", headers={"Refresh": f"1; url={where}"})
        elif self.command == "GET":
            self.show(
                '<div class="alert alert-success">The restore is completed. The system needs to be restarted: <a '
                'href="/ciphermail/admin/system">Admin, System, Gateway</a>.</div>'
            )
        elif self.form.get("decision") == "restore":
            self.console.restored = content
            self.redirect(f"/ciphermail/admin/backup/restore/{number}?running=1")
        else:
            del self.session.uploads[number]
            self.redirect("/ciphermail/admin/backup/restore")

    def show(
        self, body: str, *, status: int = 200, head: str = "", headers: dict[str, str] | None = None, **values: object
    ) -> None:
        nav = NAV if self.session.signed_in else ""
        page = PAGE.format(head=head, nav=nav, body=body)
        for name, value in values.items():
            page = page.replace(f"{{{name}}}", str(value))
        page = re.sub("{csrf}", lambda _: f'<input type="hidden" name="_csrf" value="{self.token()}">', page)
        self.send(page.encode(), {"Content-Type": "text/html; charset=utf-8", **(headers or {})}, status)

    def redirect(self, where: str) -> None:
        self.send(b"", {"Location": where}, 303 if self.command == "POST" else 302)

    def send(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        cookie = f"SESSION={self.cookie}; Path=/ciphermail/; Secure; HttpOnly; SameSite=Lax"
        fresh = {"Set-Cookie": cookie} if self.cookie else {}
        self.reply(status, fresh | headers | {"Cache-Control": "no-store"}, body)


class Console(serving.Console):
    def __init__(self) -> None:
        dump = json.dumps({"cm_users": ["alice@example.com"]}).encode() + os.urandom(50000)
        self.contents = {"config/gateway.properties": b"pam.enabled=true\n" + os.urandom(5000), "db/djigzo.dump": dump}
        super().__init__("sa", "correct horse & <battery> staple", zipped(self.contents))
        self.sessions: dict[str, Session] = {}

    @classmethod
    def running(cls, folder: serving.Folder) -> AbstractContextManager["Console"]:
        key = keys.ec_key("unseen spring")
        leaf = ca.issue(key, "mail.example.org", ["mail.example.org", "127.0.0.1"])
        return serving.running(cls(), Handler, folder, key, [leaf], "/")


def sealed(content: bytes, password: str) -> bytes:
    """A zip of one encrypted entry that is the plain backup (the traditional cipher, as `zip -P` makes it)."""
    name, crc = b"backup.zip", zlib.crc32(content)
    state = [0x12345678, 0x23456789, 0x34567890]

    def step(byte: int) -> None:
        state[0] = ~zlib.crc32(bytes([byte]), ~state[0] & 0xFFFFFFFF) & 0xFFFFFFFF
        state[1] = ((state[1] + (state[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        state[2] = ~zlib.crc32(bytes([state[1] >> 24]), ~state[2] & 0xFFFFFFFF) & 0xFFFFFFFF

    for byte in password.encode():
        step(byte)
    secret = bytearray()
    for byte in os.urandom(11) + bytes([crc >> 24]) + content:
        mask = (state[2] & 0xFFFF) | 2
        secret.append(byte ^ (mask * (mask ^ 1) >> 8 & 0xFF))
        step(byte)
    common = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x58CB, crc, len(secret), len(content), len(name), 0)
    local = b"PK\x03\x04" + common + name + secret
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def readable(content: bytes, password: str) -> bool:
    """Whether it is a zip that opens with the password, or without one if it is not encrypted."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.setpassword(password.encode() or b"-")
            return archive.testzip() is None
    except (zipfile.BadZipFile, RuntimeError, zlib.error):
        return False
