"""What ssh is called with, as ssh itself reads it; and what it runs on the other side, as shells run it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hypervisors import NotSupported, SshAccess
from hypervisors.kvm.ssh_command import NO_PROXY, command_line, remote_command
from hypervisors.kvm.transports import checked

URL = "qemu+ssh://root@kvm1/system"
NEEDS_SSH = pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh here")


def as_ssh_reads(url: str, access: SshAccess, folder: Path, configuration: str = "") -> dict[str, str]:
    """By `ssh -G`, which prints what holds."""
    (folder / "config").write_text(configuration)
    program, *arguments = command_line(checked(url), access)
    told = subprocess.run([program, "-G", "-F", str(folder / "config"), *arguments], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return dict(line.split(" ", 1) for line in told.stdout.splitlines() if " " in line)


@NEEDS_SSH
def test_nobody_is_asked_and_nobody_new_is_trusted_whatever_ssh_is_configured_with(tmp_path: Path) -> None:
    careless = (
        "Host *\n BatchMode no\n StrictHostKeyChecking no\n ControlPath /tmp/c\n ControlMaster auto\n"
        " LocalForward 4711 x:1\n RemoteCommand htop\n RequestTTY force\n ForwardAgent yes\n LogLevel QUIET\n"
        " UserKnownHostsFile /dev/null\n"
    )
    held = as_ssh_reads(URL, SshAccess(known_hosts=tmp_path / "k h"), tmp_path, careless)
    assert held["batchmode"] == "yes"
    assert held["stricthostkeychecking"] in ("yes", "true")
    assert held["userknownhostsfile"] == str(tmp_path / "k h")
    assert held["loglevel"] in ("DEBUG", "DEBUG1")
    assert held["requesttty"] == "false"
    assert held["forwardagent"] == "no"
    assert "controlpath" not in held or held["controlpath"] == "none"


@NEEDS_SSH
def test_the_way_to_the_host_is_ssh_configurations(tmp_path: Path) -> None:
    held = as_ssh_reads(URL, SshAccess(), tmp_path, "Host kvm1\n HostName 192.0.2.7\n Port 2222\n ProxyJump gate\n")
    assert (held["hostname"], held["port"], held["user"], held["proxyjump"]) == ("192.0.2.7", "2222", "root", "gate")


@NEEDS_SSH
def test_the_urls_own_words_go_before_it(tmp_path: Path) -> None:
    url = "qemu+ssh://a%40b@[2001:db8::1]:22022/system?keyfile=/keys/my%20key"
    held = as_ssh_reads(url, SshAccess(), tmp_path, "Host *\n Port 2222\n User other\n")
    assert (held["hostname"], held["port"], held["user"]) == ("2001:db8::1", "22022", "a@b")
    assert (held["identityfile"], held["identitiesonly"]) == ("/keys/my key", "yes")


@pytest.mark.parametrize(
    ("url", "programs"),
    [
        (URL, ["virt-ssh-helper qemu:///system", "nc $q -U /var/run/libvirt/libvirt-sock"]),
        (f"{URL}?mode=direct&proxy=native", ["virt-ssh-helper"]),
        (f"{URL}?netcat=/opt/ncat", ["/opt/ncat $q -U /var/run/libvirt/libvirt-sock"]),
        (f"{URL}?socket=/run/s", ["nc $q -U /run/s"]),
        ("qemu+ssh://kvm1/session", ["virt-ssh-helper qemu:///session"]),  # where its socket is, netcat does not know
    ],
)
def test_what_is_run_there(url: str, programs: list[str]) -> None:
    remote = remote_command(checked(url))
    assert remote.count("exec ") == len(programs)
    assert all(f"exec {program}" in remote for program in programs)


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "fish", "tcsh"])
@pytest.mark.parametrize("query", ["", "?netcat=/no/such%20nc&socket=/a%20b%27c"])
def test_any_login_shell_runs_it(shell: str, query: str, tmp_path: Path) -> None:
    """None of the programs is there: each shell comes to the last word."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    for needed in ("sh", "grep"):
        (tmp_path / needed).symlink_to(shutil.which(needed) or "/bin/false")
    told = subprocess.run(
        [program, "-c", remote_command(checked(URL + query))],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stdout, told.stderr.strip()) == (127, "", NO_PROXY)


def test_a_proxy_that_libvirt_does_not_know_is_refused() -> None:
    with pytest.raises(NotSupported, match="proxy=socat"):
        remote_command(checked(f"{URL}?proxy=socat"))
