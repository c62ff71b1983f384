"""The console of a CipherMail 5.3.0 appliance of plain servlets and JSPs behind a balancer: inner frames, pictures.

A person's path, from the address in the browser (`Console.url`):

 1. The log-in page shows itself. Type the user into the box "Username", the password into the box "Password", press
    "Log in".
 2. The console shows itself: the menu, and two frames inside of the page, news and content. Open "Admin" in the menu,
    click "Backup".
 3. It may be that the session has ended already and the log-in page shows itself, in the frame or in the whole window.
    Log in once more, and click "Backup" again.
 4. Backup, in the frame: a table with a column for each setting. Type a "Password" or none, leave "Do not backup
    database" unticked, and in the column "Backup location" press the picture "Download". The browser saves the file.
 5. Restore: in the frame of step 4 click "Restore a backup". Choose the file below "Backup file", press the picture
    "Continue".
 6. The page shows what the file is. If it is encrypted there is a column "Password": type it. Press the picture
    "Restore". The content becomes the home page, which says once that the backup has been restored.

Peculiar: every second session that is begun ends at the third page unless a form has been sent before (the balancer
takes the browser to the node that does not know it); no buttons but pictures inside; no charset in the header.
"""

import hmac
import html
import os
import re
import secrets
import urllib.parse
import zlib
from contextlib import AbstractContextManager

import serving
from archives import Pgp

from fixtures.appliance import ca, keys

SEALED = Pgp(128)
HARMFUL = {
    "logout": "logged out",
    "help/password": "mailed a new password",
    "content/config/save": "changed the backup configuration or tried its share",
    "content/system/restart": "restarted",
    "content/system/reboot": "rebooted",
    "content/system/shutdown": "shut down",
    "content/users/delete": "deleted a user",
}
PAGE = """<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>CipherMail</title>
<link rel=stylesheet href="/ciphermail/static/5.3.0/gateway.css"></head><body>
{body}
</body></html>"""
LOGIN = """<h3>CipherMail Email Encryption Gateway login</h3>{error}
<form method=post action="/ciphermail/login" target=_top><input type=hidden name=nonce value="{nonce login}">
<input type=hidden name=origin value=console><fieldset><legend>Username</legend><input name=u autocapitalize=off>
</fieldset><fieldset><legend>Password</legend><input name=p type=password></fieldset>
<input type=submit value="Log in"></form>
<form method=post action="/ciphermail/help/password" target=_top><input type=hidden name=nonce value="{nonce help}">
<fieldset><legend>No password?</legend><input name=u title="Your username"> <input type=submit value="Help"></fieldset>
</form>"""
CONSOLE = """<div class=top><img src="/ciphermail/static/logo.png" alt="CipherMail"><form action="/ciphermail/console">
<input name=find title="Find a user"><input type=image src="/ciphermail/static/find.png" alt="Find"></form></div>
<ul class=menu><li><a href="/ciphermail/console?section=users">Users</a>
<li><details><summary>Mail</summary><a href="/ciphermail/console?section=mta">MTA</a>
<a href="/ciphermail/console?section=backup-mx">Backup MX</a></details>
<li><details><summary>Admin</summary><a href="/ciphermail/console?section=admins">Admins</a>
<a href="/ciphermail/console?section=config">Backup config</a>
<a href="/ciphermail/console?section=backup"><img src="/ciphermail/static/disk.png" alt=""> Backup</a>
<a href="/ciphermail/console?section=ssl">SSL/TLS</a> <a href="/ciphermail/console?section=system">System</a></details>
<li><a href="/ciphermail/logout">Log out</a></ul>
<iframe name=news src="/ciphermail/news" width=200></iframe>
<iframe name=content src="/ciphermail/content/{section}" width=800 height=600>Your browser shows no frames.</iframe>"""
NEWS = """<h5>News</h5><p><a href="https://www.ciphermail.com/blog/" target=_blank>Backup before you upgrade</a></p>"""
HOME = """{flash}<h2>Home</h2><table><caption>Recent events</caption><tr><td>11.06.2026 02:00<td>Automatic backup
failed: //nas/backup was not found<tr><td>02.05.2025 09:12<td>Backup restored (postmaster)<tr><td>02.05.2025 09:15
<td>Gateway restarted</table>"""
USERS = """<h2>Users</h2><form method=post action="/ciphermail/content/users/delete"><input type=hidden name=nonce
value="{nonce users}">bob@example.com <input type=image src="/ciphermail/static/bin.png" name=bob alt="Delete">
</form>"""
BACKUP = """<h2>Backup</h2><form method=post action="/ciphermail/content/backup/make"><input type=hidden name=nonce
value="{nonce make}"><input type=hidden name=fields value="pw,nodb"><table border=1><thead><tr><th>Password</th>
<th>Do not backup database</th><th>Backup location</th></tr></thead><tbody><tr><td><input type=password name=pw></td>
<td><input type=checkbox name=nodb></td>
<td><input type=image src="/ciphermail/static/share.png" name=share alt="SMB share">
<input type=image src="/ciphermail/static/disk.png" name=disk alt="Download"></td></tr></tbody>
<tfoot><tr><td colspan=3>If no password is specified the backup will not be encrypted</td></tr></tfoot></table></form>
<p><a href="/ciphermail/content/restore">Restore a backup</a></p>"""
RESTORE = """{flash}<h2>Restore</h2><form method=post enctype="multipart/form-data"
action="/ciphermail/content/restore/check"><input type=hidden name=nonce value="{nonce check}"><table border=1><thead>
<tr><th>Backup file</th><th></th></tr></thead><tr><td><input type=file name=archive></td><td><input type=image
src="/ciphermail/static/next.png" name=next alt="Continue"></td></tr></table></form>"""
CHECK = """{flash}<h2>Restore</h2><p>A restore will overwrite all local settings and cannot be undone. After a restore
the system needs to be restarted.</p><form method=post action="/ciphermail/content/restore/run"><input type=hidden
name=nonce value="{nonce run}"><input type=hidden name=upload value="{upload}"><table border=1><thead><tr><th>Backup
file</th><th>Size</th><th>Encrypted</th>{head}<th></th></tr></thead><tr><td>{name}</td><td>{size} kB</td><td>{yes}</td>
{cell}<td><input type=image src="/ciphermail/static/bin.png" name=discard alt="Discard"> <input type=image
src="/ciphermail/static/restore.png" name=restore alt="Restore"></td></tr></table></form>"""
CONFIG = """<h2>Backup config</h2><form method=post action="/ciphermail/content/config/save"><input type=hidden
name=nonce value="{nonce config}"><table border=1><tr><th>SMB share<th>Enabled<th>Cron<th>Password<th>Filename strategy
<th><tr><td><input name=share value="//nas/backup"><td><input type=checkbox name=on checked><td><input name=cron
value="0 0 2 * * ?"><td><input type=password name=pw><td><select name=strategy><option>Date</select><td><input
type=image src="/ciphermail/static/plug.png" name=test alt="Test connection"><input type=image
src="/ciphermail/static/ok.png" name=save alt="Apply"></table></form>"""
SYSTEM = """<h2>Gateway</h2><a href="/ciphermail/content/system/restart">Restart</a>
<a href="/ciphermail/content/system/reboot">Reboot</a> <a href="/ciphermail/content/system/shutdown">Shutdown</a>"""


class Session:
    def __init__(self) -> None:
        self.name = secrets.token_hex(10)
        self.key = secrets.token_bytes(16)
        self.signed_in = self.short = False
        self.pages = 0
        self.flash: tuple[str, str] | None = None
        self.upload: tuple[str, str, bytes] | None = None

    def nonce(self, form: str) -> str:
        return hmac.digest(self.key, form.encode(), "sha256").hex()[:24]


class Handler(serving.Handler):
    software = "Apache"
    console: "Console"

    def exchange(self, body: bytes) -> None:
        console = self.console
        address = urllib.parse.urlsplit(self.path)
        sent = self.sent(body)
        self.fields = serving.pairs(address.query) | sent.fields
        self.file = sent.file
        cookie = re.search(r"\bgw_session=(\w+)", self.headers.get("Cookie", ""))
        known = console.sessions.get(cookie[1]) if cookie else None
        self.session, self.new = known or Session(), known is None
        console.sessions[self.session.name] = self.session
        place = address.path.removeprefix("/ciphermail/")
        if address.path in ("/", "/ciphermail", "/ciphermail/"):
            self.redirect("/ciphermail/console")
        elif not address.path.startswith("/ciphermail/"):
            self.show("<h1>Not Found</h1>", 404)
        elif place in HARMFUL:
            self.harmed(HARMFUL[place])
            self.show("<h2>Done</h2>")
        elif place == "login":
            self.log_in()
        elif self.ended():
            self.show(LOGIN, error="<p class=info>Your session has ended. Please log in again.</p>")
        elif not self.session.signed_in:
            self.redirect("/ciphermail/login")
        elif self.command == "POST":
            self.submitted(place)
        else:
            self.visited(place)

    def ended(self) -> bool:
        """A short session ends at its third page. One in which a form was sent has proved itself and lasts."""
        session = self.session
        if not session.signed_in or not session.short:
            return False
        if self.command == "POST":
            session.short = False
            return False
        session.pages += 1
        if session.pages < 3:
            return False
        del self.console.sessions[session.name]
        self.session, self.new = Session(), True
        self.console.sessions[self.session.name] = self.session
        return True

    def log_in(self) -> None:
        fields, session = self.fields, self.session
        if self.command == "GET":
            self.show(LOGIN, error="")
        elif fields.get("nonce") != session.nonce("login") or fields.get("origin") != "console":
            self.show("<h2>Error</h2><p>The form has expired.</p>", 403)
        elif (fields.get("u"), fields.get("p")) != (self.console.user, self.console.password):
            self.show(LOGIN, error="<p class=error>Wrong username or password.</p>")
        else:
            self.console.begun += 1
            session.signed_in, session.short, session.pages = True, self.console.begun % 2 == 1, 0
            self.redirect("/ciphermail/console")

    def visited(self, place: str) -> None:
        if place == "console":
            section = re.sub(r"[^\w-]", "", self.fields.get("section", "")) or "home"
            self.show(CONSOLE, section=section)
        elif place == "content/restore/check":
            self.show_check()
        elif place in ("content/home", "content/restore"):
            self.show(HOME if place.endswith("home") else RESTORE, flash=self.flash())
        else:
            pages = {"users": USERS, "backup": BACKUP, "config": CONFIG, "system": SYSTEM}
            nothing = "<h2>CipherMail</h2><p>Nothing to show.</p>"
            self.show(NEWS if place == "news" else pages.get(place.removeprefix("content/"), nothing))

    def submitted(self, place: str) -> None:
        form = place.rpartition("/")[2]
        if self.fields.get("nonce") != self.session.nonce(form):
            self.show("<h2>Error</h2><p>The form has expired.</p>", 403)
        elif place == "content/backup/make":
            self.make()
        elif place == "content/restore/check" and "next.x" in self.fields:
            name, content = self.file or ("", b"")
            if content.startswith((b"\x1f\x8b", b"\x8c")):
                self.session.upload = secrets.token_hex(6), name, content
                self.redirect("/ciphermail/content/restore/check")
            else:
                self.session.flash = "error", "The file is not a backup."
                self.redirect("/ciphermail/content/restore")
        elif place == "content/restore/run":
            self.run()
        else:
            self.show("<h2>Not Found</h2>", 404)

    def make(self) -> None:
        console, fields = self.console, self.fields
        if "share.x" in fields:
            self.harmed("wrote a backup to the share")
            self.show("<h2>Backup</h2><p>Written to //nas/backup.</p>")
            return
        if not {"disk.x", "disk.y"} <= fields.keys() or fields.get("fields") != "pw,nodb":
            self.show("<h2>Error</h2><p>The request is not complete.</p>", 400)
            return
        full = "nodb" not in fields
        content = console.plain if full else make_backup(database=False)
        if password := fields.get("pw"):
            content = SEALED.encrypted(content, password)
        if full:
            console.archive = content
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Disposition", "ATTACHMENT; Filename=gateway.bak")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(content), 5000):
            piece = content[start : start + 5000]
            self.wfile.write(b"%X;node=2\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def show_check(self) -> None:
        if not self.session.upload:
            self.redirect("/ciphermail/content/restore")
            return
        number, name, content = self.session.upload
        sealed = not content.startswith(b"\x1f\x8b")
        self.show(
            CHECK,
            flash=self.flash(),
            upload=number,
            name=html.escape(name),
            size=f"{len(content) / 1000:.1f}".replace(".", ","),
            yes="yes" if sealed else "no",
            head="<th>Password</th>" if sealed else "",
            cell="<td><input type=password name=pw></td>" if sealed else "",
        )

    def run(self) -> None:
        session, fields = self.session, self.fields
        upload = session.upload
        if not upload or fields.get("upload") != upload[0]:
            self.show("<h2>Error</h2><p>The request is not complete.</p>", 400)
        elif "discard.x" in fields or "restore.x" not in fields:
            session.upload = None
            self.redirect("/ciphermail/content/restore")
        elif upload[2][:1] == b"\x8c" and not SEALED.decrypted(upload[2], fields.get("pw", "")):
            session.flash = "error", "The password is not correct."
            self.redirect("/ciphermail/content/restore/check")
        else:
            self.console.restored, session.upload = upload[2], None
            session.flash = "info", "The backup has been restored. The system needs to be restarted."
            self.redirect("/ciphermail/content/home")

    def flash(self) -> str:
        """Shown once."""
        if not self.session.flash:
            return ""
        (kind, text), self.session.flash = self.session.flash, None
        return f"<p class={kind} role=status>{text}</p>"

    def show(self, body: str, status: int = 200, **values: str) -> None:
        text = PAGE.replace("{body}", body)
        text = re.sub(r"\{nonce (\w+)\}", lambda match: self.session.nonce(match[1]), text)
        text = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], text)
        self.respond(text.encode(), status, {"Content-Type": "text/html", "Cache-Control": "no-cache"})

    def redirect(self, where: str) -> None:
        self.respond(b"", 303 if self.command == "POST" else 302, {"Location": where})

    def respond(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        cookie = {"Set-Cookie": f"gw_session={self.session.name}; Path=/; Secure; HttpOnly"} if self.new else {}
        self.reply(status, cookie | headers, body)


class Console(serving.Console):
    def __init__(self) -> None:
        self.plain = make_backup(database=True)
        super().__init__("postmaster@example.org", "zwei  Wörter, 3€+1", self.plain)
        self.sessions: dict[str, Session] = {}
        self.begun = 0  # how many times somebody has logged in

    @classmethod
    def running(cls, folder: serving.Folder) -> AbstractContextManager["Console"]:
        key = keys.ec_key("unseen servlet")
        chain = [ca.self_signed(key, "gateway")]
        return serving.running(cls(), Handler, folder, key, chain, "/ciphermail/console")


def make_backup(*, database: bool) -> bytes:
    """Gzip of a stream of configuration files, with the database or without."""
    compressor = zlib.compressobj(wbits=31)
    parts = [b"main.cf\0djigzo_relay_host =\n", os.urandom(4000)]
    if database:
        parts += [b"\0djigzo.dump\0COPY cm_certificates (cm_thumbprint) FROM stdin;\n", os.urandom(57000)]
    return b"".join(compressor.compress(part) for part in parts) + compressor.flush()
