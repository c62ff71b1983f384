"""Collecting and installing TLS pairs over a shell: paths, passwords, what is kept, what is not done twice."""

import pytest
from scripted_shell import Answer, ScriptedShell
from small_ca import pair

from hypervisors import Secret
from vmmigrate.appliance.family import Software, Units
from vmmigrate.appliance.keys import certificates_pem, key_pem, load_pkcs12, pkcs12_alias, to_pem, to_pkcs12
from vmmigrate.appliance.port import FileMeta
from vmmigrate.appliance.tls import TlsBundle, apply_installed, collect, install_smtp, install_web
from vmmigrate.errors import ApplianceError, BadKeys

SOFTWARE = Software(
    "5.x",
    {"djigzo": "5.5.3.0g99d2faca"},
    Units("ciphermail-gateway-backend", "tomcat9", "postfix", "postgresql", "rsyslog"),
)
STORE = "/usr/share/djigzo-web/ssl/sslCertificate.p12"
NEWER = f"""<Server><Service><Connector port="8080"/><Connector port="8443" SSLEnabled="true"><SSLHostConfig>
<Certificate certificateKeystoreFile="{STORE}" certificateKeystorePassword="djigzo" type="RSA"/>
</SSLHostConfig></Connector></Service></Server>"""
OLDER = f"""<Server><Service><Connector port="8443" keystoreFile="{STORE}" keystorePass="djigzo" keyAlias="gw"/>
</Service></Server>"""
PASSWORD = Secret("djigzo")


def postfix(cert: str, key: str = "$smtpd_tls_cert_file", chain: str = "") -> dict[str, Answer]:
    """main.cf; what it does not set is asked for by name."""
    values = {"smtpd_tls_cert_file": cert, "smtpd_tls_key_file": key, "smtpd_tls_chain_files": chain}
    lines = "".join(f"{name} = {value}\n" for name, value in values.items() if value)
    return {"postconf -n": lines, "postconf -h config_directory": "/etc/postfix\n"}


def guest(server_xml: str, answers: dict[str, Answer], **files: bytes) -> ScriptedShell:
    return ScriptedShell(answers, {"/etc/tomcat9/server.xml": server_xml, **files})


@pytest.mark.parametrize("server_xml", [NEWER, OLDER])
def test_both_pairs_are_collected(server_xml: str) -> None:
    web, smtp = pair(), pair()
    shell = guest(server_xml, postfix("/etc/postfix/tls.pem"))
    shell.files |= {STORE: to_pkcs12(web, PASSWORD, "tomcat"), "/etc/postfix/tls.pem": to_pem(smtp)}
    bundle = collect(shell, SOFTWARE)
    assert bundle.web.fingerprint == web.fingerprint
    assert bundle.smtp is not None
    assert bundle.smtp.fingerprint == smtp.fingerprint
    assert shell.ran == ["postconf -n"]


def test_dollars_in_main_cf_are_expanded_in_every_spelling() -> None:
    for path in ("$config_directory/tls.pem", "${config_directory}/tls.pem", "$(config_directory)/tls.pem"):
        shell = guest(NEWER, postfix(path))
        shell.files |= {STORE: to_pkcs12(pair(), PASSWORD, "x"), "/etc/postfix/tls.pem": to_pem(pair())}
        assert collect(shell, SOFTWARE).smtp is not None


def test_a_parameter_that_names_itself_ends_with_an_error() -> None:
    shell = guest(NEWER, postfix("$smtpd_tls_key_file"))
    shell.files[STORE] = to_pkcs12(pair(), PASSWORD, "x")
    with pytest.raises(ApplianceError, match="refer to themselves"):
        collect(shell, SOFTWARE)


def test_certificate_and_key_in_two_files_and_chain_files() -> None:
    smtp = pair()
    apart = guest(NEWER, postfix("/c.pem", "/k.pem"))
    apart.files |= {"/c.pem": certificates_pem(smtp), "/k.pem": key_pem(smtp)}
    chained = guest(NEWER, postfix("", chain="/all.pem"))
    chained.files["/all.pem"] = to_pem(smtp)
    for shell in (apart, chained):
        shell.files[STORE] = to_pkcs12(pair(), PASSWORD, "x")
        found = collect(shell, SOFTWARE).smtp
        assert found is not None
        assert to_pem(found) == to_pem(smtp)


def test_a_postfix_without_tls_has_no_pair() -> None:
    shell = guest(NEWER, postfix("", key=""))
    shell.files[STORE] = to_pkcs12(pair(), PASSWORD, "x")
    assert collect(shell, SOFTWARE).smtp is None


@pytest.mark.parametrize(
    ("server_xml", "words"),
    [
        ("<Server>", "is no XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Server/>', "is no XML"),
        ("<Server/>", "no HTTPS connector"),
    ],
)
def test_a_server_xml_that_tells_nothing(server_xml: str, words: str) -> None:
    with pytest.raises(ApplianceError, match=words):
        collect(guest(server_xml, {}), SOFTWARE)


def test_a_bundle_survives_its_own_bytes() -> None:
    whole, web_only = TlsBundle(pair(), pair()), TlsBundle(pair(), None)
    assert TlsBundle.from_bytes(whole.to_bytes()).to_bytes() == whole.to_bytes()
    assert TlsBundle.from_bytes(web_only.to_bytes()).smtp is None
    with pytest.raises(BadKeys, match="no bundle"):
        TlsBundle.from_bytes(b"something else")


def test_the_web_pair_gets_the_new_sides_password_alias_mode_and_owner() -> None:
    fresh, wanted = pair(), pair()
    shell = guest(NEWER.replace('Password="djigzo"', 'Password="other"'), {})
    before = to_pkcs12(fresh, Secret("other"), "stock")
    shell.files[STORE] = before
    shell.metas[STORE] = FileMeta("0640", "tomcat", "djigzo")
    install_web(shell, SOFTWARE, wanted)
    assert to_pem(load_pkcs12(shell.files[STORE], Secret("other"))) == to_pem(wanted)
    assert pkcs12_alias(shell.files[STORE], Secret("other")) == "stock"
    assert shell.metas[STORE] == FileMeta("0640", "tomcat", "djigzo")
    assert shell.files[STORE + ".before-vmmigrate"] == before


def test_the_alias_that_server_xml_names_wins() -> None:
    shell = guest(OLDER, {})
    shell.files[STORE] = to_pkcs12(pair(), PASSWORD, "stock")
    shell.metas[STORE] = FileMeta("0640", "tomcat", "djigzo")
    install_web(shell, SOFTWARE, pair())
    assert pkcs12_alias(shell.files[STORE], PASSWORD) == "gw"


def test_a_store_that_is_not_there_is_made_for_tomcat() -> None:
    shell = guest(NEWER, {})
    install_web(shell, SOFTWARE, pair())
    assert shell.metas[STORE] == FileMeta("0640", "tomcat", "djigzo")


def test_installing_twice_writes_once_and_keeps_the_first_copy() -> None:
    wanted, before = pair(), to_pkcs12(pair(), PASSWORD, "stock")
    shell = guest(NEWER, postfix("/etc/postfix/tls.pem"))
    shell.files |= {STORE: before, "/etc/postfix/tls.pem": b"old"}
    for _time in range(2):
        install_web(shell, SOFTWARE, wanted)
        install_smtp(shell, wanted)
    installed = [line for line in shell.ran if line.startswith("INSTALL")]
    assert installed == [
        f"INSTALL {STORE}.before-vmmigrate",
        f"INSTALL {STORE}",
        "INSTALL /etc/postfix/tls.pem.before-vmmigrate",
        "INSTALL /etc/postfix/tls.pem",
    ]
    install_web(shell, SOFTWARE, pair())
    assert shell.files[STORE + ".before-vmmigrate"] == before


def test_postfix_gets_the_pair_where_it_looks() -> None:
    wanted = pair()
    combined, apart = ScriptedShell(postfix("/etc/postfix/tls.pem")), ScriptedShell(postfix("/c.pem", "/k.pem"))
    install_smtp(combined, wanted)
    install_smtp(apart, wanted)
    assert combined.files == {"/etc/postfix/tls.pem": to_pem(wanted)}
    assert combined.metas["/etc/postfix/tls.pem"] == FileMeta("0600", "root", "root")
    assert apart.files == {"/k.pem": key_pem(wanted), "/c.pem": certificates_pem(wanted)}
    assert not [line for line in combined.ran + apart.ran if "postconf -e" in line]


def test_a_postfix_that_names_no_file_is_told_one() -> None:
    edit = "postconf -e smtpd_tls_cert_file=/etc/postfix/tls.pem 'smtpd_tls_key_file=$smtpd_tls_cert_file'"
    shell = ScriptedShell(postfix("", key="") | {edit: ""})
    install_smtp(shell, pair())
    assert shell.ran[-1] == edit


def test_services_take_the_new_pair_up_in_order() -> None:
    shell = ScriptedShell({"systemctl restart tomcat9": "", "postfix check": "", "postfix reload": ""})
    apply_installed(shell, SOFTWARE)
    assert shell.ran == ["systemctl restart tomcat9", "postfix check", "postfix reload"]
