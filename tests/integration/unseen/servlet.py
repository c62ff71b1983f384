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

import contextlib
import hashlib
import hmac
import html
import http.server
import os
import re
import secrets
import ssl
import sys
import threading
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from fixtures.appliance import ca, keys

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


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = 65536
    console: "Console"

    def version_string(self) -> str:
        return "Apache"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.service(b"")

    def do_POST(self) -> None:
        body = b""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.service(body)

    def service(self, body: bytes) -> None:
        console = self.console
        console.log.append(f"{self.command} {self.path}")
        address = urllib.parse.urlsplit(self.path)
        self.fields = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        self.read_fields(body)
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
            console.harm.append(f"{self.command} {self.path}: {HARMFUL[place]}")
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

    def read_fields(self, body: bytes) -> None:
        self.file: tuple[str, bytes] | None = None
        match = re.match(r'multipart/form-data;.*boundary="?([^";]+)', self.headers.get("Content-Type", ""), re.I)
        if not match:
            self.fields.update(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            return
        for part in (b"\r\n" + body).split(b"\r\n--" + match[1].encode())[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            named = dict(re.findall(r'\b(name|filename)\*?="?([^";\r\n]*)', head.decode()))
            if "filename" in named:
                self.file = named["filename"], value
            else:
                self.fields[named.get("name", "")] = value.decode()

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
            console.harm.append(f"{self.command} {self.path}: wrote a backup to the share")
            self.show("<h2>Backup</h2><p>Written to //nas/backup.</p>")
            return
        if not {"disk.x", "disk.y"} <= fields.keys() or fields.get("fields") != "pw,nodb":
            self.show("<h2>Error</h2><p>The request is not complete.</p>", 400)
            return
        full = "nodb" not in fields
        content = console.plain if full else make_backup(database=False)
        if password := fields.get("pw"):
            content = pgp(content, password)
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
        elif upload[2][:1] == b"\x8c" and not unpgp(upload[2], fields.get("pw", "")):
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
        self.send_response(status)
        if self.new:
            self.send_header("Set-Cookie", f"gw_session={self.session.name}; Path=/; Secure; HttpOnly")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that hung up or did not trust is no error
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Console:
    def __init__(self) -> None:
        self.user, self.password = "postmaster@example.org", "zwei  Wörter, 3€+1"
        self.plain = make_backup(database=True)
        self.archive = self.plain  # after a full backup with a password: the encrypted bytes that were given
        self.restored: bytes | None = None
        self.log: list[str] = []
        self.harm: list[str] = []
        self.sessions: dict[str, Session] = {}
        self.begun = 0  # how many times somebody has logged in
        self.url = self.host = self.fingerprint = ""

    @classmethod
    @contextlib.contextmanager
    def running(cls, folder: str | os.PathLike[str]) -> Iterator["Console"]:
        """The console on a free port of the loopback until the block ends; `folder` takes its key."""
        console = cls()
        key = keys.ec_key("unseen servlet")
        leaf = ca.self_signed(key, "gateway")
        store = Path(folder) / "servlet.pem"
        store.write_bytes(ca.combined_pem(key, [leaf]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(store)
        with Server(("127.0.0.1", 0), type("Bound", (Handler,), {"console": console})) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            console.host = f"127.0.0.1:{server.server_port}"
            console.url = f"https://{console.host}/ciphermail/console"
            console.fingerprint = ca.fingerprint(leaf)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield console
            finally:
                server.shutdown()
                thread.join()


def make_backup(*, database: bool) -> bytes:
    """Gzip of a stream of configuration files, with the database or without."""
    compressor = zlib.compressobj(wbits=31)
    parts = [b"main.cf\0djigzo_relay_host =\n", os.urandom(4000)]
    if database:
        parts += [b"\0djigzo.dump\0COPY cm_certificates (cm_thumbprint) FROM stdin;\n", os.urandom(57000)]
    return b"".join(compressor.compress(part) for part in parts) + compressor.flush()


def session_key(password: str, salt: bytes) -> bytes:
    """RFC 4880, iterated and salted: 65,536 bytes through SHA-256; the first half is for AES-128."""
    text = salt + password.encode()
    return hashlib.sha256((text * (65536 // len(text) + 1))[:65536]).digest()[:16]


def cfb(key: bytes) -> Cipher[CFB]:
    return Cipher(algorithms.AES(key), CFB(bytes(16)))


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def pgp(content: bytes, password: str) -> bytes:
    """What `gpg --symmetric --cipher-algo AES128` makes, with the digest against tampering."""
    salt, prefix = os.urandom(8), os.urandom(16)
    text = prefix + prefix[-2:] + packet(11, b"b\x00\x00\x00\x00\x00" + content) + b"\xd3\x14"
    text += hashlib.sha1(text, usedforsecurity=False).digest()
    encryptor = cfb(session_key(password, salt)).encryptor()
    secret = encryptor.update(text) + encryptor.finalize()
    return b"\x8c\x0d\x04\x07\x03\x08" + salt + b"\x60" + packet(18, b"\x01" + secret)


def unpgp(content: bytes, password: str) -> bytes:
    """The plain bytes of `pgp`; none when the password is wrong."""
    decryptor = cfb(session_key(password, content[6:14])).decryptor()
    text = decryptor.update(content[22:]) + decryptor.finalize()
    right = text[-20:] == hashlib.sha1(text[:-20], usedforsecurity=False).digest()
    return text[30:-22] if right else b""
