"""Words of sudo, of login shells and of expired passwords, without a server."""

import base64
import shlex
import subprocess

import pytest

from hypervisors import Secret
from hypervisors.wire.ssh import Output
from vmmigrate.appliance.ssh import loginshell, sudo
from vmmigrate.appliance.ssh.loginshell import LoginShell
from vmmigrate.appliance.ssh.new_password import says_expired

NONCE = "vmmigrate-0123"


# ---- login shells --------------------------------------------------------------------------------------------


def test_the_canary_tells_shell_and_noise() -> None:
    assert loginshell.heard(NONCE, f"{NONCE} /bin/bash\nrest\n".encode()) == (LoginShell("/bin/bash", False), b"rest\n")
    assert loginshell.heard(NONCE, f"Hi\n{NONCE} /bin/sh\n".encode()) == (LoginShell("/bin/sh", True), b"")
    assert loginshell.heard(NONCE, f"{NONCE}\n".encode()) == (LoginShell("", False), b"")
    assert loginshell.heard(NONCE, b"1) Network\n2) Shell\n") is None


def test_sh_gets_its_own_quoting_and_others_what_they_cannot_misread() -> None:
    words = ("printf", "%s", "a!b\\n'c' \u00e9\n")
    assert LoginShell("/bin/bash", False).quoted(words) == "printf %s 'a!b\\n'\"'\"'c'\"'\"' \u00e9\n'"
    line = LoginShell("/bin/tcsh", False).quoted(words)
    assert not set("!\n") & set(line)
    shown = subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout
    assert shown.decode() == words[2]
    assert LoginShell("/usr/bin/fish", False).quoted(("cat", "/etc/passwd")) == "cat /etc/passwd"


@pytest.mark.parametrize("word", ["a!", "a\nb", "\\\\", "\\", "\\'"])
def test_what_shells_read_differently(word: str) -> None:
    assert not loginshell.reads_as_sh(shlex.join(["echo", word]))


def test_what_every_shell_reads_alike() -> None:
    assert loginshell.reads_as_sh(
        shlex.join(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", "a'b", "*", "~", ""])
    )


# ---- a terminal's streams ------------------------------------------------------------------------------------


def coded(stream: str, data: bytes) -> list[str]:
    return [f"M-{stream}{line}" for line in base64.encodebytes(data).decode().splitlines()]


def test_streams_come_apart_exactly_whatever_else_was_said() -> None:
    data = bytes(range(256))
    first, *others = coded("1", data)
    seen = ["We trust you", "vmmigrate-asks:", first, *coded("2", b"oh\n"), "unable to resolve", *others, "M-03", "bye"]
    assert sudo.apart("M-", "\n".join(seen)) == Output(3, data, b"oh\n")


@pytest.mark.parametrize("seen", ["", "Sorry, try again.\n", *coded("1", b"x"), "M-0\n", "M-1???\nM-00\n", "M-0x\n"])
def test_what_broke_off_is_no_answer(seen: str) -> None:
    assert sudo.apart("M-", seen) is None


class Scripted:
    """Answers a sudo by its words."""

    def __init__(self, *, plain: Output, tty: Output | None = None) -> None:
        self._plain, self._tty = plain, tty
        self.passwords: list[str] = []

    def plain(self, argv: object, given: bytes, timeout: float) -> Output:
        if given:
            self.passwords.append(given.decode().strip())
        return self._plain

    def on_tty(self, argv: object, prompt: str, secret: Secret | None, timeout: float) -> Output:
        assert self._tty is not None
        if secret:
            self.passwords.append(secret.reveal())
        return self._tty


def refused(words: str, status: int = 1) -> Output:
    return Output(status, b"", words.encode())


@pytest.mark.parametrize(
    "words",
    [
        "sudo: sorry, you must have a tty to run sudo",
        "sudo: Sie müssen ein TTY haben, um »sudo« zu verwenden",
        "sudo: désolé, vous devez avoir un tty pour exécuter sudo",
    ],
)
def test_a_sudo_that_insists_on_a_terminal_gets_one(words: str) -> None:
    talk = Scripted(plain=refused(words), tty=Output(0, b"", b""))
    assert sudo.find_out(talk, lambda: [Secret("word")]) == sudo.Sudo(None, tty=True)
    assert talk.passwords == []


def test_each_password_is_tried_once_and_none_where_the_account_may_not() -> None:
    both = [Secret("new"), Secret("first")]
    wrong = Scripted(plain=refused("Sorry, try again.\nsudo: 1 incorrect password attempt"))
    with pytest.raises(sudo.Refused) as told:
        sudo.find_out(wrong, lambda: both)
    assert (wrong.passwords, "is its password right" in told.value.hint) == (["new", "first"], True)
    forbidden = Scripted(plain=refused("sa is not in the sudoers file."))
    with pytest.raises(sudo.Refused) as told:
        sudo.find_out(forbidden, lambda: both)
    assert (forbidden.passwords, "may not use sudo" in told.value.hint) == (["new"], True)


def test_without_a_sudo_no_password_is_tried() -> None:
    talk = Scripted(plain=refused("bash: sudo: command not found", 127))
    with pytest.raises(sudo.Refused) as told:
        sudo.find_out(talk, lambda: [Secret("word")])
    assert (talk.passwords, "give root as ssh.user" in told.value.hint) == ([], True)


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (f"lecture\n{sudo.PROMPT}words\n", "words\n"),
        (
            f"{sudo.PROMPT}MARK\npostconf: warning: {sudo.PROMPT} x\nMARK\n",
            f"MARK\npostconf: warning: {sudo.PROMPT} x\nMARK\n",
        ),
        (
            "words of a command for which no password was asked\n",
            "words of a command for which no password was asked\n",
        ),
    ],
)
def test_only_what_comes_up_to_sudos_own_prompt_is_sudos(printed: str, said: str) -> None:
    talk = Scripted(plain=refused(printed))
    assert sudo.Sudo(Secret("word"), tty=False).run(talk, ("true",), "root", 60).stderr.decode() == said


def test_a_long_command_in_sudos_own_words_is_named_by_its_program() -> None:
    line = 'exec </dev/null; postconf -n; echo "0123 $?"; echo 0123 >&2; ' * 9
    words = f"Sorry, user sa is not allowed to execute '/bin/sh -c {line}' as root on gw.\n"
    assert sudo.does_not_permit(refused(words))
    assert sudo.in_sudos_words(refused(words)) == "Sorry, user sa is not allowed to execute '/bin/sh …' as root on gw."
    short = words.replace(line, "true").strip()
    assert sudo.in_sudos_words(refused(short)) == short


# ---- expired passwords ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "WARNING: Your password has expired.\nPassword change required but no TTY available.",
        "Password expired. Change your password now.",
        "You are required to change your password immediately (administrator enforced).",
    ],
)
def test_the_words_of_systems_that_want_another_password(words: str) -> None:
    assert says_expired(words)


def test_other_words_are_none_of_them() -> None:
    assert not says_expired("1) Network\n2) Change your password\nYour choice: ")
    assert not says_expired("This account is currently not available.")
