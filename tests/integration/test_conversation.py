"""Programs that ask on a terminal, behind OpenSSH's own server: prompts in any language, each answered once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_sshd import NEEDS_SSHD

from fixtures.openssh import USER, make_key, public, running
from hypervisors import LoginRefused, Secret
from hypervisors.wire.ssh import Connection, Login, Questions, SshKey, SshServer, Unfinished, connect
from vmmigrate.appliance.ssh.new_password import change

pytestmark = NEEDS_SSHD

OLD, NEW = Secret("the old word of it"), Secret("the new word of it")
PASSWD = """#!/bin/sh
# what sshd starts where a password has expired
ask() {{ printf "$1"; stty -echo; read word; stty echo; printf '\\n'; echo "$word" >> {heard}; }}
echo 'WARNING: Your password has expired.'
echo 'You must change your password now and login again!'
{dialogue}
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Any command runs what the test puts into `passwd`, as sshd does where a password has expired."""
    key = make_key(tmp_path / "id")
    with running(tmp_path / "sshd", f"ForceCommand sh {tmp_path}/passwd", authorized=public(key)) as sshd:
        login = Login(USER, lambda: OLD, SshKey(key))
        made = connect(SshServer(sshd.address, sshd.port, sshd.host_key), login)
        yield made
        made.close()


def says(folder: Path, dialogue: str) -> Path:
    """`passwd` with that dialogue; the file of what it heard."""
    heard = folder / "heard"
    heard.write_text("")
    (folder / "passwd").write_text(PASSWD.format(dialogue=dialogue, heard=heard))
    return heard


@pytest.mark.slow
@pytest.mark.parametrize(
    "dialogue",
    [
        "ask 'Current password: '; ask 'New password: '; ask 'Retype new password: '",
        "ask '(current) UNIX password: '; ask 'Enter new UNIX password: '; ask 'Retype new UNIX password: '",
        "ask 'Aktuelles Passwort: '; ask 'Neues Passwort: '; ask 'Neues Passwort erneut eingeben: '",
        "ask 'Mot de passe actuel : '; ask 'Nouveau mot de passe : '; ask 'Retapez le nouveau mot de passe : '",
        "ask '\u5f53\u524d\u5bc6\u7801\uff1a'; ask '\u65b0\u5bc6\u7801\uff1a'; ask '\u91cd\u8f93\uff1a'",
        "ask 'Alt> '; ask 'Neu> '; ask 'Nochmal> '",
    ],
    ids=["shadow", "older", "german", "french", "chinese", "bare"],
)
def test_a_password_is_changed_in_any_language(tmp_path: Path, connection: Connection, dialogue: str) -> None:
    heard = says(tmp_path, dialogue)
    change(connection, "there", "sa", OLD, NEW)
    assert heard.read_text().splitlines() == [OLD.reveal(), NEW.reveal(), NEW.reveal()]


def test_where_the_current_one_is_not_asked_for_it_is_not_told(tmp_path: Path, connection: Connection) -> None:
    heard = says(tmp_path, "ask 'New password: '; ask 'Retype new password: '")
    change(connection, "there", "sa", OLD, NEW)
    assert heard.read_text().splitlines() == [NEW.reveal()] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "dialogue",
    [
        "ask 'Current password: '; ask 'New password: '; echo BAD PASSWORD: too simple; ask 'New password: '",
        "ask 'Current password: '; ask 'New password: '; ask 'Again: '; echo BAD PASSWORD: too simple; ask 'New: '",
        "ask 'Current password: '; echo BAD PASSWORD: too simple; ask 'Current password: '",
        "ask 'Current password: '; ask 'New password: '; ask 'Again: '; echo BAD PASSWORD: too simple; exit 1",
    ],
)
def test_what_is_not_liked_is_not_said_again(tmp_path: Path, connection: Connection, dialogue: str) -> None:
    heard = says(tmp_path, dialogue)
    with pytest.raises(LoginRefused, match=r"the expired password of 'sa' on there could not be changed: ") as told:
        change(connection, "there", "sa", OLD, NEW)
    assert OLD.reveal() not in str(told.value) + heard.read_text().partition("\n")[2]
    assert heard.read_text().count(NEW.reveal()) <= 2


@pytest.mark.slow
def test_what_never_ends_is_given_up(tmp_path: Path, connection: Connection) -> None:
    says(tmp_path, "echo hello; exec sleep 60")
    with pytest.raises(Unfinished) as late:
        connection.converse("true", Questions(lambda line: "never"), 3)
    assert b"hello" in late.value.seen
