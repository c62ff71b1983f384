"""The shell against the stand-in's sshd: verified before anything is sent, one log-in, files in place atomically."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import paramiko
import pytest
from stand_in import LIVE_MAC, SSH_PORT, Guest, fresh_guest, login_of, old_guest

from fixtures.appliance import commands
from hypervisors import LoginRefused, NotYet, Secret, TrustRefused, Unreachable, Unusable, wait_for
from hypervisors.wire.ssh import SshServer, fingerprint_of_key, host_key_seen
from vmmigrate.addressing import addressing
from vmmigrate.appliance import database, family, mail, units
from vmmigrate.appliance.net import firewall, network
from vmmigrate.appliance.port import Account, FileMeta, NewFile
from vmmigrate.appliance.ssh.shell import SEEN_AS, SshShell
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.appliance.tls import layout
from vmmigrate.appliance.tls.handshake import Expected, await_served, served
from vmmigrate.appliance.tls.placing import RECORD, Change, forget, place, put_back
from vmmigrate.errors import CommandFailed

pytestmark = pytest.mark.slow

PEM = FileMeta("0600", "root", "root")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Guest]:
    with old_guest(tmp_path) as guest:
        yield guest


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Guest]:
    with fresh_guest(tmp_path) as guest:
        yield guest


def test_commands_run_as_the_account_as_root_and_as_another(old: Guest) -> None:
    with old.shell() as shell:
        assert shell.run(["echo", "a  b", "$x;'"]).stdout == "a  b $x;'\n"
        assert shell.run(["cat", "/etc/postfix/tls.pem"], check=False).status == 1
        assert "PRIVATE KEY" in shell.run(["cat", "/etc/postfix/tls.pem"], user="root").stdout
        assert shell.run(["psql", "-X", "-A", "-t", "-d", "djigzo", "-c", "SELECT 1"], user="postgres", check=False)
        assert shell.own_address().startswith("127.")


def test_a_failing_command_tells_its_words(old: Guest) -> None:
    with old.shell() as shell, pytest.raises(CommandFailed) as failed:
        shell.run(["cat", "/nowhere"], user="root")
    assert str(failed.value) == (
        f"on {old.address}: `cat /nowhere` ended with status 1: cat: /nowhere: No such file or directory"
    )


def test_a_file_is_put_in_place_with_its_owner_and_no_trace(old: Guest) -> None:
    data = bytes(range(256)) * 1000
    with old.shell() as shell:
        shell.install(NewFile("/etc/postfix/tls.pem", data, FileMeta("0640", "tomcat", "djigzo")))
        assert shell.read_file("/etc/postfix/tls.pem") == data
        assert shell.file_meta("/etc/postfix/tls.pem") == FileMeta("0640", "tomcat", "djigzo")
        assert shell.file_meta("/nowhere") is None
        assert shell.run(["ls", "-1", "/tmp"]).stdout == ""
        assert "vmmigrate" not in shell.run(["ls", "-1", "/etc/postfix"], user="root").stdout


def test_a_file_that_cannot_be_put_leaves_no_trace_either(old: Guest) -> None:
    with old.shell() as shell:
        with pytest.raises(CommandFailed):
            shell.install(NewFile("/nowhere/at/all", b"x", PEM))
        assert shell.run(["ls", "-1", "/tmp"]).stdout == ""


def test_an_unknown_key_is_refused_with_its_fingerprint(old: Guest) -> None:
    seen = host_key_seen(old.address, old.ssh_port)
    shell = SshShell(SshServer(old.address, old.ssh_port), login_of(old.sa))
    with pytest.raises(TrustRefused, match=seen.fingerprint.replace("+", r"\+")) as refused:
        shell.run(["true"])
    assert "pin the right one" in refused.value.hint


def test_a_wrong_pin_is_refused_before_the_password_is_sent(old: Guest) -> None:
    wrong = "SHA256:" + "A" * 43
    bad_account = Account("sa", Secret("would be refused"))
    with pytest.raises(TrustRefused, match="expected was SHA256:AAAA"):
        SshShell(SshServer(old.address, old.ssh_port, host_key=wrong), login_of(bad_account)).run(["true"])


def test_pins_by_key_line_by_fingerprint_and_by_known_hosts(old: Guest, tmp_path: Path) -> None:
    seen = host_key_seen(old.address, old.ssh_port)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[{old.address}]:{old.ssh_port} {seen.line}\nother.example.test {seen.line}\n")
    for shell in (
        SshShell(SshServer(old.address, old.ssh_port, host_key=f"{seen.line} root@mailgw"), login_of(old.sa)),
        SshShell(SshServer(old.address, old.ssh_port, host_key=f"{seen.fingerprint}="), login_of(old.sa)),
        SshShell(SshServer(old.address, old.ssh_port, known_hosts=known_hosts), login_of(old.sa)),
    ):
        shell.run(["true"])
        shell.close()
    assert fingerprint_of_key(old.machine.root.text("/etc/ssh/ssh_host_ed25519_key.pub")) == seen.fingerprint


def test_what_is_no_key_is_told(old: Guest, tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="is not a public key"):
        fingerprint_of_key("ssh-ed25519 not-base64")
    with pytest.raises(Unusable, match="cannot read"):
        SshShell(SshServer(old.address, old.ssh_port, known_hosts=tmp_path / "none"), login_of(old.sa)).run(["true"])


def test_a_refused_password_is_tried_once(old: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []
    with old.shell(Account("sa", Secret("wrong"))) as shell:
        monkeypatch.setattr("paramiko.Transport.auth_password", _counting(attempts))
        for _time in range(3):
            with pytest.raises(LoginRefused, match="refused 'sa'"):
                shell.run(["true"])
    assert attempts == ["sa"]


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"no SSH session with 127\.65\.0\.9:2222"):
        host_key_seen("127.65.0.9", 2222)


def test_a_dead_session_is_made_anew_by_the_next_call(old: Guest) -> None:
    with old.shell() as shell:
        shell.run(["true"], user="root")
        before = units.boot_id(shell)
        reboot(shell)
        assert units.boot_id(shell) != before


def test_a_connections_own_address_is_asked_once_and_again_of_the_next(
    old: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[str]] = []
    run = SshShell.run
    monkeypatch.setattr(SshShell, "run", lambda shell, argv, **how: asked.append(argv) or run(shell, argv, **how))
    with old.shell() as shell:
        assert [shell.seen_address() for _ in range(2)] == ["127.0.0.1"] * 2
        assert asked == [SEEN_AS]
        reboot(shell)
        asked.clear()
        assert shell.seen_address() == "127.0.0.1"
        assert asked == [SEEN_AS]


def test_no_secret_shows(old: Guest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with old.shell() as shell:
        shell.run(["true"], user="root")
        assert old.sa.password.reveal() not in repr(vars(shell))
    assert old.sa.password.reveal() not in caplog.text


def test_what_the_old_appliance_is_is_read_without_a_change(old: Guest) -> None:
    before = _files(old)
    with old.shell() as shell:
        software = family.detect(shell)
        bundle = tls.collect(shell, software)
        facts = database.read_database(shell, b"k")
        seen = network.read_network(shell)
        settings = mail.settings(shell)
        assert (software.family, software.units.web) == ("5.x", "tomcat9")
        assert units.unit_states(shell, software.units.restart_order) == dict.fromkeys(
            software.units.restart_order, "active"
        )
        assert mail.queues(shell).total == 0
    assert bundle.web[0].fingerprint == served(old.address, 8443, starttls=False).fingerprint
    assert bundle.smtp[0].fingerprint == served(old.address, old.smtp_port, starttls=True).fingerprint
    assert facts.tables["cm_users"].count > 0
    assert facts.certificates
    assert [str(each) for each in seen.by_mac(LIVE_MAC).addresses] == [f"{old.address}/24"]
    assert (seen.hostname, seen.fqdn) == ("mailgw", "mailgw.example.test")
    assert settings["maximal_queue_lifetime"] == "3d"
    assert mail.banner(old.address, old.smtp_port).endswith("ESMTP CipherMail")
    assert _files(old) == before


def test_a_pair_is_installed_and_served(old: Guest, fresh: Guest) -> None:
    with old.shell() as shell:
        bundle = tls.collect(shell, family.detect(shell))
    with fresh.shell() as shell:
        software = family.detect(shell)
        layout.install(shell, software, bundle)
        layout.apply_installed(shell, software)
        meta = shell.file_meta("/usr/share/djigzo-web/ssl/sslCertificate.p12")
    assert meta == FileMeta("0640", "tomcat", "djigzo")
    (web,), (smtp,) = bundle.web, bundle.smtp
    ports = (
        Expected("console", 8443, False, {web.kind: web.fingerprint}),
        Expected("SMTP", fresh.smtp_port, True, {smtp.kind: smtp.fingerprint}),
    )
    shown = [await_served(fresh.address, port, port.leaves()[0], timeout=10) for port in ports]
    assert tuple(each.chain_length for each in shown) == (1 + len(web.chain), 1 + len(smtp.chain))


def test_isolation_holds_through_a_reboot_and_is_lifted_without_trace(fresh: Guest) -> None:
    before = _files(fresh)
    with fresh.shell() as shell:
        firewall.isolate(shell, (shell.own_address(),))
        reboot(shell)
        assert firewall.is_isolated(shell)
        assert mail.banner(fresh.address, fresh.smtp_port)
        firewall.isolate(shell, ("198.51.100.9", shell.own_address()))
        firewall.remove_isolation(shell)
        assert not firewall.is_isolated(shell)
    assert _files(fresh).keys() == before.keys()


def test_a_closed_intake_refuses_whom_it_does_not_know(old: Guest) -> None:
    before = _files(old)
    with old.shell() as shell:
        firewall.close_intake(shell, firewall.lay_intake(shell))
        with pytest.raises(Unreachable):
            mail.banner(old.address, old.smtp_port)
        firewall.close_intake(shell, firewall.lay_intake(shell, (shell.own_address(),)))
        assert mail.banner(old.address, old.smtp_port)
        firewall.open_intake(shell)
        firewall.open_intake(shell)
        assert not firewall.intake_closed(shell)
    assert mail.banner(old.address, old.smtp_port)
    assert _files(old) == before


def test_the_live_nic_is_configured_while_its_link_is_down(fresh: Guest) -> None:
    with fresh.shell() as shell:
        for _time in range(2):
            network.configure_live(
                shell,
                network.look_at(shell),
                LIVE_MAC,
                addressing("127.65.200.1/24", "127.65.200.254"),
                hostname="mailgw",
                fqdn="mailgw.example.test",
            )
        reboot(shell)
        seen = network.read_network(shell)
        otherwise = network.differences(shell, LIVE_MAC, addressing("127.65.200.1/24", "127.65.200.254"))
    assert otherwise == ()
    assert (seen.hostname, seen.fqdn) == ("mailgw", "mailgw.example.test")


def reboot(shell: SshShell) -> None:
    """Returns when the guest answers with another boot id."""
    before = units.boot_id(shell)
    with suppress(Unreachable):  # it was quicker than its answer
        shell.run(["systemctl", "reboot"], user="root")

    def probe() -> None:
        try:
            now = units.boot_id(shell)
        except Unreachable as error:
            raise NotYet(str(error)) from error
        if now == before:
            raise NotYet("the same boot")

    wait_for("a reboot", probe, timeout=20, clears="", pause=0.02)


def _files(guest: Guest) -> dict[str, bytes]:
    """The root's files, but for what a session itself leaves."""
    folder = guest.machine.root.folder
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "boot_id" not in path.name and "standin" not in path.parts
    }


def _counting(attempts: list[str]) -> Callable[..., list[str]]:
    real = paramiko.Transport.auth_password

    def auth_password(self: paramiko.Transport, user: str, password: str, **more: bool) -> list[str]:
        attempts.append(user)
        return list(real(self, user, password, **more))  # type: ignore[arg-type]

    return auth_password


def test_a_file_that_cannot_take_its_place_leaves_no_key_beside_it(old: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(commands.COMMANDS, "mv", lambda caller, words: commands.Outcome(1, error="mv: no"))
    with old.shell() as shell:
        with pytest.raises(CommandFailed, match="mv: no"):
            shell.install(NewFile("/etc/postfix/tls.pem", b"x", PEM))
        assert "vmmigrate" not in shell.run(["ls", "-1", "/etc/postfix"], user="root").stdout


CHANGE = Change((NewFile("/etc/postfix/tls.pem", b"-----BEGIN PRIVATE KEY-----", PEM),))


def killed_at_each_command(old: Guest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After a place whose session was killed at the guest's first command, its second, and so on to its last."""
    run, key = commands.run, host_key_seen(old.address, SSH_PORT)
    for number in count(1):
        left = iter(range(number))

        def mortal(caller: commands.Caller, words: list[str], left: Iterator[int] = left) -> commands.Outcome:
            if words[0] not in ("sudo", "sh") and next(left, None) is None:
                raise EOFError  # not one more is run, not even to clean up
            return run(caller, words)

        with closing(SshShell(SshServer(old.address, SSH_PORT, host_key=key.fingerprint), login_of(old.sa))) as shell:
            shell.run(["true"])
            with monkeypatch.context() as patched:
                patched.setattr(commands, "run", mortal)
                try:
                    place(shell, CHANGE)
                except Unreachable:
                    pass
                else:
                    return
        yield


def test_nothing_is_left_by_an_undo_after_a_kill_at_any_command(old: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _files(old)
    left: set[str] = set()
    with old.shell() as shell:
        for _killed in killed_at_each_command(old, monkeypatch):
            left |= _files(old).keys() - before.keys()
            put_back(shell)
            forget(shell)
            assert _files(old) == before
            assert shell.run(["ls", "-1", "/tmp"]).stdout == ""
    assert "etc/postfix/tls.pem.before-vmmigrate" in left
    assert any(path.startswith("etc/postfix/.vmmigrate-new.") for path in left)


def test_nor_by_a_second_try(old: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {*_files(old), RECORD.removeprefix("/"), "etc/postfix/tls.pem.before-vmmigrate"}
    with old.shell() as shell:
        for _killed in killed_at_each_command(old, monkeypatch):
            place(shell, CHANGE)
            assert _files(old).keys() == names
            put_back(shell)
            forget(shell)
