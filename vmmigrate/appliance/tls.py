"""The TLS pairs of an appliance: collect them from the old one, install them in the new one."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from hypervisors import Secret
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.handshake import Served, await_served, served
from vmmigrate.appliance.keys import (
    Pair,
    certificates_pem,
    key_pem,
    load_pem,
    load_pkcs12,
    pkcs12_alias,
    to_pem,
    to_pkcs12,
)
from vmmigrate.appliance.mail import settings
from vmmigrate.appliance.port import FileMeta, Shell
from vmmigrate.appliance.postconf import expanded
from vmmigrate.errors import ApplianceError, BadKeys

__all__ = [
    "Served",
    "TlsBundle",
    "apply_installed",
    "await_served",
    "collect",
    "collect_web",
    "install_smtp",
    "install_web",
    "served",
]

BEFORE = ".before-vmmigrate"
_WEB_META = FileMeta("0640", "tomcat", "djigzo")  # what the packages install [facts]
_SMTP_META = FileMeta("0600", "root", "root")
_SMTP_PEM = "/etc/postfix/tls.pem"  # the template's path [facts]
_ALIAS = "tomcat"
_CATALINA_BASE = "/var/lib/{unit}"  # Debian's; a relative keystoreFile counts from there
_SECTIONS = re.compile(rb"^# vmmigrate-tls: (web|smtp)\n", re.MULTILINE)


@dataclass(frozen=True)
class TlsBundle:
    """Both pairs; `smtp` is None where the old Postfix has no certificate."""

    web: Pair
    smtp: Pair | None

    def to_bytes(self) -> bytes:
        """Both pairs in PEM, private keys in the clear: to be encrypted before it rests anywhere."""
        smtp = b"# vmmigrate-tls: smtp\n" + to_pem(self.smtp) if self.smtp else b""
        return b"# vmmigrate-tls: web\n" + to_pem(self.web) + smtp

    @classmethod
    def from_bytes(cls, data: bytes) -> "TlsBundle":
        """Raises BadKeys."""
        _before, *rest = _SECTIONS.split(data)
        sections = dict(zip(rest[::2], rest[1::2], strict=True))
        if b"web" not in sections:
            raise BadKeys("this is no bundle of TLS keys of ours", hint="collect it again from the old appliance")
        smtp = sections.get(b"smtp")
        return cls(load_pem(sections[b"web"]), load_pem(smtp) if smtp else None)


@dataclass(frozen=True)
class _Keystore:
    """What server.xml says of Tomcat's HTTPS connector."""

    path: str
    password: Secret
    alias: str | None


@dataclass(frozen=True)
class _PostfixFiles:
    """What main.cf names; '' where a parameter is empty. `chain`: files with key and certificates each."""

    cert: str
    key: str
    chain: tuple[str, ...]


def collect(shell: Shell, software: Software) -> TlsBundle:
    """Read both pairs. Raises BadKeys, CommandFailed, ApplianceError."""
    web = collect_web(shell, software)
    files = _postfix_files(shell)
    paths = files.chain or tuple(dict.fromkeys(path for path in (files.key, files.cert) if path))
    smtp = load_pem(b"\n".join(shell.read_file(path) for path in paths)) if paths else None
    return TlsBundle(web, smtp)


def collect_web(shell: Shell, software: Software) -> Pair:
    """The pair that the console serves after its next start. Raises as `collect` does."""
    store = _keystore(shell, software)
    return load_pkcs12(shell.read_file(store.path), store.password)


def install_web(shell: Shell, software: Software, pair: Pair) -> None:
    """Put the pair where this side's live server.xml looks, with its password. Convergent, restarts nothing."""
    store = _keystore(shell, software)
    meta = shell.file_meta(store.path)
    present = shell.read_file(store.path) if meta else b""
    if present and _same_store(present, store, pair):
        return
    alias = store.alias or _alias_of(present, store) or _ALIAS
    _replace(shell, store.path, to_pkcs12(pair, store.password, alias), meta or _WEB_META)


def install_smtp(shell: Shell, pair: Pair) -> None:
    """Put the pair into the files this side's Postfix names. Convergent, reloads nothing.

    Where Postfix names none, main.cf gets the template's combined file.
    """
    files = _postfix_files(shell)
    if files.chain:
        _replace(shell, files.chain[0], to_pem(pair), _SMTP_META)
    elif files.cert and files.key not in ("", files.cert):
        _replace(shell, files.key, key_pem(pair), _SMTP_META)
        _replace(shell, files.cert, certificates_pem(pair), _SMTP_META)
    else:
        path = files.cert or _SMTP_PEM
        _replace(shell, path, to_pem(pair), _SMTP_META)
        if not files.cert:
            named = (f"smtpd_tls_cert_file={path}", "smtpd_tls_key_file=$smtpd_tls_cert_file")
            shell.run(("postconf", "-e", *named), user="root")


def apply_installed(shell: Shell, software: Software) -> None:
    """Restart Tomcat, have Postfix check itself and reload."""
    if software.units.web:
        shell.run(("systemctl", "restart", software.units.web), user="root", timeout=180.0)
    shell.run(("postfix", "check"), user="root")
    shell.run(("postfix", "reload"), user="root")


def _replace(shell: Shell, path: str, data: bytes, default: FileMeta) -> None:
    """Install, keeping mode and owner of what is there, and once a copy of it beside."""
    meta = shell.file_meta(path)
    if meta:
        present = shell.read_file(path)
        if present == data:
            return
        if shell.file_meta(path + BEFORE) is None:
            shell.install_file(path + BEFORE, present, meta)
    shell.install_file(path, data, meta or default)


def _same_store(present: bytes, store: _Keystore, pair: Pair) -> bool:
    """PKCS#12 is salted, so that equal stores differ in bytes: compare what is inside."""
    try:
        found = load_pkcs12(present, store.password)
    except BadKeys:
        return False
    return to_pem(found) == to_pem(pair)


def _alias_of(present: bytes, store: _Keystore) -> str | None:
    try:
        return pkcs12_alias(present, store.password) if present else None
    except BadKeys:
        return None


def _keystore(shell: Shell, software: Software) -> _Keystore:
    path = software.server_xml
    try:
        root = defusedxml.ElementTree.fromstring(shell.read_file(path))
    except (ParseError, DefusedXmlException) as error:
        raise ApplianceError(
            f"{shell.host}: {path} is no XML: {error}", hint="repair it; Tomcat needs it too"
        ) from error
    stores = [store for connector in root.iter("Connector") for store in _stores(connector)]
    if not stores:
        raise ApplianceError(
            f"{shell.host}: {path} has no HTTPS connector with a PKCS#12 keystore and its password",
            hint="is TLS ended elsewhere, by a proxy in front? then there is nothing to copy",
        )
    found = stores[0]
    if not found.path.startswith("/"):
        base = _CATALINA_BASE.format(unit=software.units.web)
        found = _Keystore(f"{base}/{found.path}", found.password, found.alias)
    return found


def _stores(connector: Element) -> list[_Keystore]:
    """The newer `<Certificate certificateKeystoreFile=…>` of Tomcat 8.5 on, and the older attributes."""
    newer = [
        (cert.get("certificateKeystoreFile"), cert.get("certificateKeystorePassword"), cert.get("certificateKeyAlias"))
        for cert in connector.iter("Certificate")
    ]
    older = (connector.get("keystoreFile"), connector.get("keystorePass"), connector.get("keyAlias"))
    # changeit is what Tomcat takes where server.xml names no password
    return [_Keystore(path, Secret(word or "changeit"), alias) for path, word, alias in (*newer, older) if path]


def _postfix_files(shell: Shell) -> _PostfixFiles:
    """From what main.cf sets. Unset is '': the default of smtpd_tls_key_file is the certificate's file."""
    values = settings(shell)
    cert, key, chain = (
        expanded(shell, values, values.get(name, ""))
        for name in ("smtpd_tls_cert_file", "smtpd_tls_key_file", "smtpd_tls_chain_files")
    )
    cert = "" if cert == "none" else cert
    return _PostfixFiles(cert, key or cert, tuple(re.split(r"[,\s]+", chain)) if chain else ())
