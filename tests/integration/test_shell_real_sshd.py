"""The shell against OpenSSH's own server: keys, certificates, agent, old signatures, login shells of every kind."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from real_sshd import NEEDS_SSHD

from fixtures.openssh import USER, RealSshd, make_key, public, running
from hypervisors import LoginRefused, NotYet, Secret, TrustRefused, Unusable, wait_for
from hypervisors.wire.ssh import Login, SshKey, SshServer
from vmmigrate.appliance.port import FileMeta
from vmmigrate.appliance.ssh.shell import SshShell
from vmmigrate.errors import ApplianceError, CommandFailed

pytestmark = [NEEDS_SSHD, pytest.mark.slow]

AWKWARD = [
    "a b",
    "'",
    '"',
    "\\",
    "\\n",
    "$HOME",
    "`id`",
    "!x",
    "!",
    "*",
    "~",
    "line\nline",
    "é",
    "%s",
    "{a,b}",
    "a;b",
    "",
]


def no_password() -> Secret:
    raise AssertionError("nobody should ask for a password")


@contextmanager
def talking(sshd: RealSshd, key: Path | None = None, **more: Any) -> Iterator[SshShell]:
    """A shell for our own account; `more` goes to its Login."""
    dial = {name: more.pop(name) for name in ("insecure_ssh_rsa",) if name in more}
    login = Login(USER, no_password, SshKey(key, more.pop("passphrase", None)) if key else None, **more)
    shell = SshShell(SshServer(sshd.address, sshd.port, host_key=sshd.host_key, timeout=10, **dial), login)
    try:
        yield shell
    finally:
        shell.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "id")


def through(program: str) -> str:
    """A login shell of another kind: what sshd would run were it the account's."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"needs {program}")
    return f'ForceCommand SHELL={path} exec {path} -c "$SSH_ORIGINAL_COMMAND"'


# ---- what a session is for -----------------------------------------------------------------------------------


def test_commands_files_and_bytes_are_exact(tmp_path: Path, key: Path) -> None:
    data = bytes(range(256)) * 4096
    user = (tmp_path.owner(), tmp_path.group())
    with running(tmp_path / "sshd", authorized=public(key)) as sshd, talking(sshd, key) as shell:
        assert shell.run(["printf", "%s\n", *AWKWARD]).stdout.split("\n") == "\n".join([*AWKWARD, ""]).split("\n")
        assert shell.own_address() == "127.0.0.1"
        shell._upload(str(tmp_path / "data"), data)
        assert shell.read_file(str(tmp_path / "data")) == data
        assert shell.file_meta(str(tmp_path / "data")) == FileMeta("0644", *user)
        with pytest.raises(CommandFailed, match=r"`dd of=.*` ended with status 1"):
            shell._upload("/nowhere/data", data)


def test_the_canary_costs_no_command_of_its_own(tmp_path: Path, key: Path) -> None:
    with running(tmp_path / "sshd", "LogLevel VERBOSE", authorized=public(key)) as sshd:
        with talking(sshd, key) as shell:
            for word in ("first", "second"):
                assert shell.run(["echo", word]).stdout == f"{word}\n"
        assert sshd.log.count("Starting session: command") == 2


# ---- keys ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_key_with_a_passphrase(tmp_path: Path, kind: str) -> None:
    key = make_key(tmp_path / "id", kind, "word of mouth")
    with running(tmp_path / "sshd", authorized=public(key)) as sshd:
        with talking(sshd, key, passphrase=Secret("word of mouth")) as shell:
            assert shell.run(["echo", "in"]).stdout == "in\n"
        with talking(sshd, key) as shell, pytest.raises(Unusable, match="has a passphrase") as told:
            shell.run(["true"])
    assert "ssh.key_passphrase" in told.value.hint


def test_a_certificate_beside_the_key_is_used(tmp_path: Path, key: Path) -> None:
    authority = certify(tmp_path, key)
    with running(tmp_path / "sshd", f"TrustedUserCAKeys {authority}.pub", "LogLevel VERBOSE") as sshd:
        with talking(sshd, key) as shell:
            shell.run(["true"])
        assert "Accepted publickey for" in sshd.log
        assert "ED25519-CERT" in sshd.log


@pytest.mark.slow
def test_where_the_certificate_means_nothing_the_key_alone_is_offered(tmp_path: Path, key: Path) -> None:
    certify(tmp_path, key)
    with running(tmp_path / "sshd", authorized=public(key)) as sshd, talking(sshd, key) as shell:
        shell.run(["true"])


def certify(folder: Path, key: Path) -> Path:
    authority = make_key(folder / "authority")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "a test", "-n", USER, f"{key}.pub"]
    subprocess.run(sign, check=True)
    return authority


@pytest.mark.slow
def test_a_key_that_is_not_taken_is_told(tmp_path: Path, key: Path) -> None:
    with running(tmp_path / "sshd", "LogLevel VERBOSE") as sshd, talking(sshd, key) as shell:
        for _time in range(2):
            with pytest.raises(LoginRefused, match="does not take the key"):
                shell.run(["true"])
        assert sshd.log.count("Failed publickey for") == 1


def test_a_password_is_sent_after_a_key_where_both_are_wanted(tmp_path: Path, key: Path) -> None:
    """Once; nobody knows this account's password here."""
    both = ("AuthenticationMethods publickey,password", "PasswordAuthentication yes", "LogLevel VERBOSE")
    with running(tmp_path / "sshd", *both, authorized=public(key)) as sshd:
        login = Login(USER, lambda: Secret("not the password of this account"), SshKey(key))
        shell = SshShell(SshServer(sshd.address, sshd.port, host_key=sshd.host_key), login)
        with pytest.raises(LoginRefused, match="refused"):
            shell.run(["true"])
        assert "Partial publickey for" in sshd.log
        assert sshd.log.count("Failed password for") == 1


# ---- the agent -----------------------------------------------------------------------------------------------


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield socket
    process.terminate()
    process.wait()


def load(*keys: Path) -> None:
    subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True)


def test_the_agents_keys_are_offered_one_after_another(tmp_path: Path, agent: Path, key: Path) -> None:
    load(*(make_key(tmp_path / f"other{number}") for number in range(3)), key)
    with running(tmp_path / "sshd", authorized=public(key)) as sshd, talking(sshd, agent=True) as shell:
        assert shell.run(["echo", "in"]).stdout == "in\n"


@pytest.mark.slow
def test_no_more_than_the_server_bears(tmp_path: Path, agent: Path, key: Path) -> None:
    load(*(make_key(tmp_path / f"other{number}") for number in range(8)), key)
    with running(tmp_path / "sshd", "LogLevel VERBOSE", authorized=public(key)) as sshd:
        with talking(sshd, agent=True) as shell, pytest.raises(LoginRefused, match="takes none of the keys"):
            shell.run(["true"])
        assert sshd.log.count("Failed publickey for") == 4
        assert "Too many authentication failures" not in sshd.log


@pytest.mark.slow
def test_of_many_the_one_whose_public_key_is_named(tmp_path: Path, agent: Path, key: Path) -> None:
    load(*(make_key(tmp_path / f"other{number}") for number in range(8)), key)
    key.unlink()
    with running(tmp_path / "sshd", authorized=public(key)) as sshd:
        with talking(sshd, Path(f"{key}.pub"), agent=True) as shell:
            shell.run(["true"])
        assert "Failed" not in sshd.log


@pytest.mark.slow
def test_an_empty_agent_is_told(tmp_path: Path, agent: Path) -> None:
    with (
        running(tmp_path / "sshd") as sshd,
        talking(sshd, agent=True) as shell,
        pytest.raises(Unusable, match="ssh-agent holds no key"),
    ):
        shell.run(["true"])


# ---- the old ssh-rsa -----------------------------------------------------------------------------------------

OLD = ("HostKeyAlgorithms ssh-rsa", "PubkeyAcceptedAlgorithms ssh-rsa")


def test_ssh_rsa_alone_is_refused_without_the_flag(tmp_path: Path) -> None:
    key = make_key(tmp_path / "id", "rsa")
    with running(tmp_path / "sshd", *OLD, authorized=public(key), kind="rsa") as sshd:
        with talking(sshd, key) as shell, pytest.raises(TrustRefused, match="no algorithm that is safe") as told:
            shell.run(["true"])
        assert "insecure_ssh_rsa" in told.value.hint
        with talking(sshd, key, insecure_ssh_rsa=True) as shell:
            assert shell.run(["echo", "in"]).stdout == "in\n"
        assert "Accepted publickey for" in sshd.log


@pytest.mark.slow
def test_an_old_signature_for_the_user_alone_wants_the_flag_too(tmp_path: Path) -> None:
    key = make_key(tmp_path / "id", "rsa")
    with running(tmp_path / "sshd", OLD[1], authorized=public(key)) as sshd:
        with talking(sshd, key) as shell, pytest.raises(LoginRefused, match="does not take the key"):
            shell.run(["true"])
        with talking(sshd, key, insecure_ssh_rsa=True) as shell:
            shell.run(["true"])


# ---- login shells --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("program", ["bash", "tcsh", "fish"])
def test_every_word_arrives_as_it_is_whatever_the_login_shell(tmp_path: Path, key: Path, program: str) -> None:
    with running(tmp_path / "sshd", through(program), authorized=public(key)) as sshd, talking(sshd, key) as shell:
        for _time in range(2):
            result = shell.run(["printf", "[%s]", *AWKWARD])
            assert result.stdout == "".join(f"[{word}]" for word in AWKWARD)
            assert shell.run(["false"], check=False).status == 1


def test_what_start_up_files_print_is_not_taken_for_output(tmp_path: Path, key: Path) -> None:
    noisy = 'ForceCommand echo "Welcome to mailgw"; echo; eval "$SSH_ORIGINAL_COMMAND"'
    data = bytes(range(256))
    with running(tmp_path / "sshd", noisy, authorized=public(key)) as sshd, talking(sshd, key) as shell:
        assert [shell.run(["echo", "word"]).stdout for _time in range(3)] == ["word\n"] * 3
        shell._upload(str(tmp_path / "data"), data)
        assert shell.read_file(str(tmp_path / "data")) == data


MENU = "1) Network settings\n2) Restart services\n3) Shell\nYour choice: "


@pytest.mark.slow
@pytest.mark.parametrize("then", ["exit 0", "exec cat", "exec sleep 60"])
def test_a_menu_instead_of_a_shell_is_recognised(tmp_path: Path, key: Path, then: str) -> None:
    menu = tmp_path / "menu"
    menu.write_text(f"#!/bin/sh\nprintf '{MENU}'\n{then}\n")
    menu.chmod(0o755)
    with running(tmp_path / "sshd", f"ForceCommand {menu}", authorized=public(key)) as sshd:
        with talking(sshd, key) as shell:
            for _time in range(2):
                with pytest.raises(ApplianceError, match=r"has no shell: .*1\) Network settings · 2\)") as told:
                    shell.run(["true"], timeout=4)  # it is waited for: who sleeps never answers
        assert "chsh -s /bin/bash" in told.value.hint


@pytest.mark.slow
def test_an_account_that_may_not_log_in_is_recognised(tmp_path: Path, key: Path) -> None:
    with (
        running(tmp_path / "sshd", "ForceCommand /usr/sbin/nologin", authorized=public(key)) as sshd,
        talking(sshd, key) as shell,
        pytest.raises(ApplianceError, match=r"has no shell: .*This account is currently not available"),
    ):
        shell.run(["true"])


@pytest.mark.slow
def test_a_restricted_shell_is_told(tmp_path: Path, key: Path) -> None:
    with (
        running(tmp_path / "sshd", through("rbash"), authorized=public(key)) as sshd,
        talking(sshd, key) as shell,
        pytest.raises(ApplianceError, match=r"restricted shell: .*/rbash"),
    ):
        shell.run(["true"])


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root")
def test_root_becomes_another_without_sudo(tmp_path: Path, key: Path) -> None:
    with running(tmp_path / "sshd", authorized=public(key)) as sshd, talking(sshd, key) as shell:
        assert shell.run(["id", "-un"], user="nobody").stdout == "nobody\n"
        assert shell.run(["printf", "%s", "a 'b' $c"], user="nobody").stdout == "a 'b' $c"


# ---- a server that hangs up instead of saying no ---------------------------------------------------------------


def test_a_server_that_hangs_up_at_the_first_wrong_password_has_refused_it(tmp_path: Path) -> None:
    """`MaxAuthTries 1`: where a server hangs up there is no answer, but it says why; it is not tried again."""
    strict = ("MaxAuthTries 1", "PasswordAuthentication yes", "LogLevel VERBOSE")
    with running(tmp_path / "sshd", *strict) as sshd:
        login = Login(USER, lambda: Secret("not the password of this account"))
        shell = SshShell(SshServer(sshd.address, sshd.port, host_key=sshd.host_key), login)
        for _time in range(2):
            with pytest.raises(LoginRefused, match="Too many authentication failures"):
                shell.run(["true"])
        assert sshd.log.count("Connection from") <= 3  # ours, and those that looked whether it listens
        wait_for("sshd's log", lambda: _written(sshd, "Too many authentication failures"), timeout=5, clears="")
        assert sshd.log.count("Too many authentication failures") == 1


def _written(sshd: RealSshd, words: str) -> None:
    """It hangs up before it writes."""
    if words not in sshd.log:
        raise NotYet


@pytest.mark.slow
def test_old_signatures_count_among_what_the_server_bears(tmp_path: Path, agent: Path) -> None:
    load(*(make_key(tmp_path / f"other{number}", "rsa") for number in range(4)))
    with running(tmp_path / "sshd", "LogLevel VERBOSE") as sshd:
        with (
            talking(sshd, agent=True, insecure_ssh_rsa=True) as shell,
            pytest.raises(LoginRefused, match="takes none of the keys"),
        ):
            shell.run(["true"])
        assert "Too many authentication failures" not in sshd.log
