"""Who logs in where, and which secrets that takes, by the settings alone: nothing is connected."""

import socket
from pathlib import Path
from typing import Any

import pytest

from hypervisors import Unreachable, dial_straight
from vmmigrate.doors import Doors
from vmmigrate.errors import UsageProblem
from vmmigrate.settings.load import load
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets


def settings(**flags: Any) -> Settings:
    return load(None, flags, {})


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def doors(environ: dict[str, str] | None = None, **flags: Any) -> Doors:
    made = settings(**flags)
    return Doors(made, ProcessSecrets(environ or {}).of(made))


# ---- via -----------------------------------------------------------------------------------------------------


def test_a_url_alone_is_a_jump_host_whose_key_the_agent_holds() -> None:
    via = settings(new={"via": "ssh://admin@jump.example.test:2022"}).new.via
    assert via is not None
    assert (via.user, via.host, via.port, via.agent) == ("admin", "jump.example.test", 2022, True)


def test_what_a_url_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")
    via = settings(old={"via": {"url": "ssh://[2001:db8::1]", "password": {"env": "JUMP"}}}).old.via
    assert via is not None
    assert (via.user, via.host, via.port, via.agent) == ("somebody", "2001:db8::1", 22, False)


@pytest.mark.parametrize(
    "url", ["jump.example.test", "ssh://", "http://jump", "ssh://a:secret@jump", "ssh://jump:port", "ssh://jump/path"]
)
def test_what_is_no_such_url_is_refused_with_its_path(url: str) -> None:
    with pytest.raises(UsageProblem, match=r"old\.via"):
        settings(old={"via": url})


def test_one_jump_host_serves_both_sides() -> None:
    made = doors(old={"via": "ssh://a@jump"}, new={"via": "ssh://a@jump"})
    assert made.old.dial == made.new.dial
    assert doors(new={"via": "ssh://a@jump"}).old.dial is dial_straight


@pytest.mark.parametrize("side", ["old", "new"])
def test_a_jump_host_that_is_not_there_is_told_with_that_sides_setting(side: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = doors(**{side: {"via": f"ssh://a@127.0.0.1:{port}"}})
    with pytest.raises(Unreachable, match=f"the jump host 127.0.0.1:{port}: the connection was refused") as told:
        {each.name: each for each in made.sides}[side].dial("192.0.2.1", 22, 5)
    assert told.value.hint.startswith(f"check {side}.via.url, and that the jump host is up")


# ---- what is fetched before anything begins ------------------------------------------------------------------


def test_without_keys_both_passwords_are_wanted() -> None:
    assert list(doors().wanted()) == ["old.ssh.password", "new.ssh.password"]


def test_with_a_key_a_password_is_wanted_where_one_is_named() -> None:
    keys = {"old": {"ssh": {"key_file": "/k"}}, "new": {"ssh": {"agent": True, "password": {"env": "P"}}}}
    assert list(doors(**keys).wanted()) == ["new.ssh.password"]
    assert list(doors({"VMMIGRATE_OLD_SSH_PASSWORD": "x"}, **keys).wanted()) == ["old.ssh.password", "new.ssh.password"]


def test_jump_hosts_passphrases_and_the_next_password_are_among_them() -> None:
    made = doors(
        {"VMMIGRATE_OLD_SSH_KEY_PASSPHRASE": "x"},
        old={"via": {"url": "ssh://jump", "password": {"env": "J"}}, "ssh": {"key_file": "/k"}},
        new={"via": "ssh://jump", "ssh": {"new_password": {"env": "N"}}},
    )
    wanted = ["old.via.password", "old.ssh.key_passphrase", "new.ssh.password", "new.ssh.new_password"]
    assert list(made.wanted()) == wanted


def test_the_old_vms_password_is_not_changed() -> None:
    with pytest.raises(UsageProblem, match=r"the old one is not changed"):
        settings(old={"ssh": {"new_password": {"env": "N"}}})
    assert "old.ssh.new_password" not in list(doors({"VMMIGRATE_OLD_SSH_NEW_PASSWORD": "x"}).wanted())
