"""The shapes in which gateways have their TLS pairs: what lies where, and what must be shown after a copy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from certified import Authority, Certified, pkcs12

from fixtures.appliance import mainconf

STORE = "/usr/share/djigzo-web/ssl/sslCertificate.p12"
XML, MAIN, MASTER = "/etc/tomcat9/server.xml", "/etc/postfix/main.cf", "/etc/postfix/master.cf"
OWNED = {XML: "640 root:tomcat", STORE: "640 tomcat:djigzo", MAIN: "644 root:root", MASTER: "644 root:root"}
TLS = "smtpd_tls_security_level=may"
APART = ("smtpd_tls_cert_file=/etc/pki/tls/certs/smtp.crt", "smtpd_tls_key_file=/etc/pki/tls/private/smtp.key")
WORD = "store-password"
Files = dict[str, bytes]
AUTHORITY = Authority()


@dataclass(frozen=True)
class Side:
    """How an appliance has its pairs: `main` goes to main.cf, `services` to master.cf, `web` to server.xml."""

    files: Files
    main: tuple[str, ...] = ()
    services: str = ""
    web: tuple[str, ...] = ()

    def configuration(self, main_cf: str, master_cf: str) -> Files:
        certificates = "".join(f"<Certificate {each}/>" for each in self.web)
        xml = (
            '<Server><Service><Connector port="8443" SSLEnabled="true" scheme="https" secure="true"><SSLHostConfig>'
            f"{certificates}</SSLHostConfig></Connector></Service></Server>\n"
        )
        bare = "".join(line for line in main_cf.splitlines(keepends=True) if not line.startswith("smtpd_tls_"))
        return {
            **self.files,
            MAIN: mainconf.changed(bare, (TLS, *self.main)).encode(),
            MASTER: (master_cf + self.services).encode(),
            XML: xml.encode(),
        }


def store_at(path: str, alias: str = "", kind: str = "") -> str:
    return (
        f'certificateKeystoreFile="{path}" certificateKeystorePassword="{WORD}" certificateKeystoreType="PKCS12"'
        + (f' certificateKeyAlias="{alias}"' if alias else "")
        + (f' type="{kind}"' if kind else "")
    )


@dataclass(frozen=True)
class Shape:
    """`shows`: port → what the new gateway must show there, by kind of signature ('' where there is one pair)."""

    old: Side
    new: Side
    shows: Mapping[int, Mapping[str, Certified]]
    findings: tuple[str, ...] = field(default=())


def rc2_store_and_combined_pem(folder: Path) -> Shape:
    """An RC2/3DES store; Postfix's one combined PEM, whose chain lacks the intermediate that the store has."""
    web, smtp = AUTHORITY.issue("RSA"), AUTHORITY.issue("ECDSA")
    old = Side(
        {STORE: pkcs12(folder, {"gw": web}, WORD, legacy=True), "/etc/postfix/tls.pem": smtp.key_pem() + smtp.leaf_pem},
        ("smtpd_tls_cert_file=/etc/postfix/tls.pem",),
        web=(store_at(STORE),),
    )
    new = Side(
        {
            STORE: pkcs12(folder, {"gw": AUTHORITY.issue("RSA")}, WORD, legacy=True),
            "/etc/postfix/tls.pem": AUTHORITY.issue("ECDSA").pem,
        },
        ("smtpd_tls_cert_file=/etc/postfix/tls.pem", "smtpd_tls_key_file=$smtpd_tls_cert_file"),
        web=(store_at(STORE),),
    )
    return Shape(old, new, {8443: {"": web}, 25: {"": smtp}}, ("smtp: the chain of 'mailgw.example.test' lacks",))


def apart_with_several_keys_in_one_store(folder: Path) -> Shape:
    """Red Hat's folders: certificate and key apart, RSA beside ECDSA; one store of two keys by alias."""
    rsa, ecdsa = AUTHORITY.issue("RSA"), AUTHORITY.issue("ECDSA")
    both = {"one": rsa, "two": ecdsa}
    old = Side(
        {
            STORE: pkcs12(folder, both, WORD),
            "/etc/pki/tls/certs/smtp.crt": ecdsa.chain_pem,
            "/etc/pki/tls/private/smtp.key": ecdsa.key_pem(),
            "/etc/pki/tls/dsa-place.pem": rsa.pem,
        },
        (*APART, "smtpd_tls_dcert_file=/etc/pki/tls/dsa-place.pem"),
        web=(store_at(STORE, "one"), store_at(STORE, "two")),
    )
    stock = {"one": AUTHORITY.issue("RSA"), "two": AUTHORITY.issue("ECDSA")}
    new = Side(
        {
            STORE: pkcs12(folder, stock, WORD),
            "/etc/pki/tls/certs/smtp.crt": stock["one"].chain_pem,
            "/etc/pki/tls/private/smtp.key": stock["one"].key_pem(),
            "/etc/pki/tls/smtp-ec.crt": stock["two"].chain_pem,
            "/etc/pki/tls/smtp-ec.key": stock["two"].key_pem(),
        },
        (*APART, "smtpd_tls_eccert_file=/etc/pki/tls/smtp-ec.crt", "smtpd_tls_eckey_file=/etc/pki/tls/smtp-ec.key"),
        web=(store_at(STORE, "two", "EC"), store_at(STORE, "one", "RSA")),
    )
    shows = {"RSA": rsa, "ECDSA": ecdsa}
    return Shape(old, new, {8443: shows, 25: shows})


def chain_files_and_encrypted_pem(folder: Path) -> Shape:
    """Several chain files, one of them a key and its certificates apart; Tomcat's PEM with an encrypted key."""
    rsa, ecdsa = AUTHORITY.issue("RSA"), AUTHORITY.issue("ECDSA")
    misordered = rsa.leaf_pem + AUTHORITY.root_pem + rsa.middle_pem
    encrypted = (
        'certificateFile="/etc/pki/web.crt" certificateKeyFile="/etc/pki/web.key" certificateKeyPassword="'
        + WORD
        + '"',
        'certificateFile="/etc/pki/web-ec.pem" certificateChainFile="/etc/pki/above.pem" type="EC"',
    )
    old = Side(
        {
            "/etc/pki/web.crt": rsa.chain_pem,
            "/etc/pki/web.key": rsa.key_pem(WORD),
            "/etc/pki/web-ec.pem": ecdsa.key_pem() + ecdsa.leaf_pem,
            "/etc/pki/above.pem": ecdsa.middle_pem,
            "/etc/pki/all.pem": rsa.key_pem() + misordered + ecdsa.pem,
        },
        ("smtpd_tls_chain_files=/etc/pki/all.pem",),
        web=encrypted,
    )
    stock = AUTHORITY.issue("RSA"), AUTHORITY.issue("ECDSA")
    new = Side(
        {
            "/etc/pki/web.crt": stock[0].chain_pem,
            "/etc/pki/web.key": stock[0].key_pem(WORD),
            "/etc/pki/web-ec.pem": stock[1].key_pem() + stock[1].leaf_pem,
            "/etc/pki/above.pem": stock[1].middle_pem,
            "/etc/pki/r.key": stock[0].key_pem(),
            "/etc/pki/r.crt": stock[0].chain_pem,
            "/etc/pki/e.pem": stock[1].pem,
        },
        ("smtpd_tls_chain_files=/etc/pki/e.pem, /etc/pki/r.key, /etc/pki/r.crt",),
        web=encrypted,
    )
    shows = {"RSA": rsa, "ECDSA": ecdsa}
    return Shape(old, new, {8443: shows, 25: shows}, ("smtp: the chain of 'mailgw.example.test' is out of order",))


def overriding_services(folder: Path) -> Shape:
    """smtps and submission with pairs of their own in master.cf; a second pair has no place yet in the new one."""
    web, smtp, smtps, rsa, ecdsa = (AUTHORITY.issue(kind) for kind in ("RSA", "ECDSA", "ECDSA", "RSA", "ECDSA"))
    form = (
        "submission inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n  -o smtpd_tls_{}\n"
        "smtps inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n  -o smtpd_tls_cert_file=/etc/pki/smtps.pem\n"
    )
    old = Side(
        {
            STORE: pkcs12(folder, {"gw": web}, WORD),
            "/etc/postfix/tls.pem": smtp.pem,
            "/etc/pki/smtps.pem": smtps.pem,
            "/etc/pki/rsa.pem": rsa.pem,
            "/etc/pki/ecdsa.pem": ecdsa.pem,
        },
        ("smtpd_tls_cert_file=/etc/postfix/tls.pem",),
        form.format("chain_files=/etc/pki/rsa.pem,/etc/pki/ecdsa.pem"),
        (store_at(STORE),),
    )
    stock = AUTHORITY.issue("RSA")
    new = Side(
        {
            STORE: pkcs12(folder, {"gw": stock}, WORD),
            "/etc/pki/smtps.pem": stock.pem,
            "/etc/pki/submission.pem": stock.pem,
        },
        ("smtpd_tls_cert_file=",),
        form.format("cert_file=/etc/pki/submission.pem"),
        (store_at(STORE),),
    )
    shows: dict[int, dict[str, Certified]] = {8443: {"": web}, 25: {"": smtp}, 465: {"": smtps}}
    return Shape(old, new, {**shows, 587: {"RSA": rsa, "ECDSA": ecdsa}})


SHAPES: tuple[Callable[[Path], Shape], ...] = (  # beside the first one, which is the command line's
    apart_with_several_keys_in_one_store,
    chain_files_and_encrypted_pem,
    overriding_services,
)
