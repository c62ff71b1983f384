"""A guest of the process lab over SSH and SMTP: commands, sudo, files, units, firewall, mail, reboot."""

import io
import shlex
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from queue import SimpleQueue

import paramiko
import pytest

from fixtures.appliance import mailspool, seed
from fixtures.appliance.listener import Listener
from fixtures.processlab import ProcessLab, process_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    with process_lab(tmp_path_factory.mktemp("guest")) as made:
        yield made


class Ssh:
    """A client that shares nothing with the product's."""

    def __init__(self, lab: ProcessLab) -> None:
        plain = socket.create_connection((lab.address, lab.ssh_port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport = paramiko.Transport(plain)
        self.transport.start_client(timeout=60)
        self.account = lab.sa_old
        self.transport.auth_password(self.account.user, self.account.password)

    def __call__(self, line: str, stdin: bytes = b"") -> tuple[int, str, str]:
        """Status, output, errors."""
        channel = self.transport.open_session(timeout=60)
        channel.exec_command(line)
        if stdin:
            channel.sendall(stdin)
        channel.shutdown_write()
        out, error = channel.makefile("rb").read(), channel.makefile_stderr("rb").read()
        return channel.recv_exit_status(), out.decode(), error.decode()

    def root(self, line: str, user: str = "root") -> str:
        """Output of a command that succeeds."""
        sudo = f"sudo -k -S -p '' -u {user} -- {line}"
        status, out, error = self(sudo, self.account.password.encode() + b"\n")
        assert status == 0, (line, status, out, error)
        return out

    def put(self, path: str, text: str) -> None:
        folder = self("mktemp -d /tmp/test.XXXXXXXX")[1].strip()
        with paramiko.SFTPClient.from_transport(self.transport) as sftp:  # type: ignore[union-attr]
            sftp.putfo(io.BytesIO(text.encode()), f"{folder}/f")
        self.root(f"install -m 0644 -o root -g root {folder}/f {path}")
        self(f"rm -rf {folder}")


@pytest.fixture
def ssh(lab: ProcessLab) -> Iterator[Ssh]:
    client = Ssh(lab)
    yield client
    client.transport.close()


def smtp_is_open(lab: ProcessLab, source: str = "127.0.0.1") -> bool:
    try:
        with socket.create_connection((lab.address, lab.smtp_port), 5, (source, 0)) as connection:
            return connection.recv(3) == b"220"
    except ConnectionError:
        return False


def test_the_host_key_is_the_roots(lab: ProcessLab, ssh: Ssh) -> None:
    assert ssh.transport.get_remote_server_key().fingerprint == lab.host_key
    assert lab.root_of(lab.old_id).text("/etc/ssh/ssh_host_ed25519_key.pub").startswith("ssh-ed25519 ")


def test_a_wrong_password_is_refused(lab: ProcessLab) -> None:
    transport = paramiko.Transport((lab.address, lab.ssh_port))
    transport.start_client(timeout=60)
    with pytest.raises(paramiko.AuthenticationException):
        transport.auth_password("sa", "wrong")
    transport.close()


def test_sudo_wants_the_password_first(ssh: Ssh) -> None:
    assert ssh("sudo -k -n true") == (1, "", "sudo: a password is required\n")
    assert ssh("sudo -k -S -p '' -- true", b"wrong\n")[0] == 1
    assert ssh("sudo -k -S -p '' -- true")[2] == "sudo: no password was provided\nsudo: a password is required\n"
    assert ssh.root("cat /etc/hostname") == "mailgw\n"


def test_who_is_not_root_may_not_read_or_write_everything(ssh: Ssh) -> None:
    assert ssh("cat /etc/postfix/tls.pem") == (1, "", "cat: /etc/postfix/tls.pem: Permission denied\n")
    assert ssh("rm -f /etc/hostname")[0] == 1
    assert ssh("systemctl restart postfix")[0] == 1
    assert ssh("/usr/sbin/nft list table inet x")[0] == 1
    assert ssh("nft list table inet x")[0] == 127  # not on its path
    with pytest.raises(PermissionError):
        paramiko.SFTPClient.from_transport(ssh.transport).open("/etc/passwd2", "w")  # type: ignore[union-attr]


def test_files_are_put_in_place_with_mode_and_owner(ssh: Ssh) -> None:
    folder = ssh("mktemp -d /tmp/vmmigrate.XXXXXXXX")[1].strip()
    assert ssh(f"stat -c '%a %U %G' {folder}")[1] == "700 sa sa\n"
    data = bytes(range(256)) * 5000
    with paramiko.SFTPClient.from_transport(ssh.transport) as sftp:  # type: ignore[union-attr]
        sftp.putfo(io.BytesIO(data), f"{folder}/data")
    ssh.root(f"install -m 0640 -o tomcat -g djigzo {folder}/data /etc/fresh.new")
    ssh.root("mv -f -T /etc/fresh.new /etc/fresh")
    assert ssh("rm -rf " + folder)[0] == 0
    assert ssh("stat -c '%a %U %G' /etc/fresh")[1] == "640 tomcat djigzo\n"
    assert ssh("test -e /etc/fresh.new")[0] == 1
    assert ssh.root("sha256sum /etc/fresh").endswith("  /etc/fresh\n")
    assert ssh(f"test -e {folder}")[0] == 1
    ssh.root("rm -f /etc/fresh")


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("echo a 'b c'", "a b c\n"),
        ("hostname", "mailgw\n"),
        ("which nft ifup sha256sum", "/usr/sbin/nft\n/usr/sbin/ifup\n/usr/bin/sha256sum\n"),
        ("systemctl is-active postfix tomcat9 nothing", "active\nactive\ninactive\n"),
        ("systemctl is-system-running", "running\n"),
        ("systemctl list-unit-files --no-legend --plain 'tomcat*'", "tomcat9.service enabled enabled\n"),
        ("systemctl show -p ActiveState --value ssh", "active\n"),
        ("/usr/sbin/nft --version", "nftables v1.0.6 (Lester Gooch #5)\n"),
        (
            "/usr/sbin/postconf -h smtpd_tls_cert_file smtpd_tls_key_file smtpd_tls_chain_files",
            "/etc/postfix/tls.pem\n$smtpd_tls_cert_file\n\n",
        ),
    ],
)
def test_commands_that_ask(ssh: Ssh, line: str, out: str) -> None:
    status, seen, _ = ssh(line)
    assert (status, seen) == (0, out)


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ("rpm -q djigzo", 127, "bash: line 1: rpm: command not found\n"),
        ("cat /nothing", 1, "cat: /nothing: No such file or directory\n"),
        ("ls -1 /nothing", 2, "ls: cannot access '/nothing': No such file or directory\n"),
        ("psql -X -A -t -d djigzo -c 'SELECT 1'", 2, None),
    ],
)
def test_commands_that_fail(ssh: Ssh, line: str, status: int, error: str | None) -> None:
    seen = ssh(line)
    assert seen[0] == status
    assert error is None or seen[2] == error


def test_versions_are_told_and_an_unknown_package_makes_the_status_one(ssh: Ssh) -> None:
    form = "'${Package} ${Version} ${db:Status-Status}\\n'"
    status, out, error = ssh(f"dpkg-query -W -f {form} djigzo djigzo-postgres djigzo-web")
    assert status == 1
    assert out == "djigzo 5.4.1.0gdeadbee0 installed\ndjigzo-web 5.4.1.0gdeadbee0 installed\n"
    assert error == "dpkg-query: no packages found matching djigzo-postgres\n"


def test_the_database_answers_postgres_alone(ssh: Ssh) -> None:
    queries = ["-c", "SELECT cm_alias FROM cm_keystore ORDER BY 1", "-c", "SELECT count(*) FROM cm_users"]
    out = ssh.root(shlex.join(["psql", "-X", "-A", "-t", "-d", "djigzo", *queries]), user="postgres")
    assert out.splitlines() == [*sorted(f"{user}-key" for user in seed.USERS), "6"]


@pytest.mark.parametrize(("option", "status", "out"), [("", 0, "6\n"), ("-v ON_ERROR_STOP=1", 1, "")])
def test_a_failed_statement_ends_psql_only_where_it_is_to(ssh: Ssh, option: str, status: int, out: str) -> None:
    """As PostgreSQL 15's: without the option it goes on, and its status is the last statement's."""
    queries = "-c 'SELECT count(*) FROM cm_gone' -c 'SELECT count(*) FROM cm_users'"
    line = f"sudo -k -S -p '' -u postgres -- psql -X -A -t {option} -d djigzo {queries}"
    seen = ssh(line, ssh.account.password.encode() + b"\n")
    assert seen[:2] == (status, out)
    assert "cm_gone" in seen[2]


def test_a_stopped_database_answers_nobody(ssh: Ssh) -> None:
    ssh.root("systemctl stop postgresql")
    line = "sudo -k -S -p '' -u postgres -- psql -X -A -t -d djigzo -c 'SELECT count(*) FROM cm_users'"
    assert ssh(line, ssh.account.password.encode() + b"\n")[0] == 2
    ssh.root("systemctl start postgresql")


def test_postfix_says_its_banner_and_takes_mail(lab: ProcessLab) -> None:
    with smtplib.SMTP(lab.address, lab.smtp_port, local_hostname="client") as smtp:
        assert smtp.noop()[0] == 250
        smtp.sendmail("a@example.net", ["b@example.test"], "Subject: one\r\n\r\n..dots\r\n.\r\n")
    assert mailspool.delivered(lab.root_of(lab.old_id))[-1] == "Subject: one\r\n\r\n..dots\r\n.\r\n"
    with socket.create_connection((lab.address, lab.smtp_port)) as plain:
        assert plain.recv(100) == b"220 mailgw.example.test ESMTP CipherMail\r\n"


def starttls_leaf(lab: ProcessLab) -> bytes:
    context = ssl.create_default_context(cadata=seed.ca_pem().decode())
    with smtplib.SMTP(lab.address, lab.smtp_port, local_hostname="client") as smtp:
        smtp.starttls(context=context)
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return smtp.sock.getpeercert(binary_form=True) or b""


def test_tls_files_are_read_at_the_handshake(lab: ProcessLab, ssh: Ssh) -> None:
    assert starttls_leaf(lab) == ssl.PEM_cert_to_DER_cert(_first_certificate(seed.smtp_pem(lab.address)))
    ssh.root("mv -f -T /etc/postfix/tls.pem /etc/postfix/away.pem")
    ssh.root("postfix check")  # sees nothing wrong
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        starttls_leaf(lab)
    assert refused.value.smtp_code == 454
    ssh.root("mv -f -T /etc/postfix/away.pem /etc/postfix/tls.pem")
    assert starttls_leaf(lab)


def test_main_cf_takes_effect_on_reload(lab: ProcessLab, ssh: Ssh) -> None:
    ssh.root("postconf -e smtpd_banner=other")
    assert smtplib.SMTP(lab.address, lab.smtp_port, local_hostname="c").ehlo_resp is None
    assert _banner(lab) == "mailgw.example.test ESMTP CipherMail"
    ssh.root("postfix reload")
    assert _banner(lab) == "other"
    ssh.root("postconf -e 'smtpd_banner=$myhostname ESMTP CipherMail'")
    ssh.root("systemctl reload postfix")


def test_mail_waits_while_the_back_end_is_down(lab: ProcessLab, ssh: Ssh) -> None:
    ssh.root("systemctl stop ciphermail-gateway-backend")
    with smtplib.SMTP(lab.address, lab.smtp_port, local_hostname="client") as smtp:
        smtp.sendmail("a@example.net", ["b@example.test"], "Subject: two\r\n\r\n")
    (line,) = ssh.root("postqueue -j").splitlines()
    assert '"queue_name": "deferred"' in line
    assert "10025: Connection refused" in line
    ssh.root("systemctl start ciphermail-gateway-backend")
    ssh.root("postqueue -f")
    assert ssh.root("postqueue -j") == ""
    assert "Subject: two" in "".join(mailspool.delivered(lab.root_of(lab.old_id)))


def test_a_stuck_message_stays(lab: ProcessLab, ssh: Ssh) -> None:
    old = lab.root_of(lab.old_id)
    message = mailspool.put(old, "a@example.net", ["b@example.org"], "Subject: three\r\n\r\n", stuck=True)
    ssh.root("postqueue -f")
    assert message.id in ssh.root("postqueue -j")
    old.remove(f"{mailspool.QUEUE}/{message.id}.json")


def test_a_closed_intake_hears_only_whom_it_lists(lab: ProcessLab, ssh: Ssh) -> None:
    assert smtp_is_open(lab)
    ssh.put(
        "/etc/intake.nft",
        "table inet vmmigrate_intake {\n chain input {\n  type filter hook input priority -10; policy accept;\n"
        "  ip saddr { 127.0.0.2 } accept\n"
        "  tcp dport { 25, 465, 587 } ct state new reject with tcp reset\n }\n}\n",
    )
    with smtplib.SMTP(lab.address, lab.smtp_port, local_hostname="client") as under_way:
        ssh.root("nft -f /etc/intake.nft")
        assert not smtp_is_open(lab)
        assert smtp_is_open(lab, source="127.0.0.2")
        assert under_way.noop()[0] == 250
    assert "reject with tcp reset" in ssh.root("nft list table inet vmmigrate_intake")
    ssh.root("nft delete table inet vmmigrate_intake")
    assert smtp_is_open(lab)


def test_a_reboot_forgets_rules_and_runs_what_is_enabled(lab: ProcessLab, ssh: Ssh) -> None:
    rules = "table inet keep {\n}\n"
    unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f /etc/keep.nft\n"
    ssh.put("/etc/keep.nft", rules)
    ssh.put("/etc/systemd/system/keep.service", unit)
    ssh.root("systemctl daemon-reload")
    ssh.root("systemctl enable keep.service")
    ssh.put("/etc/other.nft", rules.replace("keep", "other"))
    ssh.root("nft -f /etc/other.nft")
    before = ssh.root("cat /proc/sys/kernel/random/boot_id")
    ssh.root("systemctl reboot")
    again = _after_reboot(lab, ssh)
    assert again.root("cat /proc/sys/kernel/random/boot_id") != before
    assert again.root("nft list tables") == "table inet keep\n"
    assert again("systemctl is-active keep postfix")[1] == "active\nactive\n"
    again.root("systemctl disable --now keep")
    assert again("systemctl is-active keep")[1] == "inactive\n"
    again.transport.close()


def _after_reboot(lab: ProcessLab, ssh: Ssh) -> Ssh:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if not ssh.transport.is_active():
                return Ssh(lab)
        except (OSError, paramiko.SSHException):
            pass
        time.sleep(0.01)
    raise TimeoutError("no reboot")


def _banner(lab: ProcessLab) -> str:
    with socket.create_connection((lab.address, lab.smtp_port)) as plain:
        return plain.recv(100).decode().removeprefix("220 ").strip()


def _first_certificate(pem: bytes) -> str:
    text = pem.decode()
    end = "-----END CERTIFICATE-----"
    return text[text.index("-----BEGIN CERTIFICATE") : text.index(end) + len(end)] + "\n"


def test_no_command_waits_for_a_late_acknowledgement() -> None:
    """By Nagle's rule each would wait for 40 ms."""
    seen: SimpleQueue[int] = SimpleQueue()

    def serve(connection: socket.socket, _peer: str) -> None:
        seen.put(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    listener = Listener("127.0.0.1", 0, serve)
    with socket.create_connection(("127.0.0.1", listener.port)):
        assert seen.get(timeout=30)
    listener.close()
