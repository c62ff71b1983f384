"""`tls copy` onto a real guest for each shape of pairs, proved by openssl's own handshake, undone byte for byte.

The old side is a process lab's gateway, whose files are as the shape wants them; the new side is the lab's old
gateway: Postfix, sshd, sudo and OpenSSL are real, Tomcat is the stand-in that reads server.xml as Tomcat does.
"""

import base64
import dataclasses
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certified import Authority, Certified, pkcs12, shown_at

from fixtures import processlab
from fixtures.appliance import mainconf, mastercf
from fixtures.appliance.files import Root
from fixtures.lab import Lab
from fixtures.processlab import ProcessLab
from vmmigrate.alone import tls_copy as tlscopy
from vmmigrate.appliance.port import NewFile
from vmmigrate.appliance.tls.placing import RECORD, forget, place, put_back
from vmmigrate.errors import BadKeys, RolledBack
from vmmigrate.parts import Parts
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets

pytestmark = pytest.mark.lab

CHECKOUT = Path(__file__).parents[2]
STORE = "/usr/share/djigzo-web/ssl/sslCertificate.p12"
XML, MAIN, MASTER = "/etc/tomcat9/server.xml", "/etc/postfix/main.cf", "/etc/postfix/master.cf"
FOLDERS = ("/etc/postfix", "/etc/tomcat9", "/usr/share/djigzo-web/ssl", "/etc/pki")
_OWNED = {XML: "640 root:tomcat", STORE: "640 tomcat:djigzo", MAIN: "644 root:root", MASTER: "644 root:root"}
TLS = "smtpd_tls_security_level=may"
APART = ("smtpd_tls_cert_file=/etc/pki/tls/certs/smtp.crt", "smtpd_tls_key_file=/etc/pki/tls/private/smtp.key")
WORD = "store-password"
Files = dict[str, bytes]
AUTHORITY = Authority()


# ---- shapes ------------------------------------------------------------------------------------------------


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


SHAPES: tuple[Callable[[Path], Shape], ...] = (  # the first one is the command line's
    apart_with_several_keys_in_one_store,
    chain_files_and_encrypted_pem,
    overriding_services,
)


# ---- both sides --------------------------------------------------------------------------------------------


class Guest:
    """The real guest, seen by root's own commands."""

    def __init__(self, gateway: tlscopy.Gateway) -> None:
        self.gateway = gateway
        self.main, self.master = (gateway.shell.read_file(path).decode() for path in (MAIN, MASTER))

    def root(self, script: str) -> str:
        return self.gateway.shell.run(("sh", "-euc", script), user="root", timeout=120).stdout

    def lay(self, side: Side) -> None:
        """Files, modes and owners of a shape, and the services that read them."""
        lines = ["umask 077", "mkdir -p -m 755 /etc/pki/tls/certs /etc/pki/tls/private"]
        owned: dict[str, list[str]] = {}
        for path, data in side.configuration(self.main, self.master).items():
            lines.append(f"base64 -d > {path} <<END\n{base64.b64encode(data).decode()}\nEND")
            owned.setdefault(_OWNED.get(path, "600 root:root"), []).append(path)
        for (mode, owner), paths in [(owner.split(), paths) for owner, paths in owned.items()]:
            lines.append(f"chmod {mode} {' '.join(paths)}; chown {owner} {' '.join(paths)}")
        self.root("\n".join([*lines, *(["postfix reload"] if side.services else [])]))

    def state(self) -> list[str]:
        """Digest, mode, owner and time of every file that a copy may touch, and of what it may leave."""
        said = self.root(
            f"find {' '.join(FOLDERS)} $(ls -d /var/lib/vmmigrate* || true) -type f "
            "-exec sha256sum {} + -printf '%p %m %u %g %T@\\n'"
        )
        return sorted(said.splitlines())


@pytest.fixture(scope="module")
def old(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    with processlab.process_lab(tmp_path_factory.mktemp("old")) as made:
        yield made


@pytest.fixture(scope="module")
def parts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    return Parts(ProcessSecrets(environ(lab)), folder / "runs", folder / "keys")


def environ(lab: Lab) -> dict[str, str]:
    """The lab's old gateway is the new one here."""
    seeded = lab.old.ssh.password
    return {**os.environ, "VMMIGRATE_OLD_SSH_PASSWORD": seeded, "VMMIGRATE_NEW_SSH_PASSWORD": seeded}


def settings(lab: Lab, old: ProcessLab) -> dict[str, object]:
    return {
        "old": {"ssh": {"port": old.ssh_port, "host_key": old.host_key}},
        "new": {"ssh": {"host_key": lab.old.host_key}},
        "limits": {"restart": 60},
    }


@pytest.fixture(scope="module")
def reach(lab: Lab, old: ProcessLab, parts: Parts) -> Iterator[tuple[tlscopy.Reach, tlscopy.Reach]]:
    with tlscopy.gateways(Settings.model_validate(settings(lab, old)), parts) as found:
        yield found


@pytest.fixture(scope="module")
def guest(lab: Lab, reach: tuple[tlscopy.Reach, tlscopy.Reach]) -> Guest:
    """One running guest for all: what a test leaves, the next one overwrites; the lab is put back at the end."""
    return Guest(reach[1](lab.old.address))


@pytest.fixture
def giving(old: ProcessLab, reach: tuple[tlscopy.Reach, tlscopy.Reach]) -> Iterator[Callable[[Side], tlscopy.Gateway]]:
    """The old gateway with a shape's files; afterwards as it was."""
    root = old.root_of(old.old_id)
    with ExitStack() as undone:

        def have(side: Side) -> tlscopy.Gateway:
            laid = side.configuration(root.text(MAIN), root.text(MASTER))
            undone.callback(_write, root, {path: root.read(path) for path in laid if root.has(path)})
            _write(root, laid)
            return reach[0](old.address)

        yield have


def _write(root: Root, files: Files) -> None:
    for path, data in files.items():
        root.write(path, data)


@pytest.fixture(scope="module", autouse=True)
def as_it_was(lab: Lab) -> Iterator[None]:
    from fixtures import lab as labs

    yield
    labs.reset(labs.folders())


# ---- the tests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_shape_is_copied_proved_and_undone(
    shape: Callable[[Path], Shape], guest: Guest, giving: Callable[[Side], tlscopy.Gateway], tmp_path: Path
) -> None:
    wanted = shape(tmp_path)
    guest.lay(wanted.new)
    before = guest.state()
    found = tlscopy.look(giving(wanted.old), guest.gateway, web=True, smtp=True)
    assert [part for part in wanted.findings if not any(said.startswith(part) for said in found.findings)] == []
    tlscopy.carry_out(guest.gateway, found, print)
    assert shown(guest, wanted) == expected(wanted)
    assert undone(guest) == before


def undone(guest: Guest) -> list[str]:
    """What `tls undo` does to files; what it does to services, the command line's test looks at."""
    put_back(guest.gateway.shell)
    forget(guest.gateway.shell)
    return guest.state()


def shown(guest: Guest, shape: Shape) -> dict[tuple[int, str], list[str]]:
    """By openssl. Roots that an administrator put into a chain are sent too: not looked at here."""
    return {
        (port, kind): shown_at(guest.gateway.host, port, starttls=port in (25, 587), kind=kind)[:2]
        for port, kinds in shape.shows.items()
        for kind in kinds
    }


def expected(shape: Shape) -> dict[tuple[int, str], list[str]]:
    return {(port, kind): each.shown for port, kinds in shape.shows.items() for kind, each in kinds.items()}


def test_where_the_proof_fails_the_previous_pairs_come_back_by_themselves(
    guest: Guest, giving: Callable[[Side], tlscopy.Gateway]
) -> None:
    """A new gateway that is hardened to ECDSA, an old one with RSA: good files, and no handshake."""
    one_file = ("smtpd_tls_cert_file=/etc/postfix/tls.pem",)
    hardened = ("smtpd_tls_protocols=!TLSv1.3", "smtpd_tls_exclude_ciphers=aRSA")
    stock = AUTHORITY.issue("ECDSA")
    guest.lay(Side({"/etc/postfix/tls.pem": stock.pem}, (*one_file, *hardened), "# hardened\n"))
    before = guest.state()
    old = Side({"/etc/postfix/tls.pem": AUTHORITY.issue("RSA").pem}, one_file)
    hurried = dataclasses.replace(guest.gateway, timeout=4.0)
    found = tlscopy.look(giving(old), hurried, web=False, smtp=True)
    with pytest.raises(RolledBack, match="the previous certificates are back"):
        tlscopy.carry_out(hurried, found, print)
    assert guest.state() == before
    assert shown_at(guest.gateway.host, 25, starttls=True) == stock.shown


def test_a_crash_between_two_files_is_mended_by_a_second_copy_and_by_undo(
    guest: Guest, giving: Callable[[Side], tlscopy.Gateway]
) -> None:
    stock, crt, key = AUTHORITY.issue("ECDSA"), "/etc/pki/tls/certs/smtp.crt", "/etc/pki/tls/private/smtp.key"
    guest.lay(Side({crt: stock.chain_pem, key: stock.key_pem()}, APART))
    before = guest.state()
    old = giving(
        Side({"/etc/postfix/tls.pem": AUTHORITY.issue("RSA").pem}, ("smtpd_tls_cert_file=/etc/postfix/tls.pem",))
    )
    change = tlscopy.look(old, guest.gateway, web=False, smtp=True).change
    for mended_by_a_copy in (False, True):
        with pytest.raises(ConnectionResetError):
            place(_Dying(guest.gateway), change)  # type: ignore[arg-type]
        if mended_by_a_copy:
            place(guest.gateway.shell, tlscopy.look(old, guest.gateway, web=False, smtp=True).change)
            assert not tlscopy.look(old, guest.gateway, web=False, smtp=True).change
        assert undone(guest) == before


class _Dying:
    """The guest's shell until the second of the new files is to be put in place."""

    def __init__(self, gateway: tlscopy.Gateway) -> None:
        self._shell, self._placed = gateway.shell, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._shell, name)

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        for file in files:
            self._placed += file.path != RECORD
            if self._placed == 2:
                raise ConnectionResetError
            self._shell.install(file)


def test_what_cannot_be_carried_over_is_refused_with_what_to_do(
    guest: Guest, giving: Callable[[Side], tlscopy.Gateway], tmp_path: Path
) -> None:
    smtp = AUTHORITY.issue("ECDSA")
    locked = Side(
        {"/etc/postfix/tls.pem": smtp.key_pem(WORD) + smtp.chain_pem}, ("smtpd_tls_cert_file=/etc/postfix/tls.pem",)
    )
    with pytest.raises(BadKeys, match=r"/etc/postfix/tls\.pem: the private key is encrypted"):
        tlscopy.look(giving(locked), guest.gateway, web=False, smtp=True)
    words = ["-storetype", "JKS", "-storepass", WORD, "-keypass", WORD, "-dname", "CN=x", "-keyalg", "EC"]
    subprocess.run(
        ["keytool", "-genkeypair", "-alias", "x", "-keystore", tmp_path / "j", *words], check=True, capture_output=True
    )
    java = Side({STORE: (tmp_path / "j").read_bytes()}, web=(store_at(STORE),))
    with pytest.raises(BadKeys, match="this is a Java key store") as refused:
        tlscopy.look(giving(java), guest.gateway, web=True, smtp=False)
    assert "keytool -importkeystore" in refused.value.hint


def test_the_command_line_shows_copies_and_undoes(
    lab: Lab, old: ProcessLab, guest: Guest, giving: Callable[[Side], tlscopy.Gateway], tmp_path: Path
) -> None:
    wanted, laid = rc2_store_and_combined_pem(tmp_path), AUTHORITY.issue("ECDSA")
    guest.lay(dataclasses.replace(wanted.new, files={**wanted.new.files, "/etc/postfix/tls.pem": laid.pem}))
    giving(wanted.old)
    before = guest.state()
    (tmp_path / "vmmigrate.toml").write_text(_toml(settings(lab, old)))

    def vmmigrate(*argv: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", "from vmmigrate.cli import main; main()", "tls", *argv]
        return subprocess.run(
            words,
            cwd=tmp_path,
            env=environ(lab) | {"PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
        )

    done = vmmigrate("copy", old.address, lab.old.address, "--yes")
    assert done.returncode == 0, done.stderr
    assert "web: /usr/share/djigzo-web/ssl/sslCertificate.p12" in done.stdout
    assert "SMTP STARTTLS shows the old certificate" in done.stdout
    assert wanted.findings[0] in done.stdout
    assert shown(guest, wanted) == expected(wanted)
    seen = json.loads(vmmigrate("show", lab.old.address, "--json").stdout)
    found = {each["port"]: each["shown"][0]["sha256"] for each in seen["ports"] if each["shown"]}
    assert found == {8443: wanted.shows[8443][""].shown[0], 25: wanted.shows[25][""].shown[0]}
    undone = vmmigrate("undo", lab.old.address)
    assert (undone.returncode, guest.state()) == (0, before), undone.stderr
    assert "console shows its previous certificate" in undone.stdout
    assert shown_at(lab.old.address, 25, starttls=True) == laid.shown


def _toml(values: Mapping[str, object]) -> str:
    old, new, limits = (values[name] for name in ("old", "new", "limits"))
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    assert isinstance(limits, dict)
    return (
        f"[old.ssh]\nport = {old['ssh']['port']}\nhost_key = {json.dumps(old['ssh']['host_key'])}\n"
        f"[new.ssh]\nhost_key = {json.dumps(new['ssh']['host_key'])}\n[limits]\nrestart = {limits['restart']}\n"
    )


def test_the_stand_in_s_postconf_prints_what_the_real_one_does(guest: Guest, tmp_path: Path) -> None:
    guest.lay(overriding_services(tmp_path).new)
    setting = "submission/inet/smtpd_tls_chain_files=/a,/b"
    said = guest.root(f"postconf -M; echo ==; postconf -P; postconf -P {shlex.quote(setting)}; echo ==; cat {MASTER}")
    real = [[line.rstrip() for line in part.splitlines()] for part in said.split("==\n")]
    text = guest.master + overriding_services(tmp_path).new.services
    assert mastercf.listed(text) == real[0]
    assert mastercf.overrides_listed(text) == real[1]
    assert [line.rstrip() for line in mastercf.changed(text, [setting]).splitlines()] == real[2]
