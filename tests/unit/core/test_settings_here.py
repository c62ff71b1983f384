"""The configuration file of the current folder: not where others can have put it there; it sends nothing stored."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vmmigrate.cli import app
from vmmigrate.errors import UsageProblem
from vmmigrate.settings import here
from vmmigrate.settings.load import chosen, load

_COMMAND = '[old.ssh]\nkey_file = "/dev/null"\nkey_passphrase = { command = ["sh", "-c", "id"] }\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with a file of ours."""
    made = tmp_path / "here"
    made.mkdir(mode=0o755)
    made.chmod(0o755)
    monkeypatch.chdir(made)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (made / "vmmigrate.toml").write_text('[new]\nname = "here"\n')
    (made / "vmmigrate.toml").chmod(0o644)
    return made


def test_a_file_of_ours_is_read(folder: Path) -> None:
    assert load(None, {}, {}).new.name == "here"


@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_a_file_that_others_may_write_is_not_read(folder: Path, mode: int) -> None:
    (folder / "vmmigrate.toml").chmod(mode)
    _refused(folder, f"{folder}/vmmigrate.toml can be written by everybody")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_nor_one_in_a_folder_where_others_may_write(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    _refused(folder, f"{folder} can be written by everybody")


@pytest.mark.parametrize("members", [["me"], []])
def test_a_group_of_this_user_alone_may_write(
    folder: Path, monkeypatch: pytest.MonkeyPatch, members: list[str]
) -> None:
    (folder / "vmmigrate.toml").chmod(0o664)
    _groups(monkeypatch, "me", members)
    assert load(None, {}, {}).new.name == "here"


@pytest.mark.parametrize(("name", "members"), [("staff", []), ("me", ["me", "another"])])
def test_another_group_may_not(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, members: list[str]) -> None:
    (folder / "vmmigrate.toml").chmod(0o664)
    _groups(monkeypatch, name, members)
    _refused(folder, "can be written by its group")


def _groups(monkeypatch: pytest.MonkeyPatch, name: str, members: list[str]) -> None:
    class Named:
        gr_name, gr_mem, pw_name = name, members, "me"

    monkeypatch.setattr(here.grp, "getgrgid", lambda number: Named)
    monkeypatch.setattr(here.pwd, "getpwuid", lambda number: Named)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
@pytest.mark.parametrize("which", ["vmmigrate.toml", "."])
def test_one_of_another_user_is_not_read(folder: Path, which: str) -> None:
    os.chown(folder / which, 65534, 65534)
    _refused(folder, "belongs to nobody")


def test_a_link_counts_by_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (folder / "vmmigrate.toml").rename(open_to_all / "theirs.toml")
    (folder / "vmmigrate.toml").symlink_to(open_to_all / "theirs.toml")
    _refused(folder, f"{open_to_all} can be written by everybody")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (_COMMAND, "old.ssh.key_passphrase.command"),
        ('old.ssh.password = { file = "/root/mailgw.sa" }', "old.ssh.password.file"),
        ('old.console.password = { env = "AWS_SECRET_ACCESS_KEY" }', "old.console.password.env"),
        ('hypervisor.password = { keyring = "vmmigrate-mailgw/hypervisor.password" }', "hypervisor.password.keyring"),
        ('new.properties."sa.password" = { file = "/etc/shadow" }', "new.properties.sa.password.file"),
        ('backup.file = "/root/of-another.backup"', "backup.file"),
    ],
)
def test_it_sends_nothing_that_is_stored_and_starts_nothing(folder: Path, text: str, named: str) -> None:
    (folder / "vmmigrate.toml").write_text(text)
    with pytest.raises(UsageProblem, match=rf"was found in the current folder only.* \({named}\)") as refused:
        load(None, {}, {})
    assert f"--config {folder}/vmmigrate.toml" in refused.value.hint
    load(folder / "vmmigrate.toml", {}, {})  # named: it is trusted


@pytest.mark.parametrize("variable", ["VMMIGRATE_OLD_SSH_PASSWORD", "VMMIGRATE_NEW_VIA_KEY_PASSPHRASE"])
def test_nor_what_the_environment_has(folder: Path, variable: str) -> None:
    (folder / "vmmigrate.toml").write_text('old.address = "198.51.100.66"\n')
    with pytest.raises(UsageProblem, match=variable):
        load(None, {}, {variable: "secret"})
    assert load(folder / "vmmigrate.toml", {}, {variable: "secret"}).old.address
    (folder / "vmmigrate.toml").unlink()
    load(None, {}, {variable: "secret"})


def test_what_is_typed_goes_where_the_question_says(folder: Path) -> None:
    (folder / "vmmigrate.toml").write_text("old.ssh.password = { prompt = true }\n")
    assert load(None, {}, {"VMMIGRATE_OLD__SSH__PORT": "22"}).old.ssh.password


def test_the_users_own_file_may(folder: Path, tmp_path: Path) -> None:
    (folder / "vmmigrate.toml").unlink()
    own = tmp_path / "config" / "vmmigrate" / "vmmigrate.toml"
    own.parent.mkdir(parents=True)
    own.write_text(_COMMAND)
    assert load(None, {}, {}).old.ssh.key_passphrase


def test_one_that_is_named_is_read_wherever_it_lies(folder: Path) -> None:
    folder.chmod(0o777)
    assert load(folder / "vmmigrate.toml", {}, {}).new.name == "here"


@pytest.mark.usefixtures("folder")
def test_it_is_never_used_without_a_word() -> None:
    shown = CliRunner().invoke(app, ["plan", "old", "no-such-image"])
    assert shown.stderr.startswith(f"settings: {Path('vmmigrate.toml').absolute()}\n")


def _refused(folder: Path, why: str) -> None:
    for read in (lambda: load(None, {}, {}), lambda: chosen(None)):
        with pytest.raises(UsageProblem, match="is not read, because") as refused:
            read()
        assert why in str(refused.value)
        assert f"--config {folder}/vmmigrate.toml" in refused.value.hint
