"""A real Tomcat 9 serves what is written, and the key that we say it would; skipped where none is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fixtures.appliance import ca, keys
from fixtures.ports import free_port
from hypervisors import NotYet, Secret, wait_for
from vmmigrate.appliance.family import Software, Units
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.appliance.tls import server_xml, stores
from vmmigrate.appliance.tls.handshake import Offer, PortClosed, is_closed, served
from vmmigrate.appliance.tls.keys import Pair, certificates_pem, chain_pem, to_pem
from vmmigrate.appliance.tls.pkcs12 import Entry, is_old_way, write
from vmmigrate.errors import CommandFailed

JARS = [path for path in sorted(Path("/usr/share/java").glob("tomcat9-*.jar")) if not path.stem[-1].isdigit()]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not JARS or not shutil.which("java"), reason="needs libtomcat9-java and a Java"),
]
WORD = Secret("word")
SOFTWARE = Software("5.x", {}, Units("backend", "tomcat9", "postfix", "postgresql", None))
NIO = 'protocol="org.apache.coyote.http11.Http11NioProtocol" SSLEnabled="true" scheme="https" secure="true"'


def pair(name: str, kind: str = "ECDSA") -> Pair:
    key: Any = Ed25519PrivateKey.generate() if kind == "Ed25519" else keys.ec_key(name)
    key = keys.rsa_key("web") if kind == "RSA" else key
    return Pair(key, ca.issue(key, name, [name]), (ca.authority(),))


@dataclass(frozen=True)
class Disk:
    """As much of a shell as looking at files on this machine needs."""

    server_xml: Path
    host: str = "127.0.0.1"

    def read_file(self, path: str) -> bytes:
        try:
            conf = Path(SOFTWARE.server_xml).parent
            beside = self.server_xml.parent / Path(path).name
            return (beside if Path(path).parent == conf else Path(path)).read_bytes()
        except OSError as error:
            raise CommandFailed(str(error), hint="a test's shell") from error

    def file_meta(self, path: str) -> FileMeta | None:
        return FileMeta("0600", "root", "root") if Path(path).exists() else None

    def run(self, argv: Sequence[str], **_: object) -> Result:
        assert argv[:2] == ("readlink", "-f")
        return Result(0, argv[2], "")


class Tomcat:
    """One Tomcat with a connector for each shape."""

    def __init__(self, folder: Path, encoding: str = "UTF-8") -> None:
        self.folder, self.ports, self._encoding = folder, dict[str, int](), encoding
        self._connectors: list[str] = []
        for name in ("conf", "webapps", "temp", "work", "logs"):
            (folder / name).mkdir()

    def add(self, shape: str, certificates: Sequence[str]) -> None:
        inside = "".join(f"<Certificate {each}/>" for each in certificates)
        self.add_connector(shape, "", f"<SSLHostConfig>{inside}</SSLHostConfig>")

    def add_connector(self, shape: str, attributes: str, hosts: str = "", within: str = "{}") -> None:
        """`within`: what stands around it."""
        self.ports[shape] = free_port()
        made = f'<Connector port="{self.ports[shape]}" {NIO} {attributes}>{hosts}</Connector>'
        self._connectors.append(within.format(made))
        engine = '<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>'
        service = f'<Service name="Catalina">{"".join(self._connectors)}{engine}</Service>'
        head = f'<?xml version="1.0" encoding="{self._encoding}"?>\n'
        self.server_xml.write_text(f'{head}<Server port="-1">{service}</Server>', encoding=self._encoding)

    @property
    def server_xml(self) -> Path:
        return self.folder / "conf" / "server.xml"

    def pairs(self, shape: str) -> tuple[Pair, ...]:
        """What we say that it serves there."""
        disk = Disk(self.server_xml)
        return tuple(stores.read(disk, place) for place in self._places(shape))  # type: ignore[arg-type]

    def install(self, shape: str, *pairs: Pair) -> None:
        files: Sequence[NewFile] = stores.new_files(
            Disk(self.server_xml),  # type: ignore[arg-type]
            list(zip(self._places(shape), pairs, strict=True)),
        )
        for file in files:
            Path(file.path).write_bytes(file.data)

    def _places(self, shape: str) -> tuple[stores.Place, ...]:
        found = stores.connectors(Disk(self.server_xml), SOFTWARE)  # type: ignore[arg-type]
        return next(each.places for each in found if self.ports[shape] in each.ports)

    def start(self) -> "subprocess.Popen[bytes]":
        log = (self.folder / "out").open("wb")
        path = ":".join(map(str, JARS))
        base = [f"-Dcatalina.{name}={self.folder}" for name in ("base", "home")]
        words = ["java", "-cp", path, *base, "-Xmx128m", "org.apache.catalina.startup.Bootstrap", "start"]
        environ = {**os.environ, "LC_ALL": "C.UTF-8"}  # else Java opens no file whose name is not ASCII
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder, env=environ)

    def shown(self, shape: str, offer: Offer = Offer.ANY) -> x509.Certificate:
        return self.shown_chain(shape, offer)[0]

    def shown_chain(self, shape: str, offer: Offer = Offer.ANY) -> list[x509.Certificate]:
        def look() -> list[x509.Certificate]:
            try:
                # It takes connections some time before it answers them.
                chain = served("127.0.0.1", self.ports[shape], starttls=False, timeout=40, offer=offer).chain
            except PortClosed as error:
                raise NotYet(str(error)) from error
            return [x509.load_der_x509_certificate(each) for each in chain]

        log = self.folder / "out"
        return wait_for(f"Tomcat's {shape}", look, timeout=20, clears=f"see {log}", pause=0.1)


def odd_shapes(made: Tomcat) -> None:
    """Each as an old gateway may have it: only read, never written."""
    at = made.folder
    (at / "c.p12").write_bytes(write([Entry("gw", FIRST), Entry("", SECOND)], WORD))
    (at / "pem").write_bytes(commented(to_pem(SECOND)) + to_pem(FIRST))
    (at / "repeated").write_bytes(to_pem(FIRST) + certificates_pem(FIRST))
    properties = f"store.at={at}/c.p12\nstore.word=word\n"
    (at / "conf" / "catalina.properties").write_text(STOCK_PROPERTIES + properties)
    store = f'keystoreFile="{at}/c.p12"'
    made.add_connector("older, an alias without a name", f'{store} keystorePass="word" keyAlias="1"')
    named = pem_host(at / "pem", "other.example.test")
    made.add_connector("older, beside a named host", f'{store} keystorePass="word"', named)
    made.add_connector("a URL", f'keystoreFile="file:{at}/c.p12" keystorePass="word"')
    made.add_connector("properties", 'keystoreFile="${store.at}" keystorePass="${store.word}"')
    made.add_connector("a default", 'keystoreFile="${store.at}" keystorePass="${no.such:-word}"')
    made.add_connector("commented PEM", "", pem_host(at / "pem"))
    made.add_connector("a chain with repeats", "", pem_host(at / "repeated"))
    hosts = pem_host(at / "pem", "A.example.test") + pem_host(at / "repeated", "B.example.test")
    made.add_connector("hosts", 'defaultSSLHostConfigName="b.EXAMPLE.test"', hosts)
    for name, ways in (("empty", ["-passout", "pass:"]), ("trusting", ["-passout", "pass:word"])):
        export = ["openssl", "pkcs12", "-export", "-in", at / "repeated", "-out", at / name, "-name", "x", *ways]
        subprocess.run(export, check=True, capture_output=True)
    (at / "other.pem").write_bytes(chain_pem([RSA.leaf]))
    trusting = ["keytool", "-importcert", "-noprompt", "-alias", "clients", "-file", at / "other.pem"]
    subprocess.run([*trusting, "-keystore", at / "trusting", "-storepass", "word"], check=True, capture_output=True)
    made.add_connector("an empty password", f'keystoreFile="{at}/empty" keystorePass=""')
    (at / "ed.p12").write_bytes(write([Entry("gw", pair("ed", "Ed25519"))], WORD))
    made.add_connector("Ed25519 in a store", f'keystoreFile="{at}/ed.p12" keystorePass="word"')
    windows = Path(__file__).parents[1] / "unit" / "appliance" / "shapes" / "p12-windows-alias-store.p12"
    named = 'keystorePass="djigzo" keyAlias="te-3f1c0a52-77aa"'
    made.add_connector("a store of Windows", f'keystoreFile="{windows}" {named}')
    (at / "ed.pem").write_bytes(to_pem(pair("ed", "Ed25519")))
    made.add_connector("Ed25519 in PEM", "", pem_host(at / "ed.pem"))
    made.add_connector("RSA-PSS in PEM", "", pem_host(windows.with_name("rsa-pss.pem")))
    (at / "mixed").write_bytes(to_pem(FIRST).replace(b"\n", b"\r\n"))
    made.add_connector("Windows' line ends", "", pem_host(at / "mixed"))
    (at / "mac").write_bytes(to_pem(FIRST).replace(b"\n", b"\r"))
    made.add_connector("a Macintosh's line ends", "", pem_host(at / "mac"))
    made.add_connector("a store that trusts too", f'keystoreFile="{at}/trusting" keystorePass="word"')


UNREAD = ("Ed25519 in PEM", "RSA-PSS in PEM")
ODD = (
    "older, an alias without a name",
    "older, beside a named host",
    "a URL",
    "properties",
    "a default",
    "commented PEM",
    "a chain with repeats",
    "hosts",
    "an empty password",
    "a store that trusts too",
    "Ed25519 in a store",
    "a store of Windows",
    "Windows' line ends",
    "a Macintosh's line ends",
)
STOCK_PROPERTIES = "common.loader=\nserver.loader=\nshared.loader=\n"


def commented(pem: bytes) -> bytes:
    return b"".join(b"# " + line for line in pem.splitlines(keepends=True))


def pem_host(path: Path, name: str = "_default_") -> str:
    return f'<SSLHostConfig hostName="{name}"><Certificate certificateFile="{path}"/></SSLHostConfig>'


FIRST, SECOND, RSA, EC, PEM = pair("first"), pair("second"), pair("rsa", "RSA"), pair("ec"), pair("pem")


@pytest.fixture(scope="module")
def tomcat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tomcat]:
    made = Tomcat(tmp_path_factory.mktemp("tomcat"))
    at = made.folder
    store = f'certificateKeystorePassword="word" certificateKeystoreFile="{at}/'
    (at / "two.p12").write_bytes(write([Entry("first", FIRST), Entry("Second", SECOND)], WORD))
    made.add("first of two", [f'{store}two.p12"'])
    made.add("named of two", [f'{store}two.p12" certificateKeyAlias="SECOND"'])
    made.add("a new store", [f'{store}new.p12"'])
    both = [
        f'{store}both.p12" certificateKeyAlias="{alias}" type="{kind}"' for alias, kind in (("e", "EC"), ("r", "RSA"))
    ]
    made.add("both in one store", both)
    pem = f'certificateFile="{at}/c.pem" certificateKeyFile="{at}/k.pem" certificateChainFile="{at}/chain.pem"'
    made.add("an encrypted key", [f'{pem} certificateKeyPassword="word"'])
    (at / "old.pem").write_bytes(to_pem(FIRST))
    legacy = ["openssl", "pkcs12", "-export", "-legacy", "-in", at / "old.pem", "-out", at / "old.p12"]
    subprocess.run([*legacy, "-passout", "pass:word"], check=True, capture_output=True)
    made.add("an old store", [f'{store}old.p12"'])
    generate = ["keytool", "-genkeypair", "-alias", "x", "-keystore", at / "java.jks", "-storetype", "JKS"]
    generate += ["-storepass", "six-letters", "-keypass", "six-letters", "-dname", "CN=x", "-keyalg", "EC"]
    subprocess.run(generate, check=True, capture_output=True)
    java = f'certificateKeystorePassword="six-letters" certificateKeystoreFile="{at}/java.jks"'
    made.add("a store of Java's, by its type", [f'{java} certificateKeystoreType="JKS"'])
    made.install("a store of Java's, by its type", SECOND)
    made.install("a new store", FIRST)
    made.install("an old store", SECOND)
    made.install("both in one store", EC, RSA)
    made.install("an encrypted key", PEM)
    odd_shapes(made)
    running = made.start()
    yield made
    running.terminate()
    running.wait()


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ("first of two", FIRST),
        ("named of two", SECOND),
        ("a new store", FIRST),
        ("an encrypted key", PEM),
        ("a store of Java's, by its type", SECOND),
    ],
)
def test_tomcat_serves_the_key_that_we_say(tomcat: Tomcat, shape: str, wanted: Pair) -> None:
    assert [each.leaf for each in tomcat.pairs(shape)] == [wanted.leaf]
    assert tomcat.shown(shape) == wanted.leaf


def test_tomcat_serves_both_kinds_from_one_store(tomcat: Tomcat) -> None:
    assert tomcat.shown("both in one store", Offer.RSA) == RSA.leaf
    assert tomcat.shown("both in one store", Offer.ECDSA) == EC.leaf


def test_a_store_in_the_old_way_stays_so_and_is_served(tomcat: Tomcat) -> None:
    assert is_old_way((tomcat.folder / "old.p12").read_bytes())
    assert tomcat.shown("an old store") == SECOND.leaf


@pytest.mark.parametrize("shape", ODD)
def test_tomcat_sends_the_chain_that_is_read(tomcat: Tomcat, shape: str) -> None:
    """The referee is Tomcat: what it sends, each certificate of it, is what would be carried."""
    (read,) = tomcat.pairs(shape)
    assert [read.leaf, *read.chain] == tomcat.shown_chain(shape)


@pytest.mark.parametrize("shape", UNREAD)
def test_tomcat_reads_no_such_key(tomcat: Tomcat, shape: str) -> None:
    """Why none is written: its connector does not start, while the others do."""
    tomcat.shown("first of two")
    assert is_closed("127.0.0.1", tomcat.ports[shape])


PASSED_OVER = {  # what stands around a connector
    "put out of use": "<Off>{}</Off>",
    "a service put out of use": "<Off><Service>{}</Service></Off>",
    "in a host": '<Engine name="E" defaultHost="l">{}</Engine>',
}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tomcat]:
    """In Shift_JIS, where the second byte of its file's name is a backslash of ASCII."""
    made = Tomcat(tmp_path_factory.mktemp("other"), "Shift_JIS")
    (made.folder / "conf" / "catalina.properties").write_text(STOCK_PROPERTIES)
    path = made.folder / "ソ.pem"
    path.write_bytes(to_pem(FIRST))
    host = pem_host(path)
    for shape, within in PASSED_OVER.items():
        made.add_connector(shape, "", host, within)
    inside = "<Off><SSLHostConfig><Certificate certificateFile='/nowhere'/></SSLHostConfig></Off>"
    made.add_connector("live", "", inside + host)
    running = made.start()
    yield made
    running.terminate()
    running.wait()


def test_it_is_served_as_it_is_read_in_the_encoding_that_it_declares(other: Tomcat) -> None:
    assert [each.leaf for each in other.pairs("live")] == [FIRST.leaf]
    assert other.shown("live") == FIRST.leaf


@pytest.mark.parametrize("shape", PASSED_OVER)
def test_tomcat_passes_over_what_is_not_read(other: Tomcat, shape: str) -> None:
    other.shown("live")
    assert is_closed("127.0.0.1", other.ports[shape])
    disk = Disk(other.server_xml)
    assert tuple(server_xml.ports(disk, SOFTWARE)) == (other.ports["live"],)  # type: ignore[arg-type]
