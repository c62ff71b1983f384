"""The shell against servers that are not the stand-in: sudo without password, a booting machine, keys, odd ends."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from odd_sshd import Answer, OddSshd, ended
from test_jump import until

from hypervisors import LoginRefused, Secret, Unreachable, Unusable
from hypervisors.wire.ssh import Login, Questions, SshKey, SshServer, Unfinished, connect, execution, host_key_seen
from vmmigrate.appliance.ssh.shell import SshShell
from vmmigrate.errors import ApplianceError, CommandFailed

pytestmark = pytest.mark.slow

SA = Login("sa", lambda: Secret("right"))
NOT_YET = '"System is booting up. Unprivileged users are not permitted to log in yet. Please come back later."\r\n'


@contextmanager
def speaking(sshd: OddSshd, login: Login = SA) -> Iterator[SshShell]:
    with sshd.running():
        pin = host_key_seen("127.0.0.1", sshd.port).line
        shell = SshShell(SshServer("127.0.0.1", sshd.port, pin, timeout=60), login)
        try:
            yield shell
        finally:
            shell.close()


def stdin_of(channel: paramiko.Channel) -> bytes:
    return b"".join(iter(lambda: channel.recv(4096), b""))


def sudoers(*, asks: bool, knows: bytes = b"right\n") -> Answer:
    """`cat` echoes its input, as a command does into which a password must never get."""

    def answer(command: str, channel: paramiko.Channel) -> None:
        given = stdin_of(channel)
        if asks and " -n " in command:
            ended(channel, 1, error=b"sudo: a password is required\n")
        elif asks and given != knows:
            ended(channel, 1, error=b"Sorry, try again.\nsudo: 1 incorrect password attempt\n")
        else:
            ended(channel, 0, b"" if asks else given)

    return answer


def test_where_sudo_asks_for_nothing_no_password_is_sent() -> None:
    sshd = OddSshd(sudoers(asks=False))
    with speaking(sshd) as shell:
        assert shell.run(["cat"], user="root").stdout == ""
        assert shell.run(["cat"], user="postgres").stdout == ""
    assert sshd.seen[1:] == [
        "sudo -k -n true",
        "sudo -k -n -- cat",
        "sudo -k -n -u postgres -- cat",
    ]


def test_where_sudo_asks_it_is_asked_once_whether_it_may() -> None:
    sshd = OddSshd(sudoers(asks=True))
    with speaking(sshd) as shell:
        shell.run(["cat"], user="root")
        shell.run(["cat"], user="root")
    assert sshd.seen[1:] == [
        "sudo -k -n true",
        "sudo -k -S -p vmmigrate-asks: -- true",
        "sudo -k -S -p vmmigrate-asks: -- cat",
        "sudo -k -S -p vmmigrate-asks: -- cat",
    ]


def test_a_refusal_of_sudo_is_told_and_never_repeated() -> None:
    sshd = OddSshd(sudoers(asks=True, knows=b"another\n"))
    with speaking(sshd) as shell:
        for _time in range(3):
            with pytest.raises(LoginRefused, match="refused 'sa': Sorry, try again"):
                shell.run(["cat"], user="root")
    assert sshd.seen.count("sudo -k -S -p vmmigrate-asks: -- true") == 1


NO_RULE = "Sorry, user sa is not allowed to execute '/bin/sh -c true' as root on gw."
NO_RULE_WITHOUT_PASSWORD = "sudo: a password is required"


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("words", [NO_RULE, NO_RULE_WITHOUT_PASSWORD])
def test_a_sudo_that_permits_only_other_commands_is_reported_with_what_to_permit(words: str, check: bool) -> None:
    """Also to a caller that tolerates failures: a command that did not run says nothing about what it looks for."""

    def answer(command: str, channel: paramiko.Channel) -> None:
        permitted = command.endswith(("true", "cat /x"))
        ended(channel, *((0, b"") if permitted else (1, b"", words.encode() + b"\n")))

    with speaking(OddSshd(answer)) as shell:
        shell.run(["cat", "/x"], user="root")
        with pytest.raises(LoginRefused) as refused:
            shell.run(["sh", "-c", "echo"], user="root", check=check)
        assert str(refused.value) == f"sudo on 127.0.0.1 does not let 'sa' run `sh` as root: {words}"
        for way in (
            "`sa ALL=(ALL) ALL` in sudoers and no NOPASSWD beside it; or",
            "docs/privileges.md",
            "or give another account as ssh.user",
        ):
            assert way in refused.value.hint
        shell.run(["cat", "/x"], user="root")


def test_what_a_command_itself_says_is_not_a_refusal_of_sudo() -> None:
    def answer(command: str, channel: paramiko.Channel) -> None:
        ended(channel, 0 if command.endswith("true") else 1, b"", b"psql: role not allowed to run this\n")

    with speaking(OddSshd(answer)) as shell:
        assert shell.run(["psql"], user="postgres", check=False).status == 1


def test_root_needs_no_sudo() -> None:
    sshd = OddSshd(lambda command, channel: ended(channel, 0))
    with speaking(sshd, Login("root", SA.password)) as shell:
        shell.run(["true"], user="root")
    assert sshd.seen == ["password root", "true"]


def test_a_booting_machine_refuses_nobody() -> None:
    sshd = OddSshd(lambda command, channel: ended(channel, 0), banner=NOT_YET, password="not yet")
    with speaking(sshd) as shell:
        with pytest.raises(Unreachable, match="starting up or shutting down"):
            shell.run(["true"])
        sshd.password = "right"
        assert shell.run(["true"]).status == 0


@pytest.mark.parametrize("passphrase", [None, "word"])
def test_a_key_file_logs_in_and_no_password_is_tried(tmp_path: Path, passphrase: str | None) -> None:
    key = paramiko.RSAKey.generate(2048)
    key.write_private_key_file(str(tmp_path / "id"), password=passphrase)
    sshd = OddSshd(lambda command, channel: ended(channel, 0), public_key=key.get_base64())
    secret = Secret(passphrase) if passphrase else None
    with speaking(sshd, replace(SA, key=SshKey(tmp_path / "id", secret))) as shell:
        shell.run(["true"])
    assert {line for line in sshd.seen if "sa" in line} == {"key sa"}


def test_a_key_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    paramiko.RSAKey.generate(2048).write_private_key_file(str(tmp_path / "id"), password="word")
    (tmp_path / "junk").write_text("junk")
    sshd = OddSshd(lambda command, channel: ended(channel, 0))
    for key, words in (
        (SshKey(tmp_path / "id"), "has a passphrase"),
        (SshKey(tmp_path / "id", Secret("wrong")), "cannot use the key"),
        (SshKey(tmp_path / "junk"), "cannot use the key"),
        (SshKey(tmp_path / "none"), "cannot use the key"),
    ):
        with speaking(sshd, replace(SA, key=key)) as shell, pytest.raises(Unusable, match=words):
            shell.run(["true"])


def test_much_on_both_streams_does_not_block() -> None:
    much = b"x" * (5 << 20)
    with speaking(OddSshd(lambda command, channel: ended(channel, 0, much, much))) as shell:
        result = shell.run(["true"])
    assert (len(result.stdout), len(result.stderr)) == (len(much), len(much))


def test_output_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "OUTPUT_LIMIT", 1 << 20)
    with (
        speaking(OddSshd(lambda command, channel: ended(channel, 0, b"x" * (8 << 20)))) as shell,
        pytest.raises(CommandFailed, match="more than 1048576 bytes"),
    ):
        shell.run(["yes"])


def test_a_daemon_that_holds_the_output_open_does_not_hold_us() -> None:
    def answer(command: str, channel: paramiko.Channel) -> None:
        channel.sendall(b"done\n")
        channel.send_exit_status(0)

    with speaking(OddSshd(answer)) as shell:
        assert shell.run(["ifup", "eth0"]).stdout == "done\n"


def test_a_command_that_never_ends_is_given_up() -> None:
    with (
        speaking(OddSshd(lambda command, channel: None)) as shell,
        pytest.raises(Unreachable, match="did not finish 'sleep' in time"),
    ):
        shell.run(["sleep", "1000"], timeout=0.5)


def test_a_request_that_is_never_answered_is_given_up() -> None:
    with (
        speaking(OddSshd(lambda command, channel: None, silent=True)) as shell,
        pytest.raises(Unreachable, match="did not finish 'true' in time"),
    ):
        shell.run(["true"], timeout=0.3)


def test_a_terminal_that_is_never_given_is_given_up() -> None:
    sshd = OddSshd(lambda command, channel: None, silent=True)
    with sshd.running():
        pin = host_key_seen("127.0.0.1", sshd.port).line
        connection = connect(SshServer("127.0.0.1", sshd.port, pin, timeout=60), SA)
        with pytest.raises(Unfinished):
            connection.converse("passwd", Questions(lambda line: ""), timeout=0.3)
        connection.close()


def test_a_server_that_only_greets_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []

        def greet() -> None:
            accepted.append(listening.accept()[0])
            accepted[0].sendall(b"SSH-2.0-slow\r\n")

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(Unreachable, match=r"no keys were exchanged within 2 s"):
            host_key_seen("127.0.0.1", listening.getsockname()[1], timeout=2)
        accepted[0].close()


def test_a_session_that_breaks_off_is_unreachable_and_made_anew() -> None:
    broken: list[str] = []

    def answer(command: str, channel: paramiko.Channel) -> None:
        if not broken:
            broken.append(command)
            channel.get_transport().close()
        else:
            ended(channel, 0)

    with speaking(OddSshd(answer)) as shell:
        with pytest.raises(Unreachable, match="broke off during 'reboot'"):
            shell.run(["reboot"])
        assert shell.run(["true"]).status == 0


def test_what_broke_off_behind_sudo_is_named() -> None:
    permits = sudoers(asks=True)

    def answer(command: str, channel: paramiko.Channel) -> None:
        if command.endswith("true"):
            permits(command, channel)
        else:
            channel.get_transport().close()

    with speaking(OddSshd(answer)) as shell:
        for user in ("root", "postgres"):
            with pytest.raises(Unreachable, match="broke off during 'psql'"):
                shell.run(["psql"], user=user)


def test_bytes_that_are_no_text_are_kept_apart() -> None:
    with speaking(OddSshd(lambda command, channel: ended(channel, 0, b"\xff\xfe"))) as shell:
        assert shell.run(["true"]).stdout == "\ufffd\ufffd"


def test_a_server_that_asks_a_question_gets_the_password_as_its_answer() -> None:
    sshd = OddSshd(lambda command, channel: ended(channel, 0), asks=("Kennwort: ",))
    with speaking(sshd) as shell:
        shell.run(["true"])
    assert sshd.seen == ["password sa", "answer 1", "true"]


def test_a_second_question_is_not_answered() -> None:
    sshd = OddSshd(lambda command, channel: ended(channel, 0), asks=("Password: ", "Verification code: "))
    with speaking(sshd) as shell:
        for _time in range(2):
            with pytest.raises(LoginRefused, match="after the password it asks 'Verification code:'"):
                shell.run(["true"])
    assert sshd.seen == ["password sa", "answer 1"]


def test_a_wrong_answer_is_given_once() -> None:
    sshd = OddSshd(lambda command, channel: ended(channel, 0), asks=("Password: ",))
    with speaking(sshd, Login("sa", lambda: Secret("wrong"))) as shell:
        for _time in range(2):
            with pytest.raises(LoginRefused):
                shell.run(["true"])
    assert sshd.seen == ["password sa", "answer 1"]


def test_of_two_passwords_the_new_one_comes_first_and_each_once() -> None:
    for right, attempts in (("new", 1), ("first", 2), ("neither", 2)):
        sshd = OddSshd(lambda command, channel: ended(channel, 0), password=right)
        login = Login("sa", lambda: Secret("first"), new_password=lambda: Secret("new"))
        with speaking(sshd, login) as shell:
            for _time in range(2):
                with nullcontext() if right != "neither" else pytest.raises(LoginRefused):
                    shell.run(["true"])
        assert sshd.seen.count("password sa") == attempts


def test_the_first_command_with_characters_that_shells_read_differently_asks_first() -> None:
    sshd = OddSshd(lambda command, channel: ended(channel, 0), login_shell="/bin/tcsh")
    with speaking(sshd) as shell:
        shell.run(["echo", "hello!"])
        shell.run(["echo", "a b"])
    assert sshd.seen[1:] == ["", """sh -c 'eval "$(printf %b "echo \\0047hello\\0041\\0047")"'""", "echo 'a b'"]


def test_what_comes_slowly_after_the_status_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """sshd tells the status when the program ends; what that printed may still be on its way over a slow line."""
    now, looked, drained = [0.0], [0], execution._drained

    def look(channel: paramiko.Channel, streams: tuple[bytearray, bytearray]) -> bool:
        looked[0] = streams[0].count(b"more")  # of those that came before the clock was read last
        return drained(channel, streams)

    monkeypatch.setattr(execution, "_drained", look)
    monkeypatch.setattr(execution, "monotonic", lambda: now[0])

    def answer(command: str, channel: paramiko.Channel) -> None:
        channel.send_exit_status(0)
        for number in range(1, 7):
            now[0] += 0.9 * execution._GRACE
            channel.sendall(b"more\n")
            until(lambda: looked[0] == number)  # noqa: B023 -- it is waited for here
        channel.close()

    with speaking(OddSshd(answer)) as shell:
        assert shell.run(["postqueue", "-p"]).stdout == "more\n" * 6


def test_a_question_whose_answer_would_show_gets_no_password() -> None:
    sshd = OddSshd(lambda command, channel: ended(channel, 0), asks=("Verification code: ",), echoes=True)
    with speaking(sshd) as shell, pytest.raises(LoginRefused, match="it asks 'Verification code:'"):
        shell.run(["true"])
    assert sshd.seen == ["password sa"]


def test_what_a_machine_says_does_not_steer_the_operators_terminal() -> None:
    """A menu draws itself; a name of a file may hold anything."""
    sshd = OddSshd(lambda command, channel: ended(channel, 1, b"\x1b[2J\x1b[1;31m1) Network\x07\n"), login_shell="")
    with speaking(sshd) as shell, pytest.raises(ApplianceError) as told:
        shell.run(["true"])
    assert str(told.value).endswith("a command is answered with [2J [1;31m1) Network")
