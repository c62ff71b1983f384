"""The log-in of `init` by key and by agent, at OpenSSH's own server; sudo is a stand-in that asks for nothing."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from real_sshd import NEEDS_SSHD

from fixtures.memory import MemoryHypervisor
from fixtures.openssh import USER, RealSshd, make_key, public, running
from vmmigrate.init import shell
from vmmigrate.init.asking import Dialogue
from vmmigrate.init.conversation import Conversation

pytestmark = [NEEDS_SSHD, pytest.mark.slow]

SUDO = """#!/bin/sh
while :; do case "$1" in -u|-p) shift 2;; --) shift; break;; -*) shift;; *) break;; esac; done
exec "$@"
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "id", passphrase="open sesame")


@pytest.fixture
def sshd(tmp_path: Path, key: Path) -> Iterator[RealSshd]:
    sudo = tmp_path / "bin" / "sudo"
    sudo.parent.mkdir()
    sudo.write_text(SUDO)
    sudo.chmod(0o755)
    path = f"SetEnv SHLVL=1 PATH={sudo.parent}:{os.environ['PATH']}"
    with running(tmp_path / "sshd", path, authorized=public(key)) as server:
        yield server


def conversation(sshd: RealSshd, script: list[str], said: list[str]) -> Conversation:
    """At that server, whose host key is pinned; `script`: the answers in order."""

    def ask(question: str, default: str | None, secret: bool = False) -> str:
        said.append(f"? {question}")
        return script.pop(0)

    talk = Conversation(Dialogue(ask, said.append), lambda url, access: MemoryHypervisor(Path(url)), None)
    talk.answers.put("old.ssh.port", sshd.port, "")
    talk.answers.put("old.ssh.host_key", sshd.host_key, "")
    return talk


def test_by_a_key_whose_passphrase_is_first_mistyped(sshd: RealSshd, key: Path) -> None:
    said: list[str] = []
    wrong, right = [USER, "2", str(key), "open barley"], ["", "2", str(key), "open sesame"]
    talk = conversation(sshd, [*wrong, *right], said)
    doors, session = shell.log_in(talk, sshd.address)
    with closing(doors):
        assert session.run(("echo", "there")).stdout == "there\n"
    assert f"  ✓ logged in as {USER}" in said
    assert "  ✓ sudo works and needs no password" in said
    assert any(line.startswith(f"  ✗ cannot use the key {key}") for line in said)
    assert talk.answers.get("old.ssh.key_file") == str(key)
    assert set(talk.secrets) == {shell.PASSPHRASE}  # a password was never wanted


def test_by_a_key_that_the_server_does_not_take(sshd: RealSshd, key: Path, tmp_path: Path) -> None:
    said: list[str] = []
    other = make_key(tmp_path / "other")
    refused = [USER, "2", str(other), ""]
    talk = conversation(sshd, [*refused, *refused, "", "2", str(key), "open sesame"], said)
    doors, _ = shell.log_in(talk, sshd.address)
    doors.close()
    assert len([line for line in said if line.startswith("  ✗ ")]) == 1
    assert "    this one was refused already and is not tried again; give another" in said


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="there is no ssh-agent here")
def test_by_the_keys_of_an_agent(sshd: RealSshd, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlocked = make_key(tmp_path / "unlocked")
    (sshd.folder / "authorized_keys").write_text(public(unlocked))
    socket = str(tmp_path / "agent")
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()  # it says where it listens
        try:
            subprocess.run(["ssh-add", "-q", str(unlocked)], check=True)
            talk = conversation(sshd, [USER, "3"], [])
            doors, _ = shell.log_in(talk, sshd.address)
            doors.close()
        finally:
            agent.terminate()
    assert talk.answers.get("old.ssh.agent") is True
    assert talk.secrets == {}
