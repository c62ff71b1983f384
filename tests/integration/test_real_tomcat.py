"""A real Tomcat 9 serves what is written, and the key that we say it would; skipped where none is installed."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from fixtures.appliance import ca, keys
from hypervisors import NotYet, Secret, wait_for
from vmmigrate.appliance.family import Software, Units
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.appliance.tls import stores
from vmmigrate.appliance.tls.handshake import Offer, PortClosed, served
from vmmigrate.appliance.tls.keys import Pair, to_pem
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
    key = keys.rsa_key("web") if kind == "RSA" else keys.ec_key(name)
    return Pair(key, ca.issue(key, name, [name]), (ca.authority(),))


@dataclass(frozen=True)
class Disk:
    """As much of a shell as looking at files on this machine needs."""

    server_xml: Path
    host: str = "127.0.0.1"

    def read_file(self, path: str) -> bytes:
        try:
            return (self.server_xml if path == SOFTWARE.server_xml else Path(path)).read_bytes()
        except OSError as error:
            raise CommandFailed(str(error), hint="a test's shell") from error

    def file_meta(self, path: str) -> FileMeta | None:
        return FileMeta("0600", "root", "root") if Path(path).exists() else None

    def run(self, argv: Sequence[str], **_: object) -> Result:
        assert argv[:2] == ("readlink", "-f")
        return Result(0, argv[2], "")


class Tomcat:
    """One Tomcat with a connector for each shape."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ports = folder, dict[str, int]()
        self._connectors: list[str] = []
        for name in ("conf", "webapps", "temp", "work", "logs"):
            (folder / name).mkdir()

    def add(self, shape: str, certificates: Sequence[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.ports[shape] = free.getsockname()[1]
        inside = "".join(f"<Certificate {each}/>" for each in certificates)
        host = f"<SSLHostConfig>{inside}</SSLHostConfig>"
        self._connectors.append(f'<Connector port="{self.ports[shape]}" {NIO}>{host}</Connector>')
        engine = '<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>'
        service = f'<Service name="Catalina">{"".join(self._connectors)}{engine}</Service>'
        self.server_xml.write_text(f'<Server port="-1">{service}</Server>')

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
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder)

    def shown(self, shape: str, offer: Offer = Offer.ANY) -> x509.Certificate:
        def look() -> x509.Certificate:
            try:
                chain = served("127.0.0.1", self.ports[shape], starttls=False, offer=offer).chain
            except PortClosed as error:
                raise NotYet(str(error)) from error
            return x509.load_der_x509_certificate(chain[0])

        log = self.folder / "out"
        return wait_for(f"Tomcat's {shape}", look, timeout=20, clears=f"see {log}", pause=0.1)


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
