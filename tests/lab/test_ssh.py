"""The shell against a real sshd with PAM and a real sudo, in a mount namespace with accounts of its own."""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))

from fixtures.openssh import RealSshd, make_key, public, running
from hypervisors import LoginRefused, Secret
from hypervisors.wire.ssh import Login, SshKey, SshServer
from hypervisors.wire.ssh.execution import OUTPUT_LIMIT
from vmmigrate.appliance.asking import ask_all, in_order
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.permitted import unreadable
from vmmigrate.appliance.port import FileMeta, NewFile
from vmmigrate.appliance.privileges import PHASES, PRIVILEGES, rules
from vmmigrate.appliance.queues import carrying
from vmmigrate.appliance.several import Line
from vmmigrate.appliance.ssh.shell import SshShell
from vmmigrate.appliance.ssh.sudoers import ANYTHING, command
from vmmigrate.errors import ApplianceError, CommandFailed

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("sudo") or not shutil.which("sshd"), reason="needs root, sshd, sudo"
    ),
]

PASSWORD, NEW = "correct horse battery", "Ein ganz neues 7-Meilen-Wort"

# Nothing of the host is touched: /etc is a copy, what else is written goes to memory that ends with sshd.
WORLD = """
set -e
mount --make-rprivate /
cp -a /etc "$0/etc"
mount --bind "$0/etc" /etc
for each in /run /home /var/log /var/lib/sudo /var/mail; do [ ! -d $each ] || mount -t tmpfs tmpfs $each; done
mkdir -m 755 /run/sshd
cp "$0/../sshd/authorized_keys" /run/authorized_keys
echo '127.0.0.1 localhost' > /etc/hosts
add() { useradd -m -s "$2" "$1"; echo "$1:correct horse battery" | chpasswd; }
for each in sa free tied tiedfree lectured powerless aged stubborn shfree; do add "$each" /bin/bash; done
for each in listed listedfree listedtied partly; do add "$each" /bin/bash; done
add csh "$(command -v tcsh || echo /bin/sh)"
add fish "$(command -v fish || echo /bin/sh)"
add nobodys /usr/sbin/nologin
chage -d 0 aged
chage -d 0 stubborn
mkdir -p /etc/sudoers.d
cat > /etc/sudoers.d/test <<'END'
sa ALL=(ALL) ALL
aged ALL=(ALL) ALL
csh ALL=(ALL) ALL
fish ALL=(ALL) ALL
free ALL=(ALL) NOPASSWD: ALL
Defaults:tied requiretty
tied ALL=(ALL) ALL
Defaults:tiedfree requiretty
tiedfree ALL=(ALL) NOPASSWD: ALL
shfree ALL=(ALL) ALL, NOPASSWD: /bin/sh, /usr/bin/sh, /bin/dash, /usr/bin/dash
Cmnd_Alias READING = /bin/true, /usr/bin/true, /bin/cat, /usr/bin/cat
listed ALL=(ALL) READING
listedfree ALL=(ALL) NOPASSWD: READING
partly ALL=(ALL) ALL, NOPASSWD: READING
Defaults:listedtied requiretty
listedtied ALL=(ALL) READING
Defaults:lectured lecture=always, badpass_message="Falsches Kennwort."
lectured ALL=(ALL) ALL
END
useradd -m -s /bin/bash least
cp "$0/least" /etc/sudoers.d/least
chmod 440 /etc/sudoers.d/least
mkdir -m 700 /run/secret
head -c 100000 /dev/urandom > /run/secret/random
for each in /usr/sbin /usr/bin; do
    [ -d "$0/stand-ins$each" ] || continue
    mount -t overlay overlay -o "lowerdir=$0/stand-ins$each:$each" $each
done
exec "$@"
"""
RANDOM = "/run/secret/random"
NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", WORLD)
BY_PASSWORD = ("UsePAM yes", "PasswordAuthentication yes", "LogLevel VERBOSE")
BY_QUESTIONS = ("UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes", "LogLevel VERBOSE")


@contextmanager
def world(folder: Path, *options: str, authorized: str = "", programs: Iterable[str] = ()) -> Iterator[RealSshd]:
    """`programs`: those that print their path and their words there, whether this machine has them or not."""
    (folder / "world").mkdir(parents=True)
    (folder / "world" / "least").write_text(rules("least", *PHASES))
    for program in programs:
        stand_in = folder / "world" / "stand-ins" / program.lstrip("/")
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n')
        stand_in.chmod(0o755)
    wrapper = (*NAMESPACE, str(folder / "world"))
    keys = "AuthorizedKeysFile /run/authorized_keys"  # every account may read it there
    with running(folder / "sshd", keys, *options, authorized=authorized, wrapper=wrapper) as sshd:
        yield sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSshd]:
    with world(tmp_path_factory.mktemp("world"), *BY_PASSWORD) as sshd:
        yield sshd


@contextmanager
def talking(sshd: RealSshd, user: str, password: str = PASSWORD, **more: Any) -> Iterator[SshShell]:
    new = more.pop("new", "")
    login = Login(user, lambda: Secret(password), new_password=(lambda: Secret(new)) if new else None, **more)
    shell = SshShell(SshServer(sshd.address, sshd.port, host_key=sshd.host_key, timeout=15), login)
    try:
        yield shell
    finally:
        shell.close()


def digest(shell: SshShell) -> str:
    return shell.run(["sha256sum", RANDOM], user="root").stdout.split()[0]


# ---- sudo ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["sa", "free", "tied", "tiedfree", "lectured", "csh", "fish"])
def test_root_by_every_kind_of_sudo_and_the_bytes_are_exact(sshd: RealSshd, user: str) -> None:
    with talking(sshd, user) as shell:
        assert shell.run(["id", "-un"], user="root").stdout == "root\n"
        assert shell.run(["id", "-un"], user="nobody").stdout == "nobody\n"
        words = ["a b", "!x", "\\", "'", "line\nline", "$HOME", "é"]
        assert shell.run(["printf", "[%s]", *words], user="root").stdout == "".join(f"[{word}]" for word in words)
        assert hashlib.sha256(shell.read_file(RANDOM)).hexdigest() == digest(shell)


@pytest.mark.parametrize("user", ["sa", "free", "tied", "tiedfree", "lectured", "csh", "fish", "shfree"])
def test_files_are_put_in_place_by_every_kind_of_sudo(sshd: RealSshd, user: str) -> None:
    """`shfree`: sudo asks for a password, but not for sh, which so finds the password where the files should begin."""
    key, rules = bytes(range(256)) * 100, b"table inet vmmigrate_isolation\n"
    files = [
        NewFile("/run/secret/key", key, FileMeta("0640", "sa", "nogroup")),
        NewFile("/run/secret/empty", b"", FileMeta("0600", "root", "root")),
        NewFile("/run/secret/made/isolation.nft", rules, FileMeta("0644", "root", "root")),
    ]
    with talking(sshd, user) as shell:
        shell.run(["rm", "-rf", "/run/secret/key", "/run/secret/empty", "/run/secret/made"], user="root")
        for _time in range(2):
            shell.install(*files, folders=("/run/secret/made",))
        look = LookingShell(shell)
        look.ahead(files=[file.path for file in files], user="root")
        for file in files:
            assert (look.read_file(file.path), look.file_meta(file.path)) == (file.data, file.meta)
        left = shell.run(["ls", "-A", "/run/secret", "/run/secret/made"], user="root").stdout
        assert "vmmigrate-new" not in left
        left = shell.run(["ls", "-A", "/tmp", "/var/run/"], user="root").stdout.splitlines()
        assert not [name for name in left if name.startswith(("vmmigrate-in.", "vmmigrate.incoming"))]


@pytest.mark.parametrize("user", ["sa", "free", "tied", "tiedfree", "lectured", "csh", "fish", "shfree"])
def test_what_does_not_fit_into_an_answer_goes_by_every_kind_of_sudo(sshd: RealSshd, user: str) -> None:
    """There and back, byte for byte, past the limit of one command's output; and a failure says its words."""
    data = (bytes(range(256)) + b"vmmigrate-asks:\n") * (OUTPUT_LIMIT // 256)
    back = BytesIO()
    with talking(sshd, user) as shell:
        shell.give(("dd", "of=/run/secret/stream", "status=none"), BytesIO(data))
        assert shell.give(("wc", "-c"), BytesIO(data)).strip() == str(len(data))
        line = Line(("true",), " </dev/null && ", ("sh", "-c", "cat >/dev/null", "a-name"), " && ", ("false",))
        with pytest.raises(CommandFailed, match="`true; a-name; false` ended with status 1"):
            shell.give(line, BytesIO(data))
        shell.take(("cat", "/run/secret/stream"), back)
        assert back.getvalue() == data
        with pytest.raises(CommandFailed, match=r"`cat /nowhere` ended with status 1: .*cat: /nowhere: No such file"):
            shell.take(("cat", "/nowhere"), BytesIO())
        with pytest.raises(CommandFailed, match=r"`dd of=/nowhere/x` ended with status 1"):
            shell.give(("dd", "of=/nowhere/x"), BytesIO(data))
        with pytest.raises(CommandFailed, match=r"`a-name` ended with status 3: .*words"):
            shell.give(("sh", "-c", "cat >/dev/null; echo words >&2; exit 3", "a-name"), BytesIO(data))
        assert shell.run(["ls", "-d", "/tmp/vmmigrate.incoming"], check=False).status != 0
        shell.run(["rm", "-f", "/run/secret/stream"], user="root")


@pytest.mark.parametrize("user", ["sa", "tied"])
def test_what_another_account_left_is_no_obstacle(sshd: RealSshd, user: str) -> None:
    with talking(sshd, user) as shell:
        shell.run(["mkdir", "-p", "/tmp/vmmigrate.incoming", "/var/run/vmmigrate-in.left"], user="root")
        shell.run(["chown", "nobody", "/tmp/vmmigrate.incoming"], user="root")
        shell.install(NewFile("/run/secret/key", b"x", FileMeta("0600", "root", "root")))
        assert shell.read_file("/run/secret/key") == b"x"
        shell.run(["rm", "-rf", "/tmp/vmmigrate.incoming", "/var/run/vmmigrate-in.left"], user="root")


@pytest.mark.parametrize("user", ["sa", "free", "tied", "csh", "fish"])
def test_many_looks_are_one_command(sshd: RealSshd, user: str) -> None:
    questions = [("sha256sum", RANDOM), ("printf", "%s", "it's !x \\ $HOME"), ("ls", "/nowhere"), ("id", "-un")]
    with talking(sshd, user) as shell:
        answers = ask_all(shell, questions, user="root")
        assert answers[0].stdout.split()[0] == digest(shell)
        assert [answer.status for answer in answers] == [0, 0, 2, 0]
        assert (answers[1].stdout, answers[3].stdout) == ("it's !x \\ $HOME", "root\n")
        assert "/nowhere" in answers[2].stderr


@pytest.mark.parametrize("user", ["sa", "free", "tied", "tiedfree", "lectured"])
def test_what_fails_as_root_tells_its_own_words_alone(sshd: RealSshd, user: str) -> None:
    with talking(sshd, user) as shell:
        result = shell.run(["sh", "-c", "echo out; echo words >&2; exit 3"], user="root", check=False)
        assert (result.status, result.stdout) == (3, "out\n")
        assert result.stderr.splitlines()[-1] == "words"
        assert PASSWORD not in result.stderr
        with pytest.raises(CommandFailed, match=r"ended with status 3: .*words$"):
            shell.run(["sh", "-c", "echo words >&2; exit 3"], user="root")


def test_a_lecture_is_not_among_the_words(sshd: RealSshd) -> None:
    with talking(sshd, "lectured") as shell:
        assert shell.run(["sh", "-c", "echo words >&2"], user="root").stderr == "words\n"


def test_an_account_that_may_not(sshd: RealSshd) -> None:
    with talking(sshd, "powerless") as shell, pytest.raises(LoginRefused, match="not in the sudoers") as told:
        shell.run(["true"], user="root")
    assert "add it to the group sudo or wheel" in told.value.hint


@pytest.mark.parametrize("user", ["listed", "listedfree", "listedtied"])
def test_an_account_that_may_run_only_a_list_of_commands(sshd: RealSshd, user: str) -> None:
    file = NewFile("/run/secret/never", b"", FileMeta("0600", "root", "root"))
    with talking(sshd, user) as shell:
        assert len(shell.read_file(RANDOM)) == 100_000
        with pytest.raises(
            LoginRefused, match=f"does not let '{user}' run `sh` as root: .*(not allowed|required)"
        ) as it:
            shell.install(file)
        assert "in sudoers" in it.value.hint


@pytest.mark.parametrize("user", ["listed", "listedtied"])
def test_of_a_list_with_a_password_no_line_is_run(sshd: RealSshd, user: str) -> None:
    with talking(sshd, user) as shell, pytest.raises(LoginRefused, match=f"does not let '{user}' run `sh` as") as it:
        ask_all(shell, [("true",)], user="root")
    assert f"`{user} ALL=(ALL) ALL` in sudoers" in it.value.hint
    assert "docs/privileges.md with NOPASSWD" in it.value.hint


# ---- no more than is documented ------------------------------------------------------------------------------


def test_each_documented_command_is_run_and_nothing_near_it(tmp_path: Path) -> None:
    """All of them by stand-ins that print what they were given, in one line and alone."""
    paths = {command(each.argv).split()[0] for each in PRIVILEGES} - {"/usr/bin/true", "/usr/bin/cat"}
    asked = [each for each in PRIVILEGES if each.argv[0] not in ("true", "cat")]
    key = make_key(tmp_path / "id")
    with (
        world(tmp_path, *BY_PASSWORD, authorized=public(key), programs=paths) as sshd,
        talking(sshd, "least", key=SshKey(key)) as shell,
    ):
        for user in ("root", "postgres"):
            argvs = [
                tuple(word if word != ANYTHING else "-c" for word in each.argv) for each in asked if each.user == user
            ]
            answers = ask_all(shell, argvs, user=user, timeout=300)
            assert [(0, *argv[1:]) for argv in argvs] == [
                (said.status, *said.stdout.splitlines()[1:]) for said in answers
            ]
            alone = shell.run(argvs[-1], user=user).stdout.splitlines()
            assert alone[1:] == list(argvs[-1][1:])
        assert shell.run(in_order(("postconf", "-n"), ("postconf", "-M")), user="root").stdout.split()[1::2] == [
            "-n",
            "-M",
        ]
        for near in NEAR:
            with pytest.raises(LoginRefused, match="does not let 'least' run") as told:
                shell.run(near, user="root")
            assert "least ALL=(root) NOPASSWD: " in told.value.hint
        with pytest.raises(LoginRefused) as told:
            ask_all(shell, [("postconf", "-n"), NEAR[0], ("true",), NEAR[1]], user="root")
        assert [told.value.hint.count(command(each)) for each in (("postconf", "-n"), *NEAR[:2])] == [0, 1, 1]


NEAR = [
    ("postconf", "-e", "a=b"),
    ("base64", "/etc/shadow"),
    ("base64", "/etc/postfix/tls.pem", "/etc/shadow"),
    ("cat", "/etc/postfix/../shadow"),
    ("stat", "-c", "%a", "/etc/postfix/tls.pem"),
    ("nft", "-f", "/tmp/any"),
    ("dd", "of=/etc/passwd", "status=none"),
    ("systemctl", "stop", "ssh"),
    ("rm", "-rf", "/run/vmmigrate", "/etc"),
    ("true", "--help"),
    ("sh", "-c", "id"),
    ("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "djigzo", "-c", "SELECT 1"),
]


def test_a_line_is_one_sudo_where_that_asks_for_nothing_and_permits_sh(sshd: RealSshd) -> None:
    asked = [("printenv", "SUDO_COMMAND"), ("id", "-un"), ("printenv", "SUDO_COMMAND")]
    with talking(sshd, "free") as shell:
        first, whom, last = (said.stdout for said in ask_all(shell, asked, user="root"))
        assert (whom, first, first.split()[0].endswith("/sh")) == ("root\n", last, True)


def test_where_sh_is_permitted_by_a_password_alone_each_command_of_a_line_has_a_sudo_that_asks_for_none(
    sshd: RealSshd,
) -> None:
    """The list of rights, which sudo shows without a password, does not tell that."""
    with talking(sshd, "partly") as shell:
        for _time in range(2):
            answers = ask_all(shell, [("cat", "/etc/hosts"), ("true",), ("cat", "/nowhere")], user="root")
            assert [said.status for said in answers] == [0, 0, 1]


@pytest.mark.parametrize(
    ("user", "may"),
    [("sa", True), ("free", True), ("tiedfree", True), ("shfree", True), ("listedfree", False), ("partly", False)],
)
def test_whether_mail_can_be_carried_is_seen_before_the_outage(sshd: RealSshd, user: str, may: bool) -> None:
    """sudo's list of rights has sh for `partly`, by a password for which nobody asks it."""
    with talking(sshd, user) as shell:
        assert carrying.is_permitted(shell) is may


LISTED_FOR_NOBODY = ("head", "-c", "1", "/etc/passwd")


@pytest.mark.parametrize(
    ("user", "refused"),
    [("sa", ()), ("free", ()), ("listedfree", (LISTED_FOR_NOBODY,)), ("partly", (LISTED_FOR_NOBODY,))],
)
def test_what_cannot_be_read_without_a_password_is_told_from_what_is_not_there(
    sshd: RealSshd, user: str, refused: tuple[tuple[str, ...], ...]
) -> None:
    with talking(sshd, user) as shell:
        assert unreadable(shell, LISTED_FOR_NOBODY, ("cat", "/etc/not-there"), ("cat", RANDOM)) == refused


def test_a_program_that_is_not_there_is_seen_as_missing_by_a_sudo_for_each_too(sshd: RealSshd) -> None:
    for user in ("sa", "free"):
        with talking(sshd, user) as shell:
            missing, there = ask_all(shell, [("no-such-program",), ("true",)], user="root")
            assert (missing.status, there.status) == (127, 0)
            assert shell.run(["no-such-program"], user="root", check=False).status == 127


def test_a_sudo_password_that_is_wrong_is_tried_once(tmp_path: Path) -> None:
    """The log-in is by key here, so that only sudo sees it."""
    key = make_key(tmp_path / "id")
    with world(tmp_path, *BY_PASSWORD, authorized=public(key)) as sshd:
        for user in ("sa", "tied"):
            with talking(sshd, user, "wrong indeed", key=SshKey(key)) as shell:
                for _time in range(2):
                    with pytest.raises(LoginRefused, match=f"sudo on .* refused '{user}'"):
                        shell.run(["true"], user="root")
                assert shell._session._refusal is not None
            with talking(sshd, user, key=SshKey(key)) as shell:
                assert shell.run(["id", "-un"], user="root").stdout == "root\n"


# ---- log-in --------------------------------------------------------------------------------------------------


def test_a_server_that_asks_instead_of_taking_a_password(tmp_path: Path) -> None:
    with world(tmp_path, *BY_QUESTIONS) as sshd:
        with talking(sshd, "sa") as shell:
            assert shell.run(["id", "-un"]).stdout == "sa\n"
        with talking(sshd, "sa", "wrong indeed") as shell, pytest.raises(LoginRefused):
            shell.run(["true"])
        assert sshd.log.count("PAM: Authentication failure for sa") == 1


def test_a_key_and_then_a_password(tmp_path: Path) -> None:
    key = make_key(tmp_path / "id")
    both = ("AuthenticationMethods publickey,password", *BY_PASSWORD)
    with world(tmp_path, *both, authorized=public(key)) as sshd, talking(sshd, "sa", key=SshKey(key)) as shell:
        assert shell.run(["id", "-un"], user="root").stdout == "root\n"


def test_nologin(sshd: RealSshd) -> None:
    with talking(sshd, "nobodys") as shell, pytest.raises(ApplianceError, match="has no shell"):
        shell.run(["true"])


# ---- an expired password -------------------------------------------------------------------------------------


def test_an_expired_password_is_told(sshd: RealSshd) -> None:
    with talking(sshd, "stubborn") as shell:
        for _time in range(2):
            with pytest.raises(LoginRefused, match="has expired and must be changed first") as told:
                shell.run(["true"])
    assert "new.ssh.new_password" in told.value.hint


@pytest.mark.parametrize("options", [BY_PASSWORD, BY_QUESTIONS], ids=["password", "questions"])
def test_an_expired_password_is_changed_and_stays_changed(tmp_path: Path, options: tuple[str, ...]) -> None:
    with world(tmp_path, *options) as sshd:
        for _process in range(2):
            with talking(sshd, "aged", new=NEW) as shell:
                assert shell.run(["id", "-un"]).stdout == "aged\n"
                assert shell.run(["id", "-un"], user="root").stdout == "root\n"
        with talking(sshd, "aged", NEW) as shell:
            shell.run(["true"])
        assert sshd.log.count("PAM: Authentication failure for aged") + sshd.log.count("Failed password for aged") == 1


def test_a_new_password_that_the_system_does_not_like(sshd: RealSshd) -> None:
    with talking(sshd, "stubborn", new="a") as shell:
        for _time in range(2):
            with pytest.raises(LoginRefused, match=r"could not be changed: .*") as told:
                shell.run(["true"])
    assert "long and different enough" in told.value.hint
    with talking(sshd, "stubborn") as shell, pytest.raises(LoginRefused, match="has expired"):
        shell.run(["true"])
