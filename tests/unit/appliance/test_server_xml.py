"""What Tomcat would serve is what is collected: connectors, hosts, paths, properties and stores as in real ones."""

from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from scripted_gateway import DEBIAN, RHEL, Gateway, connector
from small_ca import pair

from hypervisors import Secret
from vmmigrate.appliance.tls.bundle import TlsBundle, collect
from vmmigrate.appliance.tls.chains import name_of
from vmmigrate.appliance.tls.keys import load_pem, to_pem
from vmmigrate.appliance.tls.layout import install
from vmmigrate.appliance.tls.pkcs12 import Entry, entries, to_pkcs12, write
from vmmigrate.appliance.tls.server_xml import ports
from vmmigrate.errors import ApplianceError, BadKeys, CommandFailed

SHAPES = Path(__file__).parent / "shapes"
WORD = Secret("djigzo")
EMPTY_STORE = 'SSLEnabled="true" keystoreFile="/e/s.p12" keystorePass=""'


def shape(name: str) -> bytes:
    return (SHAPES / name).read_bytes()


def server_xml(attributes: str, inside: str = "", more: str = "") -> str:
    first = f'<Connector port="8443" {attributes}>{inside}</Connector>'
    return f'<Server><Service name="Catalina">{first}{more}</Service></Server>'


def web(xml: str, files: dict[str, bytes]) -> TlsBundle:
    return collect(Gateway(server_xml=xml, files=files), DEBIAN, smtp=False)


@cache
def leaf(store: bytes, word: str = "djigzo") -> str:
    return entries(store, Secret(word))[0].pair.fingerprint


# ---- which connector, which host -----------------------------------------------------------------------------


@pytest.mark.parametrize("off", ['SSLEnabled="false"', 'SSLEnabled="FALSE"', "", 'SSLEnabled="yes"'])
def test_a_store_alone_makes_no_https(off: str) -> None:
    first = f'<Connector port="8080" {off} keystoreFile="/e/a.p12" keystorePass="djigzo"/>'
    live = '<Connector port="443" SSLEnabled="true" keystoreFile="/e/b.p12" keystorePass="djigzo"/>'
    files = {"/e/a.p12": shape("tomcat-sslenabled-false-a.p12"), "/e/b.p12": shape("tomcat-sslenabled-false-b.p12")}
    found = web(f"<Server><Service>{first}{live}</Service></Server>", files)
    assert found.fingerprints == {"web": (leaf(files["/e/b.p12"]),)}


def test_neither_does_ajp() -> None:
    ajp = '<Connector protocol="AJP/1.3" port="8009" SSLEnabled="true"/>'
    one = pair()
    live = connector('certificateFile="/b"').removeprefix("<Server><Service>")
    assert web(f"<Server><Service>{ajp}{live}", {"/b": to_pem(one)}).fingerprints == {"web": (one.fingerprint,)}


@pytest.mark.parametrize(
    ("default", "host"), [("b.example.test", "B.example.test"), ("B.EXAMPLE.test", "b.example.test")]
)
def test_hosts_have_names_in_any_case(default: str, host: str) -> None:
    def one(name: str, store: str) -> str:
        inside = f'<Certificate certificateKeystoreFile="/e/{store}" certificateKeystorePassword="djigzo"/>'
        return f'<SSLHostConfig hostName="{name}">{inside}</SSLHostConfig>'

    files = {"/e/a.p12": shape("tomcat-hostname-case-a.p12"), "/e/b.p12": shape("tomcat-hostname-case-b.p12")}
    xml = server_xml(
        f'SSLEnabled="true" defaultSSLHostConfigName="{default}"', one("a.example.test", "a.p12") + one(host, "b.p12")
    )
    found = web(xml, files)
    assert found.fingerprints == {"web": (leaf(files["/e/b.p12"]),)}
    assert [each.seen for each in found.findings] == [
        "web: the pair of the virtual host 'a.example.test' is not carried over"
    ]


@pytest.mark.parametrize("own", ['keystoreFile="/e/own" keystorePass="djigzo"', 'SSLCertificateFile="/e/pem"'])
def test_what_the_connector_itself_names_is_the_default_host_s(own: str) -> None:
    """Tomcat makes a default host of the older attributes, whatever hosts stand inside."""
    one, other = pair(), pair()
    host = '<SSLHostConfig hostName="b.example"><Certificate certificateFile="/e/b"/></SSLHostConfig>'
    files = {"/e/own": to_pkcs12(one, WORD, "x"), "/e/pem": to_pem(one), "/e/b": to_pem(other)}
    found = web(server_xml(f'SSLEnabled="true" {own}', host), files)
    assert found.fingerprints == {"web": (one.fingerprint,)}
    assert [each.id for each in found.findings] == ["tls-virtual-host"]


def test_names_have_no_namespace_for_tomcat() -> None:
    one = pair()
    xml = connector('certificateFile="/b"').replace("<Server>", '<Server xmlns="urn:any">')
    assert web(xml, {"/b": to_pem(one)}).fingerprints == {"web": (one.fingerprint,)}


PASSED_OVER = {  # by a real Tomcat, as tests/integration/test_real_tomcat.py has it
    "no boolean of Java's": '<Service><Connector port="1" SSLEnabled=" true"/>{}</Service>',
    "outside of a service": '<Connector port="1" SSLEnabled="true"/><Service>{}</Service>',
    "put out of use": '<Service><Off><Connector port="1" SSLEnabled="true"/></Off>{}</Service>',
    "a service": '<Off><Service><Connector port="1" SSLEnabled="true"/></Service></Off><Service>{}</Service>',
    "in capitals": '<Service><CONNECTOR port="1" SSLEnabled="true"/>{}</Service>',
}


@pytest.mark.parametrize("around", PASSED_OVER.values(), ids=PASSED_OVER)
def test_what_tomcat_passes_over_is_no_connector(around: str) -> None:
    one = pair()
    live = connector('certificateFile="/b"', port=443).removeprefix("<Server><Service>").partition("</Service>")[0]
    gateway = Gateway(server_xml=f"<Server>{around.format(live)}</Server>", files={"/b": to_pem(one)})
    found = collect(gateway, DEBIAN, smtp=False)
    assert found.fingerprints == {"web": (one.fingerprint,)}
    assert 443 in tuple(ports(gateway, DEBIAN))


HOST, CERTIFICATE = "<SSLHostConfig>{}</SSLHostConfig>", "<Certificate certificateFile='{}'/>"
OFF = "<Off>{}</Off>"


@pytest.mark.parametrize(
    "inside",
    [
        OFF.format(HOST.format(CERTIFICATE.format("/a"))) + HOST.format(CERTIFICATE.format("/b")),
        HOST.format(OFF.format(CERTIFICATE.format("/a")) + CERTIFICATE.format("/b")),
    ],
    ids=["a host", "a certificate"],
)
def test_nor_is_it_a_host_or_a_certificate(inside: str) -> None:
    one = pair()
    assert web(server_xml('SSLEnabled="true"', inside), {"/b": to_pem(one)}).fingerprints == {"web": (one.fingerprint,)}


ENCODED = {  # the second byte of ソ and of 表 in Shift_JIS is a backslash in ASCII
    "Shift_JIS": "/鍵ソ表",
    "EUC-JP": "/鍵",
    "GB18030": "/密钥",
    "GBK": "/密钥",
    "Big5": "/鍵",
    "EUC-KR": "/열쇠",
    "ISO-8859-15": "/€",
    "windows-1251": "/ключ",
    "UTF-16": "/密钥",
    "ISO-2022-JP": "/鍵",
    "UTF-32": "/密钥",
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_it_is_read_in_the_encoding_that_it_declares(encoding: str) -> None:
    one, path = pair(), ENCODED[encoding]
    host = f"<SSLHostConfig><Certificate certificateFile='{path}'/></SSLHostConfig>"
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n' + server_xml('SSLEnabled="true"', host)
    xml = {"/etc/tomcat9/server.xml": text.encode(encoding)}
    assert web("", {path: to_pem(one), **xml}).fingerprints == {"web": (one.fingerprint,)}


def test_a_password_of_properties_is_read_as_java_reads_it() -> None:
    """A sign of more than 16 bits is two escapes."""
    one = pair()
    store = serialize_key_and_certificates(b"x", one.key, one.leaf, None, BestAvailableEncryption("x😀".encode()))  # type: ignore[arg-type]
    xml = server_xml('SSLEnabled="true" keystoreFile="/e/s.p12" keystorePass="${word}"')
    files = {"/e/s.p12": store, "/etc/tomcat9/catalina.properties": b"word=x\\ud83d\\ude00\n"}
    assert web(xml, files).fingerprints == {"web": (one.fingerprint,)}


@pytest.mark.parametrize("said", [rb"x\ud83d", rb"\ude00\ud83d"])
def test_half_of_a_sign_is_refused(said: bytes) -> None:
    """No file of that name can be asked for, and no password is like that."""
    for attributes in ('keystoreFile="/e/s.p12" keystorePass="${word}"', 'keystoreFile="/${word}"'):
        with pytest.raises(ApplianceError, match="half of a character"):
            web(
                server_xml(f'SSLEnabled="true" {attributes}'),
                {"/etc/tomcat9/catalina.properties": b"word=" + said + b"\n"},
            )


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "ISO-2022-JP"])
def test_what_is_no_xml_in_any_encoding_is_refused_as_such(encoding: str) -> None:
    with pytest.raises(ApplianceError, match="is not XML"):
        web(f'<?xml version="1.0" encoding="{encoding}"?><Server>', {})
    broken = {"/etc/tomcat9/server.xml": b'<?xml version="1.0" encoding="UTF-8"?><Server a="\xff"/>'}
    with pytest.raises(ApplianceError, match="is not XML"):
        web("", broken)


@pytest.mark.parametrize("encoding", ["nonsense", "rot13", "UTF-7"])
def test_an_encoding_that_is_not_read_is_refused_as_such(encoding: str) -> None:
    with pytest.raises(ApplianceError, match="is in an encoding that is not read here") as refused:
        web(f'<?xml version="1.0" encoding="{encoding}"?>{server_xml(EMPTY_STORE)}', {})
    assert "in UTF-8" in refused.value.hint


@pytest.mark.parametrize(
    "entity", ['<!ENTITY part SYSTEM "part.xml">', '<!ENTITY part "text">', '<!ENTITY % part SYSTEM "part.dtd">']
)
def test_a_part_by_an_entity_is_refused_as_such(entity: str) -> None:
    with pytest.raises(ApplianceError, match=r"/etc/tomcat9/server\.xml takes in a part by an entity") as refused:
        web(f"<!DOCTYPE Server [{entity}]>" + server_xml(EMPTY_STORE), {})
    assert refused.value.hint == "write that part into the file itself; Tomcat reads it the same"


# ---- where files are -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("${catalina.home}/s.p12", "/usr/share/tomcat9/s.p12"),
        ("${catalina.base}/s.p12", "/var/lib/tomcat9/s.p12"),
        ("file:/e/s.p12", "/e/s.p12"),
        ("file:///e/s.p12", "/e/s.p12"),
        ("file://localhost/e/s.p12", "/e/s.p12"),
        ("file:///e/my%20store.p12", "/e/my store.p12"),
        ("file:${catalina.base}/conf/s.p12", "/var/lib/tomcat9/conf/s.p12"),
        ("conf/s.p12", "/var/lib/tomcat9/conf/s.p12"),
        ("${user.home}/.keystore", "/var/lib/tomcat/.keystore"),
    ],
)
def test_a_path_leads_where_tomcat_goes(named: str, path: str) -> None:
    store = shape("tomcat-paths-store.p12")
    found = web(server_xml(f'SSLEnabled="true" keystoreFile="{named}" keystorePass="djigzo"'), {path: store})
    assert found.fingerprints == {"web": (leaf(store),)}


@pytest.mark.parametrize("inside", ["", "<SSLHostConfig/>", '<SSLHostConfig><Certificate type="RSA"/></SSLHostConfig>'])
def test_without_a_name_it_is_the_home_s_store_with_tomcat_s_password(inside: str) -> None:
    one = pair(kind="RSA")
    files = {"/var/lib/tomcat/.keystore": to_pkcs12(one, Secret("changeit"), "tomcat")}
    assert web(server_xml('SSLEnabled="true"', inside), files).fingerprints == {"web": (one.fingerprint,)}


def test_red_hat_s_folders() -> None:
    one, gateway = pair(), Gateway()
    gateway.files["/etc/tomcat/server.xml"] = server_xml(
        'SSLEnabled="true" keystoreFile="${catalina.home}/s" keystorePass="${p}"'
    ).encode()
    gateway.files["/usr/share/tomcat/s"] = to_pkcs12(one, WORD, "x")
    gateway.files["/etc/tomcat/tomcat.conf"] = b'JAVA_OPTS="-Xmx1g -Dp=djigzo"\n'
    assert collect(gateway, RHEL, smtp=False).fingerprints == {"web": (one.fingerprint,)}


# ---- properties ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        'keystoreFile="/e/s.p12" keystorePass="${ks.pass}"',
        'keystoreFile="${ks.file}" keystorePass="djigzo"',
        'keystoreFile="${no.such:-/e/s.p12}" keystorePass="djigzo"',
        'keystoreFile="${ks.folder}/s.p12" keystorePass="${ks.colon}"',
        'keystoreFile="/e/s.p12" keystorePass="${from.options}"',
        'keystoreFile="/e/s.p12" keystorePass="${ks.inner}"',
    ],
)
def test_properties_are_put_in(attributes: str) -> None:
    store = shape("tomcat-properties-store.p12")
    said = (
        b"# ks.pass=no\nks.pass=djigzo\n ks.file = /e/s.p12\nks.folder=\\\n   /e\nks.colon: d\\u006aigzo\n"
        b"ks.inner ${ks.pass}\n"
    )
    files = {
        "/e/s.p12": store,
        "/etc/tomcat9/catalina.properties": said,
        "/etc/default/tomcat9": b'JAVA_OPTS="-Djava.awt.headless=true -Dfrom.options=djigzo"\n',
    }
    found = web(server_xml('SSLEnabled="true" ' + attributes), files)
    assert found.fingerprints == {"web": (leaf(store),)}


@pytest.mark.parametrize("path", ["/etc/default/tomcat9", "/var/lib/tomcat9/bin/setenv.sh"])
@pytest.mark.parametrize("comment", ["#", " \t# "])
def test_an_option_that_is_commented_out_is_none(path: str, comment: str) -> None:
    one = pair()
    said = f'JAVA_OPTS="-Dstore=/e/s.pem#1"\n{comment}JAVA_OPTS="-Dstore=/e/of-before.pem"\n'
    files = {"/e/s.pem#1": to_pem(one), "/e/of-before.pem": to_pem(pair("before.example.test")), path: said.encode()}
    inside = '<SSLHostConfig><Certificate certificateFile="${store}"/></SSLHostConfig>'
    found = web(server_xml('SSLEnabled="true"', inside), files)
    assert found.fingerprints == {"web": (one.fingerprint,)}


@pytest.mark.parametrize("attribute", ["keystoreFile", "keystorePass", "keyAlias"])
def test_a_property_that_nothing_names_is_refused_as_such(attribute: str) -> None:
    named = {"keystoreFile": "/e/s.p12", "keystorePass": "djigzo", attribute: "${only.tomcat}"}
    attributes = " ".join(f'{name}="{value}"' for name, value in named.items())
    with pytest.raises(ApplianceError, match=r"names \$\{only\.tomcat\}, a property that only Tomcat knows"):
        web(server_xml('SSLEnabled="true" ' + attributes), {"/e/s.p12": shape("tomcat-properties-store.p12")})


def test_a_port_may_be_a_property() -> None:
    one = pair()
    xml = connector('certificateFile="/b"').replace('"8443"', '"${https.port}"')
    files = {"/b": to_pem(one), "/etc/tomcat9/catalina.properties": b"https.port=9443\n"}
    made = install(Gateway(server_xml=xml, files=files), DEBIAN, TlsBundle({"web": (one,)}))
    assert [each.port for each in made.expected] == [9443]


# ---- stores --------------------------------------------------------------------------------------------------


def test_an_empty_password_is_one() -> None:
    store = shape("p12-empty-password-store.p12")
    assert [each.alias for each in entries(store, Secret(""))] == ["gw"]
    assert web(server_xml(EMPTY_STORE), {"/e/s.p12": store}).fingerprints == {"web": (leaf(store, ""),)}


def test_an_empty_password_of_a_newer_element_and_of_a_file() -> None:
    store = shape("p12-empty-password-store.p12")
    named = 'certificateKeystoreFile="/e/s.p12" certificateKeystorePassword'
    for word in ('=""', 'File="/e/word"'):
        found = web(connector(named + word), {"/e/s.p12": store, "/e/word": b"\n"})
        assert found.fingerprints == {"web": (leaf(store, ""),)}


def test_a_new_store_with_an_empty_password_is_not_written() -> None:
    with pytest.raises(BadKeys, match="a store without a password cannot be written"):
        install(Gateway(server_xml=server_xml(EMPTY_STORE)), DEBIAN, TlsBundle({"web": (pair(),)}))


def test_a_store_of_windows_goes_by_the_key_s_name() -> None:
    store = shape("p12-windows-alias-store.p12")
    form = 'SSLEnabled="true" keystoreFile="/e/s.p12" keystorePass="djigzo" keyAlias="{}"'
    for alias in ("te-3f1c0a52-77aa", "TE-3f1c0a52-77AA"):
        assert web(server_xml(form.format(alias)), {"/e/s.p12": store}).fingerprints == {"web": (leaf(store),)}
    with pytest.raises(BadKeys, match=r"the alias 'mail\.example\.test', the store has 'te-3f1c0a52-77aa'"):
        web(server_xml(form.format("mail.example.test")), {"/e/s.p12": store})


def test_a_key_without_a_name_has_java_s_number() -> None:
    one, two = pair(), pair()
    store = write([Entry("", one), Entry("named", pair()), Entry("", two)], WORD)
    assert [each.alias for each in entries(store, WORD)] == ["1", "named", "2"]


def test_of_two_keys_with_one_name_java_has_the_last() -> None:
    last = pair()
    found = entries(write([Entry("gw", pair()), Entry("other", pair()), Entry("GW", last)], WORD), WORD)
    assert [(each.alias, each.pair.fingerprint == last.fingerprint) for each in found] == [
        ("GW", True),
        ("other", False),
    ]


TRUSTING = 'SSLEnabled="true" keystoreFile="/e/s.p12" keystorePass="djigzo" truststoreFile="/e/s.p12"'


def test_a_trusted_certificate_is_no_part_of_the_chain_and_is_named() -> None:
    store = shape("truststore-in-keystore-store.p12")
    found = web(server_xml(TRUSTING), {"/e/s.p12": store})
    (one,) = found.web
    assert "clientca" not in [name_of(each.subject) for each in one.chain]
    assert len(one.chain) == 2
    assert [each.id for each in found.findings] == ["tls-truststore"]


@pytest.mark.parametrize("named", ['truststoreFile="/e/t.p12"', 'caCertificateFile="/e/t.pem"'])
def test_so_is_a_store_of_its_own(named: str) -> None:
    host = f'<SSLHostConfig {named}><Certificate certificateFile="/b"/></SSLHostConfig>'
    found = web(server_xml('SSLEnabled="true"', host), {"/b": to_pem(pair())})
    assert [each.id for each in found.findings] == ["tls-truststore"]


def test_a_trusted_certificate_that_the_new_store_loses_is_named() -> None:
    gateway = Gateway(server_xml=server_xml(TRUSTING), files={"/e/s.p12": shape("truststore-in-keystore-store.p12")})
    bundle = TlsBundle({"web": (load_pem(shape("truststore-in-keystore-new.pem")),)})
    made = install(gateway, DEBIAN, bundle)
    assert [each.id for each in made.findings] == ["tls-trust-lost"]
    assert "clientca" in made.findings[0].seen
    assert install(gateway, DEBIAN, bundle).findings == ()


def test_a_store_of_several_pairs_loses_nothing() -> None:
    gateway = Gateway(
        files={"/usr/share/djigzo-web/ssl/sslCertificate.p12": write([Entry("a", pair()), Entry("b", pair())], WORD)}
    )
    assert install(gateway, DEBIAN, TlsBundle({"web": (pair(),)})).findings == ()


def test_a_store_that_is_gone_says_so() -> None:
    with pytest.raises(CommandFailed, match=r"/e/s\.p12"):
        web(server_xml(EMPTY_STORE), {})
