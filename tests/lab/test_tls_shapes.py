"""`tls copy` onto the appliance's own programs for each shape of pairs, proved by openssl, undone byte for byte.

The old side is a process lab's gateway, whose files are as the shape wants them. The new side is the lab's old gateway
in a container: Postfix, sshd, sudo, systemd and OpenSSL are real, Tomcat is the stand-in that reads server.xml as it
does. test_tls_copy.py has a shape in the emulated guest.
"""

import dataclasses
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from certified import shown_at
from tls_shapes import APART, AUTHORITY, MASTER, SHAPES, STORE, WORD, Shape, Side, overriding_services, store_at
from tls_sides import Aim, Guest, expected, shown

from fixtures import lab as labs
from fixtures.appliance import mastercf
from fixtures.lab import Lab
from fixtures.lab.container import booted
from hypervisors import NotYet, wait_for
from vmmigrate.alone import tls_copy as tlscopy
from vmmigrate.appliance.port import NewFile
from vmmigrate.appliance.tls.placing import RECORD, forget, place, put_back
from vmmigrate.errors import BadKeys, RolledBack

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def aim(lab: Lab) -> Iterator[Aim]:
    """Joined to the lab's network, as this process is."""
    with booted(labs.folders(), print) as container:
        wait_for("the container", lambda: answers(container.address), timeout=180, clears="see container.log")
        yield Aim(container.address, container.host_key)


def answers(address: str) -> None:
    for port in (22, 25, 8443):
        try:
            socket.create_connection((address, port), 5).close()
        except OSError as error:
            raise NotYet(f"port {port}: {error}") from error


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


def test_the_stand_in_s_postconf_prints_what_the_real_one_does(guest: Guest, tmp_path: Path) -> None:
    guest.lay(overriding_services(tmp_path).new)
    setting = "submission/inet/smtpd_tls_chain_files=/a,/b"
    said = guest.root(f"postconf -M; echo ==; postconf -P; postconf -P {shlex.quote(setting)}; echo ==; cat {MASTER}")
    real = [[line.rstrip() for line in part.splitlines()] for part in said.split("==\n")]
    text = guest.master + overriding_services(tmp_path).new.services
    assert list(mastercf.listed(text)) == real[0]
    assert list(mastercf.overrides_listed(text)) == real[1]
    assert [line.rstrip() for line in mastercf.changed(text, [setting]).splitlines()] == real[2]
