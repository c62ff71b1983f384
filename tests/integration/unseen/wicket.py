"""The console of a CipherMail 5.1.3 appliance as an Apache Wicket application: numbered pages, tabs, a dialog.

A person's path, from the address in the browser (`Console.url`):

 1. The root of the host is a plain page. Click "Administration" (the "Portal" is for the users).
 2. The log-in page shows itself, below a banner about cookies that may stay. Type the user and the password into the
    fields that say "Username" and "Password", press "Sign in".
 3. Tabs: click "Admin", then "Backup" in the second bar (not "Backup config"). The tab that is shown is no link.
 4. Backup: type a "Password" and the same at "Repeat password", or none; choose "Download to this computer" at "Backup
    location" (nothing is preselected), leave "Do not backup database" unticked, press "Create". The browser saves the
    file.
 5. Restore: on the page of step 4 click the tab "Restore". Choose the "Backup file", type the "Password" if it has one,
    press "Upload".
 6. A dialog asks: press "Overwrite and restore". A page shows the progress and goes on by itself to the log-in page,
    which says "The backup has been restored. Please log in again."

Peculiar: labels are placeholders and aria-labels only; pages have numbers, a form counts only from the page as it was
shown last; error pages have status 200; hidden fields are empty, and must come back nevertheless; above each form stand
a field and a button out of sight, as Wicket makes them so that the Enter key finds the right button.
"""

import hashlib
import html
import io
import os
import re
import secrets
import urllib.parse
import zipfile
from contextlib import AbstractContextManager
from dataclasses import dataclass

import serving
from archives import OpenSsl, zipped

from fixtures.appliance import ca, keys

SEALED = OpenSsl(256, "sha512")
HARM_FORMS = {
    "forgot": "mailed a new password",
    "config": "changed the backup configuration or tried its share",
    "power": "restarted, rebooted or shut down",
    "users": "deleted a user",
}
MAIN = {"users": "Users", "settings": "Settings", "admin": "Admin"}
ADMIN = {"admin": "Administrators", "config": "Backup config", "backup": "Backup", "ssl": "SSL/TLS", "power": "System"}
BACKUP = {"backup": "Backup now", "restore": "Restore"}
# Page -> the tab that is shown in each bar.
TABS = {
    "users": ("users",),
    "settings": ("settings",),
    "admin": ("admin", "admin"),
    "config": ("admin", "config"),
    "backup": ("admin", "backup", "backup"),
    "restore": ("admin", "backup", "restore"),
    "ssl": ("admin", "ssl"),
    "power": ("admin", "power"),
    "progress": (),
    "signin": (),
}
ROOT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>secure-mail.example.com</title>
<main><h1>secure-mail.example.com</h1><ul><li><a href="/web/">Portal</a> for the receivers of encrypted mail
<li><a href="/ciphermail/">Administration</a></ul></main></html>"""
PORTAL = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Portal</title><h1>CipherMail portal login</h1>
<form method="post" action="/web/"><input name="email" placeholder="Email address"><input type="password"
name="password" placeholder="Password"><button>Login</button></form></html>"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"/>{head}<title>CipherMail</title>
<link rel="stylesheet" type="text/css" href="./wicket/resource/theme-ver-1612.css"/></head>
<body><noscript>JavaScript is switched off: some tables cannot be sorted.</noscript>{consent}
<header><strong>CipherMail Gateway</strong>{out}</header>{nav}<main>{feedback}{body}</main>
<footer>5.1.3.1g77ab01c</footer></body></html>"""
CONSENT = """<aside role="region" aria-label="Cookies"><form method="post" action="{consent}">{hf consent}This console
uses cookies. <button type="submit" name="all">Accept all</button> <button type="submit" name="necessary">Only necessary
</button></form></aside>"""
# Wicket: so that Enter presses the default button.
ENTER = """<div style="width:0px;height:0px;position:absolute;left:-100px;top:-100px;overflow:hidden"><input type="text"
tabindex="-1" autocomplete="off"/><input type="submit" tabindex="-1" name="{name}"/></div>"""
SIGNIN = """<h1>CipherMail Email Encryption Gateway login</h1>
<dialog id="forgot"><form method="post" action="{forgot}">{hf forgot}<input type="email" name="mail"
placeholder="Email address"><button type="submit" name="send">Send new password</button></form></dialog>
<form method="post" action="{signin}">{hf signin}{enter p::submit}
<input type="text" name="username" value="" placeholder="Username" autofocus>
<input type="password" name="password" value="" placeholder="Password">
<button type="submit" name="p::submit">Sign in</button></form>"""
USERS = """<h1>Users</h1><form method="post" action="{users}">{hf users}<table><tr><td>alice@example.com</td><td><button
type="submit" name="rows:1:delete" aria-label="Delete alice@example.com">&times;</button></td></tr></table></form>"""
CREATE = """<section><form method="post" action="{create}">{hf create}{enter p::create}
<input type="password" name="password" placeholder="Password" title="If no password is specified the backup will not be
encrypted" autocomplete="new-password"> <input type="password" name="repeat" placeholder="Repeat password">
<p><small>If no password is specified the backup will not be encrypted</small></p>
<select name="location" aria-label="Backup location"><option selected="selected" value="">Choose One</option>
<option value="0">SMB share</option><option value="1">Download to this computer</option></select>
<p><input type="checkbox" name="group:noDatabase" aria-labelledby="t1f"><span id="t1f">Do not backup database</span></p>
<button type="reset">Reset</button> <button type="submit" name="p::create">Create</button></form></section>"""
RESTORE = """<section>{dialog}<form method="post" enctype="multipart/form-data" action="{upload}">{hf upload}
{enter p::upload}<input type="file" name="file" aria-label="Backup file"> <input type="password" name="password"
placeholder="Password"> <button type="submit" name="p::upload">Upload</button></form></section>"""
DIALOG = """<dialog open="open"><form method="post" action="{confirm}">{hf confirm}<h2>Restore {file}?</h2>
<p>This will overwrite all local settings and cannot be undone. After a restore the system needs to be restarted.</p>
<button type="submit" name="cancel">Cancel</button> <button type="submit" name="ok">Overwrite and restore</button>
</form></dialog>"""
CONFIG = """<form method="post" action="{config}">{hf config}{enter p::apply}<input name="share" aria-label="SMB share"
value="//files/backup"> <button type="submit" name="p::test">Test connection</button> <input type="checkbox" checked
name="enabled" aria-label="Enabled"> <input name="cron" aria-label="Cron expression" value="0 0 2 * * ?"> <input
type="password" name="password" placeholder="Password"> <select name="strategy" aria-label="Filename strategy"><option>
Timestamp</option></select> <button type="submit" name="p::apply">Apply</button></form>"""
POWER = """<h1>Gateway</h1><form method="post" action="{power}">{hf power}<button name="restart">Restart</button>
<button name="reboot">Reboot</button> <button name="shutdown">Shutdown</button></form>"""
EXPIRED = """<h1>Page Expired</h1><p>The page you requested has expired.</p>
<p><a href="/ciphermail/">Return to home page</a></p>"""
BODIES = {
    "signin": SIGNIN,
    "users": USERS,
    "backup": CREATE,
    "restore": RESTORE,
    "config": CONFIG,
    "power": POWER,
    "progress": "<h1>Restore</h1><progress max='3' value='{value}'></progress><p>The restore is running&hellip;</p>",
}


@dataclass
class View:
    """A page that was shown, on the server."""

    kind: str
    renders: int = 0
    feedback: tuple[str, str] = "", ""
    upload: tuple[str, bytes] | None = None


class Session:
    def __init__(self) -> None:
        self.name = secrets.token_urlsafe(12).replace("-", "_")
        self.signed_in = self.consent = False
        self.views: dict[int, View] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.last = -1

    def add(self, view: View) -> str:
        """Its address."""
        self.last += 1
        self.views[self.last] = view
        self.views.pop(self.last - 20, None)
        return f"./page?{self.last}"


class Handler(serving.Handler):
    software = "Jetty(9.4.z-SNAPSHOT)"
    console: "Console"

    def exchange(self, body: bytes) -> None:
        console = self.console
        sent = self.sent(body)
        self.form, self.file = sent.fields, sent.file
        address = urllib.parse.urlsplit(self.path)
        cookie = re.search(r"\bCMWICKET=([\w-]+)", self.headers.get("Cookie", ""))
        known = console.sessions.get(cookie[1]) if cookie else None
        self.session, self.new = known or Session(), known is None
        console.sessions[self.session.name] = self.session
        if address.path == "/":
            self.send(ROOT.encode())
        elif address.path in ("/web", "/web/"):
            if self.command == "POST":
                self.harmed("tried to log in to the portal")
            self.send(PORTAL.encode())
        elif address.path == "/ciphermail":
            self.redirect("/ciphermail/")
        elif address.path in ("/ciphermail/", "/ciphermail/signin"):
            self.redirect(self.session.add(View("users" if self.session.signed_in else "signin")))
        elif address.path == "/ciphermail/page":
            self.page(address.query)
        elif match := re.fullmatch(r"/ciphermail/wicket/resource/(\w+)", address.path):
            self.resource(match[1])
        else:
            self.compose("<h1>Not found</h1>", View("signin"), -1)

    def page(self, query: str) -> None:
        """`7` shows page 7; `7-2.Kind-path` is a click on it as it was shown the second time."""
        match = re.fullmatch(r"(\d+)(?:-(\d+)\.(ILinkListener|IFormSubmitListener)-(\w+))?", query)
        number = int(match[1]) if match else -1
        view = self.session.views.get(number)
        if match is None or view is None:
            self.compose(EXPIRED, View("signin"), -1)
        elif match[2] is None:
            self.render(view, number)
        elif int(match[2]) != view.renders:
            self.redirect(f"./page?{number}")
        elif match[3] == "ILinkListener":
            self.link(match[4], number)
        else:
            self.submitted(match[4], view, number)

    def link(self, target: str, number: int) -> None:
        if target == "signout":
            self.harmed("logged out")
        known = target in TABS and self.session.signed_in
        self.redirect(self.session.add(View(target)) if known else f"./page?{number}")

    def submitted(self, form: str, view: View, number: int) -> None:
        if form in HARM_FORMS:
            self.harmed(HARM_FORMS[form])
        again = f"./page?{number}"
        if self.command != "POST" or self.form.get(hidden_name(form, number)) != "":
            self.compose("<h1>Error</h1><p>An unexpected error occurred: the form was not complete.</p>", view, -1)
        elif form == "consent":
            self.session.consent = True
            self.redirect(again)
        elif form == "signin":
            self.sign_in(view, again)
        elif not self.session.signed_in or view.kind == "signin":
            self.compose(EXPIRED, view, -1)
        elif form == "create" and view.kind == "backup":
            self.redirect(self.create(view) or again)
        elif form == "upload" and view.kind == "restore":
            self.take(view)
            self.redirect(again)
        elif form == "confirm" and view.upload:
            self.confirm(view, again)
        else:
            self.redirect(again)

    def sign_in(self, view: View, again: str) -> None:
        if (self.form.get("username"), self.form.get("password")) != (self.console.user, self.console.password):
            view.feedback = "ERROR", "Sign in failed."
            self.redirect(again)
            return
        del self.console.sessions[self.session.name]
        consent = self.session.consent
        self.session, self.new = Session(), True
        self.session.signed_in, self.session.consent = True, consent
        self.console.sessions[self.session.name] = self.session
        self.redirect(self.session.add(View("users")))

    def create(self, view: View) -> str:
        """Where the file is, if there is one."""
        console, form = self.console, self.form
        password, location = form.get("password", ""), form.get("location", "")
        if password != form.get("repeat", ""):
            view.feedback = "ERROR", "The passwords are not the same."
        elif location == "0":
            self.harmed("wrote a backup to the share")
            view.feedback = "INFO", "The backup was written to //files/backup."
        elif location != "1":
            view.feedback = "ERROR", "'Backup location' is required."
        else:
            full = "group:noDatabase" not in form
            content, kind = make_backup(console.dump if full else b""), "zip"
            if password:
                content, kind = SEALED.encrypted(content, password), "zip.aes"
            if full:
                console.archive = content
            number = secrets.token_hex(5)
            self.session.files[number] = f"gateway backup 2026-06-11 (5.1.3).{kind}", content
            return f"./wicket/resource/{number}"
        return ""

    def resource(self, number: str) -> None:
        if number not in self.session.files:
            self.compose(EXPIRED, View("signin"), -1)
            return
        name, content = self.session.files[number]
        disposition = f"attachment; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"
        self.send(content, {"Content-Type": "application/octet-stream", "Content-Disposition": disposition})

    def take(self, view: View) -> None:
        name, content = self.file or ("", b"")
        password = self.form.get("password", "")
        inner = SEALED.decrypted(content, password) if content.startswith(b"Salted__") else content
        view.upload = None
        if not name:
            view.feedback = "ERROR", "'Backup file' is required."
        elif not zipfile.is_zipfile(io.BytesIO(inner)):
            view.feedback = "ERROR", "The file is no backup, or the password is wrong."
        else:
            view.upload = name, content

    def confirm(self, view: View, again: str) -> None:
        assert view.upload
        if "ok" in self.form and "cancel" not in self.form:
            self.console.restored = view.upload[1]
            self.redirect(self.session.add(View("progress")))
        else:
            view.upload, view.feedback = None, ("INFO", "Nothing was restored.")
            self.redirect(again)

    def render(self, view: View, number: int) -> None:
        view.renders += 1
        if view.kind == "progress" and view.renders > 3:
            del self.console.sessions[self.session.name]
            self.session, self.new = Session(), True
            self.console.sessions[self.session.name] = self.session
            feedback = "INFO", "The backup has been restored. Please log in again."
            self.redirect(self.session.add(View("signin", feedback=feedback)))
            return
        body = BODIES.get(view.kind, "<p>Nothing to show.</p>").replace("{value}", str(view.renders))
        dialog = DIALOG.replace("{file}", html.escape(view.upload[0])) if view.upload else ""
        refresh = f'<meta http-equiv="refresh" content="1; url=./page?{number}"/>' if view.kind == "progress" else ""
        self.compose(body.replace("{dialog}", dialog), view, number, refresh)

    def compose(self, body: str, view: View, number: int, head: str = "") -> None:
        """The page around `body`; without a number it has no forms and no tabs."""
        nav = out = consent = ""
        if number >= 0:
            consent = "" if self.session.consent else CONSENT
            bars = zip((MAIN, ADMIN, BACKUP), TABS[view.kind], strict=False)
            nav = "".join(f'<nav class="tabs">{self.bar(tabs, shown, view, number)}</nav>' for tabs, shown in bars)
            out = f' <a href="./page?{number}-{view.renders}.ILinkListener-signout">Sign out</a>' if nav else ""
        level, message = view.feedback
        view.feedback = "", ""
        panel = f'<ul class="feedbackPanel"><li class="feedbackPanel{level}">{message}</li></ul>' if message else ""
        text = PAGE.format(head=head, consent=consent, out=out, nav=nav, feedback=panel, body=body)
        text = re.sub(r"\{hf (\w+)\}", lambda match: hidden_field(match[1], number), text)
        text = re.sub(r"\{enter (\S+)\}", lambda match: ENTER.replace("{name}", match[1]), text)
        listener = f"./page?{number}-{view.renders}.IFormSubmitListener-"
        text = re.sub(r'action="\{(\w+)\}"', lambda match: f'action="{listener}{match[1]}"', text)
        self.send(text.encode(), {"Content-Type": "text/html;charset=UTF-8", "Cache-Control": "no-cache, no-store"})

    def bar(self, tabs: dict[str, str], shown: str, view: View, number: int) -> str:
        link = '<span class="tab"><a href="./page?{0}-{1}.ILinkListener-{2}"><span>{3}</span></a></span> '
        return "".join(
            f'<span class="tab selected">{text}</span> '
            if name == shown
            else link.format(number, view.renders, name, text)
            for name, text in tabs.items()
        )

    def redirect(self, where: str) -> None:
        self.send(b"", {"Location": where}, 302)

    def send(self, body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        cookie = f"CMWICKET={self.session.name}; Path=/ciphermail; Secure; HttpOnly; SameSite=Strict"
        fresh = {"Set-Cookie": cookie} if self.new else {}
        self.reply(status, fresh | (headers or {"Content-Type": "text/html"}), body)


class Console(serving.Console):
    def __init__(self) -> None:
        self.dump = b"INSERT INTO cm_users VALUES ('alice@example.com');\n" + os.urandom(45000)
        super().__init__("sa", 'p@ss;word="quoted" \'n <such>', make_backup(self.dump))
        self.sessions: dict[str, Session] = {}

    @classmethod
    def running(cls, folder: serving.Folder) -> AbstractContextManager["Console"]:
        key = keys.rsa_key("web")
        leaf = ca.issue(key, "secure-mail.example.com", ["secure-mail.example.com", "127.0.0.1"])
        return serving.running(cls(), Handler, folder, key, [leaf, ca.authority()], "")


def hidden_name(form: str, number: int) -> str:
    """Another one of each form of each page."""
    return f"id{hashlib.sha256(f'{form} {number}'.encode()).hexdigest()[:3]}_hf_0"


def hidden_field(form: str, number: int) -> str:
    name = hidden_name(form, number)
    return f'<div style="display:none"><input type="hidden" name="{name}" id="{name}" value="" /></div>'


def make_backup(dump: bytes) -> bytes:
    """A zip of configuration files and the dump, if there is one."""
    contents = {"config/main.cf": b"djigzo_before_filter_message_size_limit = 0\n" * 30}
    return zipped(contents | ({"database/djigzo.sql": dump} if dump else {}))
