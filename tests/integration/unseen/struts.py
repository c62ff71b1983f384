"""The console of a CipherMail 4.3.0 appliance as a Struts 1 application: frames, capitals, a token of the last page.

A person's path, from the address in the browser (`Console.url`):

 1. The log-on page shows itself. Type the user into "User:", the password into "Password:", press the picture "Log on".
 2. "Welcome" goes on by itself to two frames: a menu on the left, news on the right.
 3. Left: click "Admin"; the menu opens. Click "Backup" (not "Backup config", not "Reboot").
 4. Backup, right, the second box: leave "Backup location" at "download", untick "Do not backup database" (it is ticked
    as it was the last time), type a "Password" or none, press "Start backup". The browser saves the file.
 5. Restore: on the same page click "Restore a backup". Choose the "File", press "Upload".
 6. The table shows the file beside one of last year: mark yours, type its "Password" if it has one, press "Restore".
 7. The page asks "Are you sure?": press "Yes". It says that the backup was restored.
"""

import base64
import gzip
import html
import os
import re
import secrets
import urllib.parse
from contextlib import AbstractContextManager

import serving
from archives import Pgp

from fixtures.appliance import ca, keys

SEALED = Pgp(256)
FIELD = "org.apache.struts.taglib.html.TOKEN"
HARMFUL = {
    "logoff.do": "logged off",
    "remindPassword.do": "mailed the password",
    "admin/saveBackupConfig.do": "changed the backup configuration or tried its share",
    "admin/reboot.do": "rebooted",
    "admin/restartGateway.do": "restarted",
    "admin/shutdown.do": "shut down",
    "deleteUser.do": "deleted a user",
    "changePassword.do": "changed the password",
}
PAGE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<HTML><HEAD><TITLE>CipherMail</TITLE><META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=ISO-8859-1">{head}
<LINK REL=stylesheet HREF=/ciphermail/theme/djigzo.css TYPE="text/css"></HEAD><BODY BGCOLOR=#FFFFFF LINK=navy>
{body}<HR NOSHADE><FONT SIZE=-2>CipherMail 4.3.0-1 &copy; Köln, Zürich, Amsterdam</FONT></BODY></HTML>"""
LOGON = """<H1>CipherMail Email Encryption Gateway login</H1><FORM ACTION=setLocale.do METHOD=GET>
<SELECT NAME=locale><OPTION SELECTED>English<OPTION>Deutsch<OPTION>Français</SELECT> <INPUT TYPE=submit VALUE=Set>
</FORM>
<TABLE BORDER=0 CELLPADDING=3><FORM NAME=logonForm METHOD=POST ACTION='logon.do'>
<INPUT TYPE=HIDDEN NAME="{token_name}" VALUE="{token}"><INPUT TYPE=hidden NAME=method VALUE=logon>
<TR><TD ALIGN=right>User:<TD><INPUT NAME=userId SIZE=16 VALUE="">
<TR><TD ALIGN=right>Password:<TD><INPUT TYPE=PASSWORD NAME=passPhrase SIZE=16>
<TR><TD>&nbsp;<TD><INPUT TYPE=image NAME=logon SRC=theme/logon.gif ALT="Log on" BORDER=0></FORM></TABLE>{error}
<FORM METHOD=POST ACTION=remindPassword.do>Forgotten? Your user name: <INPUT NAME=userId><INPUT TYPE=submit
VALUE="Mail it to me"></FORM>"""
FRAMES = """<HTML><HEAD><TITLE>CipherMail</TITLE></HEAD><FRAMESET COLS="210,*" BORDER=0><FRAME NAME=menu SRC=menu.do
SCROLLING=auto><FRAME NAME=main SRC="welcome.do"><NOFRAMES><BODY>Your browser does not show frames.</BODY></NOFRAMES>
</FRAMESET></HTML>"""
MENU = """<TABLE WIDTH=100%><TR><TD><A HREF=users.do>Users</A><TR><TD><A HREF=domains.do>Domains</A><TR><TD>
<A HREF=queues.do>Queues</A><TR><TD><A HREF="menu.do?open=admin" TARGET=_self><B>Admin</B></A>{tree}
<TR><TD><A HREF=logoff.do TARGET=_top>Log off</A></TABLE>"""
TREE = """<UL><LI><A HREF="admin/backup.do#config">Backup config</A><LI><A HREF="admin/backup.do">Backup</A>
<LI><A HREF=admin/ssl.do>SSL/TLS</A><LI>System<UL><LI><A HREF=admin/gateway.do>Gateway</A><LI>
<A HREF=admin/reboot.do>Reboot</A></UL></UL>"""
WELCOME = """<FORM ACTION=users.do><INPUT NAME=q SIZE=12> <INPUT TYPE=submit VALUE=Find></FORM><H2>Welcome</H2>
<DIV CLASS=news><B>News</B><P>12 Jan: <A HREF="http://www.ciphermail.com/news">How to restore a backup</A>
<P>3 Feb: Tomcat 7 supported</DIV><P>You have not made a backup since 43 days."""
BACKUP = """<H2>Backup</H2><DIV CLASS=error STYLE="display: none">Error: the backup could not be created.</DIV>
<A NAME=config></A><FIELDSET><LEGEND>Backup configuration</LEGEND><FORM METHOD=post ACTION="saveBackupConfig.do">
<INPUT TYPE=hidden NAME="{token_name}" VALUE="{token}"><DL><DT>SMB share<DD><INPUT NAME=share VALUE="//nas/backup">
<DT>Enabled<DD><INPUT TYPE=checkbox NAME=enabled CHECKED><DT>Cron<DD><INPUT NAME=cron VALUE="0 0 2 * * ?">
<DT>Password<DD><INPUT TYPE=password NAME=password><DT>Filename strategy<DD><SELECT NAME=strategy><OPTION>Date
<OPTION>Fixed</SELECT></DL><INPUT TYPE=submit NAME=method VALUE="Test connection"><INPUT TYPE=submit NAME=method
VALUE="Apply"></FORM></FIELDSET>
<FIELDSET><LEGEND>Backup now</LEGEND><FORM METHOD=post ACTION="createBackup.do">
<INPUT TYPE=hidden NAME="{token_name}" VALUE="{token}"><INPUT TYPE=HIDDEN NAME="database.present" VALUE="1">
<DL><DT>Password<DD><INPUT TYPE=password NAME="backup.password"><BR>If no password is specified the backup will not be
encrypted<DT>Backup location<DD><SELECT NAME="backup.location"><OPTION VALUE=0>download<OPTION VALUE=1>SMB share
</SELECT><DT><DD><INPUT TYPE=checkbox NAME="backup.noDatabase" VALUE=true CHECKED> Do not backup database</DL>
<INPUT TYPE=submit NAME=method VALUE="Start backup"></FORM></FIELDSET><P><A HREF=restore.do>Restore a backup</A>"""
RESTORE = """<H2>Restore</H2>{message}<FORM METHOD=post ENCTYPE="multipart/form-data" ACTION=uploadBackup.do>
<INPUT TYPE=hidden NAME="{token_name}" VALUE="{token}">File: <INPUT TYPE=file NAME=theFile>
<INPUT TYPE=submit VALUE="Upload"></FORM><FORM METHOD=post ACTION=restoreBackup.do><INPUT TYPE=hidden
NAME="{token_name}" VALUE="{token}"><TABLE BORDER=1><TR><TH><TH>File<TH>Size{rows}</TABLE>Password: <INPUT TYPE=password
NAME=filePassword> <INPUT TYPE=submit NAME=method VALUE=Delete> <INPUT TYPE=submit NAME=method VALUE=Restore></FORM>"""
SURE = """<H2>Are you sure?</H2><P>Restoring <I>{name}</I> will overwrite all local settings and cannot be undone. After
a restore the system needs to be restarted.<FORM METHOD=post ACTION=confirmRestore.do><INPUT TYPE=hidden
NAME="{token_name}" VALUE="{token}"><INPUT TYPE=hidden NAME=ticket VALUE="{ticket}"><INPUT TYPE=submit NAME=answer
VALUE=" No "> <INPUT TYPE=submit NAME=answer VALUE=" Yes "></FORM>"""
GATEWAY = """<H2>Gateway</H2><UL><LI><A HREF=restartGateway.do>Restart</A><LI><A HREF=reboot.do>Reboot</A><LI><A
HREF=shutdown.do>Shutdown</A></UL>"""
DONE = """<H2>Restore</H2><P>The backup was restored. The system needs to be <A HREF=gateway.do>restarted</A>."""


class Session:
    def __init__(self) -> None:
        self.signed_in = False
        self.token = ""
        self.stored: dict[str, tuple[str, bytes]] = {"0": ("djigzo-2023-05-02.backup", make_backup(database=True))}
        self.ticket: tuple[str, bytes] = ("", b"")


class Handler(serving.Handler):
    software = "Apache-Coyote/1.1"
    charset = "latin-1"
    console: "Console"

    def exchange(self, body: bytes) -> None:
        console = self.console
        _, _, path, query, _ = urllib.parse.urlsplit(self.path)
        sent = self.sent(body)
        self.form = serving.pairs(query) | sent.fields
        self.upload = sent.file and (sent.file[0].replace("\\", "/").rpartition("/")[2], sent.file[1])
        cookie = re.search(r"CMSESSIONID=(\w+)", self.headers.get("Cookie", ""))
        self.new_session = "" if cookie and cookie[1] in console.sessions else secrets.token_hex(12)
        name = self.new_session or (cookie[1] if cookie else "")
        if self.new_session:
            console.sessions[name] = Session()
        self.session = console.sessions[name]
        action = path.removeprefix("/ciphermail/")
        if action in HARMFUL:
            self.harmed(HARMFUL[action])
            self.page("<H2>Done</H2>")
        elif path in ("/", "/ciphermail", "/ciphermail/"):
            self.redirect("/ciphermail/logon.do")
        elif not path.startswith("/ciphermail/"):
            self.page("<H1>404</H1>", status=404)
        elif action in ("logon.do", "setLocale.do"):
            self.logon()
        elif not self.session.signed_in:
            self.redirect("/ciphermail/logon.do")
        elif self.command == "GET":
            self.look(action)
        elif self.token_matches():
            self.act(action)

    def token_matches(self) -> bool:
        """Struts: the token of the last page that was shown, once."""
        expected, self.session.token = self.session.token, ""
        if expected and self.form.get(FIELD) == expected:
            return True
        self.page("<H2>Error</H2><P>The form was sent twice, or is not of the last page. (Invalid transaction token)")
        return False

    def logon(self) -> None:
        console = self.console
        error = ""
        if self.command == "POST":
            if not self.token_matches():
                return
            given = self.form.get("userId"), self.form.get("passPhrase")
            complete = self.form.get("method") == "logon" and "logon.x" in self.form
            if complete and given == (console.user, console.password):
                self.session.signed_in = True
                refresh = '<META HTTP-EQUIV=Refresh CONTENT="0; URL=main.do">'
                self.page('<P>Welcome. If nothing happens, go <A HREF="main.do">on</A>.', head=refresh)
                return
            error = "<P><FONT COLOR=red>Invalid user or password.</FONT>"
        self.page(LOGON, error=error, head="<BASE HREF=https://{host}/ciphermail/>")

    def look(self, action: str) -> None:
        base = "<BASE HREF='https://{host}/ciphermail/admin/'>"
        if action == "main.do":
            self.send(FRAMES.encode("latin-1"))
        elif action == "menu.do":
            tree = TREE if self.form.get("open") == "admin" else ""
            self.page(MENU, tree=tree, head="<BASE TARGET=main HREF='https://{host}/ciphermail/'>")
        elif action == "welcome.do":
            self.page(WELCOME)
        elif action == "admin/backup.do":
            self.page(BACKUP, head=base)
        elif action == "admin/restore.do":
            self.restore_page()
        elif action == "admin/gateway.do":
            self.page(GATEWAY)
        elif action == "users.do":
            self.page("<H2>Users</H2><TABLE><TR><TD>Jürgen Müller<TD><A HREF='deleteUser.do?id=1'>X</A></TABLE>")
        elif action in ("domains.do", "queues.do", "admin/ssl.do"):
            self.page("<H2>Nothing here yet</H2>")
        else:
            self.page("<H1>404</H1>", status=404)

    def act(self, action: str) -> None:
        if action == "admin/createBackup.do":
            self.create()
        elif action == "admin/uploadBackup.do" and self.upload:
            if self.upload[1].startswith((b"\x1f\x8b", b"\x8c")):
                self.session.stored[secrets.token_hex(3)] = self.upload
                self.restore_page("The file was uploaded.")
            else:
                self.restore_page("The file is not a backup.")
        elif action == "admin/restoreBackup.do":
            self.choose()
        elif action == "admin/confirmRestore.do":
            name, content = self.session.ticket
            self.session.ticket = "", b""
            if self.form.get("answer", "").strip() == "Yes" and name and self.form.get("ticket") == name:
                self.console.restored = content
                self.page(DONE)
            else:
                self.restore_page("Nothing was restored.")
        else:
            self.page("<H1>404</H1>", status=404)

    def create(self) -> None:
        console = self.console
        if self.form.get("method") != "Start backup" or self.form.get("database.present") != "1":
            self.page("<H2>Error</H2><P>Request[/admin/createBackup] does not contain handler parameter.")
            return
        if self.form.get("backup.location") != "0":
            self.harmed("wrote a backup to the share")
            self.page("<H2>Backup</H2><P>Written to //nas/backup.")
            return
        full = "backup.noDatabase" not in self.form
        content = console.plain if full else make_backup(database=False)
        if password := self.form.get("backup.password"):
            content = SEALED.encrypted(content, password)
        if full:
            console.archive = content
        self.send(content, kind="application/x-download", Content_Disposition="attachment;filename=djigzo-now.backup")

    def choose(self) -> None:
        chosen = self.form.get("stored", "")
        name, content = self.session.stored.get(chosen, ("", b""))
        method = self.form.get("method")
        if method == "Delete":
            self.harmed("deleted a backup")
        if not name or method != "Restore":
            self.restore_page("Mark a backup in the table.")
        elif not (content if content[:1] == b"\x1f" else SEALED.decrypted(content, self.form.get("filePassword", ""))):
            self.restore_page("The password is wrong.")
        else:
            ticket = secrets.token_hex(8)
            self.session.ticket = ticket, content
            self.page(SURE, name=html.escape(name), ticket=ticket)

    def restore_page(self, message: str = "") -> None:
        rows = "".join(
            f"<TR><TD><INPUT TYPE=radio NAME=stored VALUE={number}><TD>{html.escape(name)}<TD>{len(content)}"
            for number, (name, content) in self.session.stored.items()
        )
        self.page(RESTORE, message=f"<P><B>{message}</B>" if message else "", rows=rows)

    def page(self, body: str, *, status: int = 200, head: str = "", **values: str) -> None:
        text = PAGE.format(head=head, body=body)
        if "{token}" in text:  # a page with forms invalidates the forms of the page before
            self.session.token = secrets.token_hex(16)
        values |= {"host": self.console.host, "token_name": FIELD, "token": self.session.token}
        text = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], text)
        self.send(text.encode("latin-1", "xmlcharrefreplace"), status=status)

    def redirect(self, where: str) -> None:
        self.send(b"", status=302, Location=where)

    def send(self, body: bytes, *, status: int = 200, kind: str = "text/html;charset=ISO-8859-1", **more: str) -> None:
        headers = {"Set-Cookie": f"CMSESSIONID={self.new_session}; Path=/; Secure"} if self.new_session else {}
        headers |= {"Content-Type": kind, "Content-Length": str(len(body))}
        self.reply(status, headers | {name.replace("_", "-"): value for name, value in more.items()}, body)


class Console(serving.Console):
    def __init__(self) -> None:
        self.plain = make_backup(database=True)
        super().__init__("postmaster", "St. Moritz+2019%", self.plain)
        self.sessions: dict[str, Session] = {}

    @classmethod
    def running(cls, folder: serving.Folder) -> AbstractContextManager["Console"]:
        key = keys.rsa_key("web")
        return serving.running(cls(), Handler, folder, key, [ca.self_signed(key, "ciphermail.local")], "/ciphermail/")


def make_backup(*, database: bool) -> bytes:
    """A compressed listing of configuration files, with the database or without."""
    lines = [b"main.cf " + base64.b64encode(os.urandom(3000))]
    if database:
        lines.append(b"COPY cm_users " + base64.b64encode(os.urandom(40000)))
    return gzip.compress(b"\r\n".join(lines))
