"""The console of a CipherMail 4.6.2 appliance as a Tapestry 5 application: generated names, tables, one backup page.

A person's path, from the address in the browser (`Console.url`):

 1. The log-in page shows itself. Type the user into "Username", the password into "Password", press "Login".
 2. The users page shows itself, with a notice that the password is the default. Leave it; click "Admin" in the menu.
 3. Click "Backup" in the menu on the left (not "Backup configuration").
 4. Backup: leave "Backup location" at "Download" and "Do not backup database" unticked; type a "Password" or none;
    press "Backup". The browser saves the file.
 5. Restore, on the same page below: choose the file at "Backup file", type its "Password" if it has one, tick
    "Overwrite all local settings", press "Restore". The page says that the backup has been restored.
"""

import base64
import hmac
import html
import os
import secrets
import urllib.parse
import zlib
from contextlib import AbstractContextManager
from http.cookies import SimpleCookie

import serving
from archives import OpenSsl, tarred

from fixtures.appliance import ca, keys

SEALED = OpenSsl(256, "sha256")
BACKUP = "/ciphermail/admin/backup/createbackup"
# What nobody asked for: address (without the context) -> what it would have done.
HARMFUL = {
    "login.forgotform": "mailed a new password",
    "users.deleteuser": "deleted a user",
    "users.passwordform": "changed the password",
    "logout": "logged out",
    "admin/backup/backupconfig.form": "changed the backup configuration or tried its share",
    "admin/system/gateway.form": "restarted, rebooted or shut down",
}
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>CipherMail &#8211; {title}</title>
<link rel="stylesheet" type="text/css" href="/ciphermail/assets/4.6.2-0/style/style.css" />
<style type="text/css">.t-invisible {{ display: none }}</style></head><body>
<div id="header"><span class="logo">CipherMail</span>{header}</div>
{body}
<div id="footer">CipherMail Email Encryption Gateway 4.6.2-0</div></body></html>"""
HEADER = """<form action="/ciphermail/users" method="get" id="search"><div><input type="text" name="filter" value="" />
<input type="submit" value="Search" /></div></form>
<ul id="menu"><li><a href="/ciphermail/users">Users</a></li><li><a href="/ciphermail/domains">Domains</a></li>
<li><a href="/ciphermail/certificates">Certificates</a></li><li><a href="/ciphermail/queues">Queues</a></li>
<li><a href="/ciphermail/logs">Logs</a></li><li><a href="/ciphermail/admin">Admin</a></li>
<li><a href="/ciphermail/logout">Logout</a></li></ul>"""
SIDE = """<div id="side"><h3>Administration</h3><ul><li><a href="/ciphermail/admin/admins">Admins</a></li>
<li><a href="/ciphermail/admin/backup/backupconfig">Backup configuration</a></li>
<li><a href="/ciphermail/admin/backup/createbackup">Backup</a></li>
<li><a href="/ciphermail/admin/mta">MTA</a></li><li><a href="/ciphermail/admin/ssl">SSL/TLS</a></li>
<li><a href="/ciphermail/admin/system/gateway">System</a></li></ul></div>"""
LOGIN = """<div class="language"><form action="{language}" method="post"><div>{hidden_language}
<select name="select"><option value="en" selected="selected">English</option><option value="nl">Nederlands</option>
</select> <input type="submit" name="submit" value="Change" /></div></form></div>
<h1>CipherMail Email Encryption Gateway login</h1>
<div class="{error}"><ul><li>The login was not accepted. Check the username and the password.</li></ul></div>
<form action="{action}" method="post" id="loginform">{hidden}
<table><tr><td>Username:</td><td><input type="text" name="textfield" id="textfield" value="" /></td></tr>
<tr><td>Password:</td><td><input type="password" name="passwordfield" id="passwordfield" value="" /></td></tr>
<tr><td></td><td><input type="submit" name="submit_0" value="Login" /></td></tr></table></form>
<form action="{forgot}" method="post">{hidden_forgot}<div>Password forgotten? Email address:
<input type="text" name="textfield_0" /> <input type="submit" name="submit_1" value="Send new password" /></div>
</form>"""
USERS = """<div class="notice"><b>Your password is the default password.</b> Please choose another one:
<form action="/ciphermail/users.passwordform" method="post">{hidden}<table>
<tr><td>New password:</td><td><input type="password" name="passwordfield" /></td></tr>
<tr><td>Repeat password:</td><td><input type="password" name="passwordfield_0" /></td></tr>
<tr><td></td><td><input type="submit" name="submit" value="Change password" /></td></tr></table></form></div>
<div class="news"><h4>News</h4><p><a href="https://www.ciphermail.com/blog/backup-restore.html">Backup and restore:
read the new guide</a></p></div><h1>Users</h1><table class="t-data-grid"><tr><th>Email</th><th></th></tr>
<tr><td>alice@example.com</td><td><a href="/ciphermail/users.deleteuser/1">delete</a></td></tr>
<tr><td>bob@example.com</td><td><a href="/ciphermail/users.deleteuser/2">delete</a></td></tr></table>"""
CREATE = """{side}<h1>Backup</h1>{message}<div class="t-error t-invisible"><ul><li>The backup failed.</li></ul></div>
<form action="{page}.form" method="post" id="form">{hidden}<table class="settings">
<tr><td class="label">Password</td><td><input type="password" name="passwordfield" value="" autocomplete="off" />
<br /><i>If no password is specified the backup will not be encrypted</i></td></tr>
<tr><td class="label">Backup location</td><td><select name="select"><option value="DOWNLOAD" selected="selected">
Download</option><option value="SMB">SMB share</option></select></td></tr>
<tr><td class="label">Do not backup database</td><td><input type="checkbox" name="checkbox" value="on" /></td></tr>
<tr><td></td><td><input type="submit" name="cancel" value="Cancel" /> <input type="submit" name="submit"
value="Backup" /></td></tr></table></form>
<h1>Restore</h1><p>A restore will overwrite all local settings and cannot be undone. After a restore the system needs to
be restarted.</p><form action="{page}.restoreform" method="post" enctype="multipart/form-data">{hidden_restore}
<table class="settings"><tr><td class="label">Backup file</td><td><input type="file" name="upload" /></td></tr>
<tr><td class="label">Password</td><td><input type="password" name="passwordfield_0" value="" /></td></tr>
<tr><td class="label">Overwrite all local settings</td><td><input type="checkbox" name="checkbox_0" /></td></tr>
<tr><td></td><td><input type="submit" name="submit_2" value="Restore latest automatic backup" disabled="disabled" />
<input type="submit" name="submit_0" value="Restore" /> <input type="reset" value="Clear" /></td></tr></table></form>"""
CONFIG = """{side}<h1>Backup configuration</h1><form action="/ciphermail/admin/backup/backupconfig.form" method="post">
{hidden}<table><tr><td>SMB share</td><td><input type="text" name="textfield" value="//nas/backup" /></td></tr>
<tr><td>Enabled</td><td><input type="checkbox" name="checkbox" checked="checked" /></td></tr>
<tr><td>Cron expression</td><td><input type="text" name="textfield_0" value="0 0 2 * * ?" /></td></tr>
<tr><td>Password</td><td><input type="password" name="passwordfield" value="" /></td></tr>
<tr><td>Filename strategy</td><td><select name="select"><option>TIMESTAMP</option><option>FIXED</option></select></td>
</tr><tr><td></td><td><input type="submit" name="submit" value="Test connection" /><input type="submit" name="submit_0"
value="Apply" /></td></tr></table></form>"""
SYSTEM = """{side}<h1>Gateway</h1><form action="/ciphermail/admin/system/gateway.form" method="post">{hidden}<p>
<input type="submit" name="submit" value="Restart" /> <input type="submit" name="submit_0" value="Reboot" />
<input type="submit" name="submit_1" value="Shutdown" /></p></form>"""


class Session:
    def __init__(self) -> None:
        self.id = secrets.token_hex(16).upper()
        self.key = secrets.token_bytes(16)
        self.signed_in = False
        self.message = ""
        self.downloads: dict[str, tuple[str, bytes]] = {}

    def hidden(self, form: str, context: str = "") -> str:
        """Tapestry's hidden fields of one form."""
        fields = [("t:formdata", self.formdata(form)), ("t:ac", context)]
        return "".join(f'<input type="hidden" name="{name}" value="{value}" />' for name, value in fields)

    def formdata(self, form: str) -> str:
        return base64.b64encode(zlib.compress(hmac.digest(self.key, form.encode(), "sha256") + form.encode())).decode()


class Handler(serving.Handler):
    software = "Apache-Coyote/1.1"
    console: "Console"

    def exchange(self, body: bytes) -> None:
        console, sent = self.console, self.sent(body)
        path, _, parameter = urllib.parse.urlsplit(self.path).path.partition(";jsessionid=")
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        known = cookies["JSESSIONID"].value if "JSESSIONID" in cookies else parameter
        self.session = console.sessions.get(known) or Session()
        self.fresh = self.session.id not in console.sessions
        console.sessions[self.session.id] = self.session
        self.suffix = "" if "JSESSIONID" in cookies and not self.fresh else f";jsessionid={self.session.id}"
        page = path.removeprefix("/ciphermail").strip("/")
        for harmful, what in HARMFUL.items():
            if page == harmful or page.startswith(harmful + "/"):
                self.harmed(what)
                self.answer("<h1>Done</h1>")
                return
        if path == "/":
            self.answer('<p>It works! <a href="/ciphermail">CipherMail</a> <a href="/web">Portal</a></p>')
        elif not path.startswith("/ciphermail"):
            self.answer("<h1>HTTP Status 404</h1>", 404)
        elif page == "login" or page.startswith("login."):
            self.login(page, sent.fields)
        elif not self.session.signed_in:
            self.go("/ciphermail/login")
        else:
            self.inside(page, sent.fields, sent.file[1] if sent.file else b"")

    def login(self, page: str, fields: dict[str, str]) -> None:
        console, session = self.console, self.session
        if self.command == "POST" and not self.echoed(page, fields, "login"):
            return
        if page == "login.loginform":
            given = fields.get("textfield"), fields.get("passwordfield")
            session.signed_in = given == (console.user, console.password)
            session.message = "" if session.signed_in else "wrong"
            self.go("/ciphermail/users" if session.signed_in else "/ciphermail/login")
        elif page == "login":
            names = {"action": "loginform", "language": "languageform", "forgot": "forgotform"}
            values = {key: f"/ciphermail/login.{form}{self.suffix}" for key, form in names.items()}
            values["error"] = "t-error" if session.message else "t-error t-invisible"
            values["hidden"] = session.hidden("login.loginform", "login")
            values["hidden_language"] = session.hidden("login.languageform", "login")
            values["hidden_forgot"] = session.hidden("login.forgotform", "login")
            session.message = ""
            self.answer(LOGIN.format(**values), title="login")
        else:
            self.go("/ciphermail/login")

    def inside(self, page: str, fields: dict[str, str], upload: bytes) -> None:
        session = self.session
        if self.command == "POST" and not self.echoed(page, fields, "backup"):
            return
        if page == "":
            self.go("/ciphermail/users")
        elif page == "users":
            self.answer(USERS.format(hidden=session.hidden("users.passwordform")), header=HEADER)
        elif page == "admin/backup/createbackup":
            message, session.message = session.message, ""
            values = {
                "hidden": session.hidden("admin/backup/createbackup.form", "backup"),
                "hidden_restore": session.hidden("admin/backup/createbackup.restoreform", "backup"),
            }
            self.answer(CREATE.format(side=SIDE, message=message, page=BACKUP, **values), title="Backup", header=HEADER)
        elif page == "admin/backup/createbackup.form":
            self.create(fields)
        elif page == "admin/backup/createbackup.restoreform":
            self.restore(fields, upload)
        elif page.startswith("admin/backup/createbackup.download/"):
            self.download(page.rpartition("/")[2])
        elif page == "admin/backup/backupconfig":
            self.answer(CONFIG.format(side=SIDE, hidden=session.hidden("config")), header=HEADER)
        elif page == "admin/system/gateway":
            self.answer(SYSTEM.format(side=SIDE, hidden=session.hidden("system")), header=HEADER)
        elif page in ("admin", "admin/admins", "admin/mta", "admin/ssl"):
            self.answer(SIDE + "<h1>Admin</h1><p>Choose a subject on the left.</p>", header=HEADER)
        elif page in ("domains", "certificates", "queues", "logs"):
            self.answer(f"<h1>{page.title()}</h1><p>No entries.</p>", header=HEADER)
        else:
            self.answer("<h1>HTTP Status 404</h1>", 404)

    def create(self, fields: dict[str, str]) -> None:
        console, session = self.console, self.session
        if "submit" not in fields or "cancel" in fields:
            self.go(BACKUP)
            return
        if fields.get("select") != "DOWNLOAD":
            self.harmed("wrote a backup to the share")
            self.go(BACKUP)
            return
        full = "checkbox" not in fields
        content = console.plain if full else backup(database=False)
        name = "djigzo-backup-20240611-140312.tar.gz"
        if password := fields.get("passwordfield", ""):
            content, name = SEALED.encrypted(content, password), name + ".enc"
        if full:
            console.archive = content
        number = secrets.token_hex(4)
        session.downloads[number] = name, content
        self.go(f"{BACKUP}.download/{number}")

    def download(self, number: str) -> None:
        name, content = self.session.downloads.get(number, ("", b""))
        if not name:
            self.answer("<h1>HTTP Status 404</h1>", 404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Disposition", f'attachment; filename="{name}"')
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(content), 8192):
            piece = content[start : start + 8192]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def restore(self, fields: dict[str, str], upload: bytes) -> None:
        console, session = self.console, self.session
        password = fields.get("passwordfield_0", "")
        inner = SEALED.decrypted(upload, password) if upload.startswith(b"Salted__") else upload
        if "submit_0" not in fields:
            error = "Nothing was asked for."
        elif "checkbox_0" not in fields:
            error = "You must agree that all local settings will be overwritten."
        elif not inner.startswith(b"\x1f\x8b"):
            error = "The file is not a backup, or the password is not correct."
        else:
            console.restored = upload
            error = ""
        done = "The backup has been restored. The system needs to be restarted: see System."
        kind = "t-error" if error else "t-message"
        session.message = f'<div class="{kind}"><ul><li>{html.escape(error or done)}</li></ul></div>'
        self.go(BACKUP)

    def echoed(self, page: str, fields: dict[str, str], context: str) -> bool:
        """Whether the hidden fields of the form came back; if not, Tapestry's error page is sent."""
        if fields.get("t:formdata") == self.session.formdata(page) and fields.get("t:ac") == context:
            return True
        self.answer("<h1>An unexpected application exception has occurred.</h1><p>Form data is invalid.</p>", 500)
        return False

    def go(self, where: str) -> None:
        self.send(302, {"Location": f"https://{self.headers.get('Host')}{where}{self.suffix}"}, b"")

    def answer(self, body: str, status: int = 200, *, title: str = "", header: str = "") -> None:
        page = PAGE.format(title=title, header=header, body=body)
        self.send(status, {"Content-Type": "text/html;charset=UTF-8"}, page.encode())

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        cookie = f"JSESSIONID={self.session.id}; Path=/ciphermail; Secure; HttpOnly"
        self.reply(status, headers | ({"Set-Cookie": cookie} if self.fresh else {}), body)


class Console(serving.Console):
    def __init__(self) -> None:
        self.plain = backup(database=True)
        super().__init__("admin", "admin", self.plain)
        self.sessions: dict[str, Session] = {}

    @classmethod
    def running(cls, folder: serving.Folder) -> AbstractContextManager["Console"]:
        key = keys.ec_key("unseen tapestry")
        leaf = ca.issue(key, "gateway.example.com", ["gateway.example.com", "127.0.0.1"])
        return serving.running(cls(), Handler, folder, key, [leaf, ca.authority()], "/ciphermail")


def backup(*, database: bool) -> bytes:
    """A gzip tar of configuration files, with a dump of the database or without."""
    contents = {"etc/postfix/main.cf": b"djigzo_rcpt_domains = example.com\r\n", "conf/san.bin": os.urandom(9000)}
    if database:
        contents["djigzo.sql"] = b"CREATE TABLE cm_users (cm_email text);\n" + os.urandom(60000)
    return tarred(contents)
