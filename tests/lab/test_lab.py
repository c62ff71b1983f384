"""The lab holds what it promises: the old gateway's real parts answer, and every way back leads to the start."""

import base64
import hashlib
import os
import smtplib
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import libvirt
import paramiko
import pytest

from fixtures import lab as labs
from fixtures.lab import Folders, Lab
from fixtures.lab.lab import start_empty
from fixtures.lab.namespace import first_process, is_alive
from hypervisors import NotYet, wait_for

pytestmark = pytest.mark.lab

PACKAGES = r"dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'"
COUNTS = (
    "SELECT (SELECT count(*) FROM cm_users), (SELECT count(*) FROM cm_certificates),"
    " (SELECT count(*) FROM cm_keystore), (SELECT count(*) FROM cm_admins)"
)


@pytest.fixture
def ssh(lab: Lab) -> Iterator[paramiko.SSHClient]:
    """Logged in to the old VM, which shows the host key that the lab noted."""
    kind, key = lab.old.host_key.split()
    account = lab.old.ssh
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(lab.old.address, kind, paramiko.Ed25519Key(data=base64.b64decode(key)))
        client.connect(
            lab.old.address,
            username=account.user,
            password=account.password,
            allow_agent=False,
            look_for_keys=False,
        )
        yield client


def ask(ssh: paramiko.SSHClient, command: str, password: str = "") -> str:
    """Standard output of `command`; with a password as root through sudo."""
    line = f"sudo -k -S -p '' -- {command}" if password else command
    stdin, stdout, stderr = ssh.exec_command(line, timeout=30)
    stdin.write(password + "\n")
    stdin.channel.shutdown_write()
    output: str = stdout.read().decode()
    assert stdout.channel.recv_exit_status() == 0, stderr.read().decode()
    return output


def leaf(socket: ssl.SSLSocket) -> str:
    certificate = socket.getpeercert(binary_form=True)
    assert certificate
    return hashlib.sha256(certificate).hexdigest()


def test_the_old_release_is_told_by_its_packages(lab: Lab, ssh: paramiko.SSHClient) -> None:
    told = ask(ssh, f"{PACKAGES} djigzo djigzo-web ciphermail-core-os-debian")

    assert sorted(told.splitlines()) == [
        f"{name} {lab.old.release} installed" for name in ("ciphermail-core-os-debian", "djigzo", "djigzo-web")
    ]


def test_the_units_of_the_real_appliance_run(lab: Lab, ssh: paramiko.SSHClient) -> None:
    told = ask(ssh, "systemctl is-active postfix tomcat9 ciphermail-gateway-backend postgresql ssh qemu-guest-agent")

    assert told.split() == ["active"] * 6


def test_the_database_holds_the_seed(lab: Lab, ssh: paramiko.SSHClient) -> None:
    told = ask(ssh, f'runuser -u postgres -- psql -X -A -t -d djigzo -c "{COUNTS}"', lab.old.ssh.password)

    assert told == "6|6|6|1\n"


def test_the_console_serves_its_log_in_page_with_the_authoritys_certificate(lab: Lab) -> None:
    context = ssl.create_default_context(cafile=lab.ca_file)
    url = f"https://{lab.old.address}:8443/ciphermail/"

    with urllib.request.urlopen(url, timeout=20, context=context) as answer:
        page = answer.read().decode()

    assert "CipherMail Email Encryption Gateway login" in page
    assert 'type="password"' in page


def test_postfix_shows_the_authoritys_certificate_after_starttls(lab: Lab) -> None:
    with smtplib.SMTP(lab.old.address, timeout=20) as smtp:
        smtp.starttls(context=ssl.create_default_context(cafile=lab.ca_file))
        assert isinstance(smtp.sock, ssl.SSLSocket)
        seen = leaf(smtp.sock)

    assert seen == lab.old.smtp_fingerprint


def test_a_mail_passes_the_agent_and_reaches_the_smarthost(world: Lab) -> None:
    with smtplib.SMTP(world.old.address, timeout=20) as smtp:
        smtp.sendmail("sender@example.org", ["alice@example.test"], "Subject: through the agent\r\n\r\nhello\r\n")

    arrived = wait_for("the mail", lambda: first_mail(world), timeout=180, clears="see the old VM's journal")

    assert "Subject: through the agent" in arrived
    assert arrived.count(f"by {world.old.hostname}") == 2  # on 25 and, back from the agent, on 10026


def first_mail(lab: Lab) -> str:
    for message in Path(lab.mail).glob("*.eml"):
        return message.read_text()
    raise NotYet("nothing in the smarthost's folder")


def test_a_reset_brings_the_old_vm_back_and_removes_all_else(lab: Lab, ssh: paramiko.SSHClient) -> None:
    ask(ssh, "touch /root/changed", lab.old.ssh.password)
    connection = libvirt.open(lab.socket_uri)
    pool = connection.storagePoolLookupByName(lab.pool)
    pool.createXML("<volume><name>stray</name><capacity>512</capacity></volume>")
    connection.defineXML(
        "<domain type='qemu'><name>stray</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    old = connection.lookupByName(lab.old.name)
    old.destroy()
    old.setAutostart(True)

    labs.reset(labs.folders())

    assert [domain.name() for domain in connection.listAllDomains()] == [lab.old.name]
    assert pool.listVolumes() == [f"{lab.old.name}.qcow2"]
    assert (old.isActive(), old.autostart()) == (True, False)
    assert new_login_sees(lab, "ls /root") == ""
    connection.close()


def new_login_sees(lab: Lab, command: str) -> str:
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        account = lab.old.ssh
        client.connect(
            lab.old.address,
            username=account.user,
            password=account.password,
            allow_agent=False,
            look_for_keys=False,
        )
        return ask(client, command, account.password)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_down_leaves_neither_process_nor_folder_nor_mount(tmp_path: Path) -> None:
    place = Folders(tmp_path / "lab", labs.folders().cache)
    place.lab.mkdir()
    start_empty(place, print)
    inside = namespace_of(first_process(place))
    assert processes_in(inside)
    mounts = Path("/proc/self/mounts").read_text()

    labs.down(place)

    assert not is_alive(place)
    assert processes_in(inside) == []
    assert not place.lab.exists()
    assert str(tmp_path) not in mounts


def namespace_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())


def processes_in(namespace: str) -> list[str]:
    """Ids of what lives in that process namespace; a zombie has left it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "ns/pid").readlink()) == namespace:
                found.append(entry.name)
        except OSError:  # ended meanwhile
            continue
    return found
