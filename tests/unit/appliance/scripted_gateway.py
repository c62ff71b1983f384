"""A scripted shell with a Postfix: postconf reads and writes its main.cf and master.cf as the real one does."""

from collections.abc import Sequence

from scripted_shell import ScriptedShell

from fixtures.appliance import mainconf, mastercf
from vmmigrate.appliance.family import Software, Units
from vmmigrate.appliance.port import FileMeta, NewFile, Result

MAIN, MASTER = "/etc/postfix/main.cf", "/etc/postfix/master.cf"
SMTP = "smtp inet n - n - - smtpd\n"
STORE = "/usr/share/djigzo-web/ssl/sslCertificate.p12"
DEBIAN = Software(
    "5.x",
    {"djigzo": "5.5.3.0g99d2faca"},
    Units("ciphermail-gateway-backend", "tomcat9", "postfix", "postgresql", "rsyslog"),
)
RHEL = Software(
    "5.x",
    {"djigzo": "5.5.3.0g99d2faca"},
    Units("ciphermail-gateway-backend", "tomcat", "postfix", "postgresql", "rsyslog"),
)
NEWER = f"""<Server><Service><Connector port="8080"/><Connector port="8443" SSLEnabled="true"><SSLHostConfig>
<Certificate certificateKeystoreFile="{STORE}" certificateKeystorePassword="djigzo"/>
</SSLHostConfig></Connector></Service></Server>"""
OLDER = f"""<Server><Service>
<Connector port="8443" SSLEnabled="true" keystoreFile="{STORE}" keystorePass="djigzo" keyAlias="gw"/>
</Service></Server>"""


def connector(*certificates: str, port: int = 8443) -> str:
    """server.xml with these `<Certificate …/>` (their attributes alone)."""
    inside = "".join(f"<Certificate {each}/>" for each in certificates)
    host = f"<SSLHostConfig>{inside}</SSLHostConfig>"
    return f'<Server><Service><Connector port="{port}" SSLEnabled="true">{host}</Connector></Service></Server>'


class Gateway(ScriptedShell):
    """`main`: lines of main.cf; `services`: of master.cf, after port 25's. `selinux`: path → context, None without."""

    def __init__(
        self,
        main: str = "",
        services: str = "",
        server_xml: str = NEWER,
        files: dict[str, bytes] | None = None,
        selinux: dict[str, str] | None = None,
    ) -> None:
        super().__init__({}, {MAIN: main, MASTER: SMTP + services, "/etc/tomcat9/server.xml": server_xml})
        self.files |= files or {}
        self.metas = dict.fromkeys(files or {}, FileMeta("0600", "root", "root"))
        self.selinux = selinux
        self.fails_at = ""  # a path whose INSTALL is cut off; 'cp PATH': its copy beside is cut short

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        for file in files:
            if file.path == self.fails_at:
                raise ConnectionError(f"cut off before {file.path}")
            super().install(file)
            if self.selinux is not None:
                self.selinux[file.path] = "system_u:object_r:tmp_t:s0"

    def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
        if line in self.answers:
            return super()._answer(line, argv)
        match argv:
            case ("cp", "-a", "-T", source, target) if self.fails_at == f"cp {source}":
                self.files[target] = self.files[source][:2]
                raise ConnectionError(f"cut off within {target}")
            case ("postconf", "-n"):
                values = mainconf.parse(self.files[MAIN].decode())
                return Result(0, "".join(f"{name} = {value}\n" for name, value in sorted(values.items())), "")
            case ("postconf", "-h", "config_directory"):
                return Result(0, "/etc/postfix\n", "")
            case ("postconf", "-h", name):
                return Result(0, f"{mainconf.value(mainconf.parse(self.files[MAIN].decode()), name) or ''}\n", "")
            case ("postconf", "-M"):
                return Result(0, "\n".join(mastercf.listed(self.files[MASTER].decode())), "")
            case ("postconf", "-P"):
                return Result(0, "\n".join(mastercf.overrides_listed(self.files[MASTER].decode())), "")
            case ("postconf", "-e", *settings):
                self.files[MAIN] = mainconf.changed(self.files[MAIN].decode(), settings).encode()
            case ("postconf", "-P", *settings):
                self.files[MASTER] = mastercf.changed(self.files[MASTER].decode(), settings).encode()
            case ("test", "-e", "/sys/fs/selinux/enforce" | "/etc/selinux/config"):
                return Result(1 if self.selinux is None else 0, "", "")
            case ("cp", "-a", "-T", source, target) | ("mv", "-f", "-T", source, target) if self.selinux is not None:
                self.selinux[target] = self.selinux.get(source, "system_u:object_r:etc_t:s0")
                return super()._answer(line, argv)
            case ("chcon", "-h", like, path) if self.selinux is not None:
                self.selinux[path] = self.selinux[like.removeprefix("--reference=")]
            case ("restorecon", path) if self.selinux is not None:
                self.selinux[path] = "system_u:object_r:policy_t:s0"
            case ("systemctl", "restart", _) | ("postfix", "check") | ("postfix", "reload"):
                pass
            case _:
                return super()._answer(line, argv)
        return Result(0, "", "")
