"""The configuration file of the current folder: not where others can have put it there; it sends nothing stored."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vmmigrate.cli import app
from vmmigrate.doctor.places import configuration
from vmmigrate.errors import UsageProblem
from vmmigrate.findings import Severity
from vmmigrate.init.ending import next_commands
from vmmigrate.init.sources import Sources
from vmmigrate.settings import here
from vmmigrate.settings.load import load
from vmmigrate.settings.models import Settings

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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VMMIGRATE_OLD__SSH__PASSWORD__FILE", "/root/mailgw.sa"),
        ("VMMIGRATE_old__console__password__env", "AWS_SECRET_ACCESS_KEY"),
        ("VMMIGRATE_HYPERVISOR__PASSWORD__KEYRING", "vmmigrate-mailgw/hypervisor.password"),
        ("VMMIGRATE_NEW__PROPERTIES__SA__FILE", "/etc/shadow"),
        ("VMMIGRATE_BACKUP__FILE", "/root/mailgw.backup"),
    ],
)
def test_nor_what_the_environment_names(folder: Path, variable: str, value: str) -> None:
    (folder / "vmmigrate.toml").write_text('old.address = "198.51.100.66"\n')
    with pytest.raises(UsageProblem, match=rf"was found in the current folder only.* \({variable}\)"):
        load(None, {}, {variable: value})
    assert load(folder / "vmmigrate.toml", {}, {variable: value}).old.address
    (folder / "vmmigrate.toml").unlink()
    load(None, {}, {variable: value})


@pytest.mark.parametrize(
    ("text", "mode", "why"), [(_COMMAND, 0o644, "was found in the current folder only"), ("", 0o646, "is not read")]
)
def test_every_command_that_reads_it_is_as_strict(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, mode: int, why: str
) -> None:
    for name in ("RUNS", "KEYS"):
        monkeypatch.setenv(f"VMMIGRATE_{name}_FOLDER", str(tmp_path / name))
    (folder / "vmmigrate.toml").write_text(text)
    (folder / "vmmigrate.toml").chmod(mode)
    for words in (["config", "check"], ["doctor"]):
        shown = CliRunner().invoke(app, words)
        assert shown.exit_code == 2
        assert why in shown.output
    assert CliRunner().invoke(app, ["config", "check", "vmmigrate.toml"]).exit_code == 0


def test_doctor_starts_nothing_by_it_and_sends_nothing(folder: Path, tmp_path: Path) -> None:
    """A connection takes the settings that this gives: of a file that is refused none."""
    proof = tmp_path / "started"
    text = f'[hypervisor]\nuser = "evil"\npassword = {{ command = ["touch", "{proof}"] }}\n'
    (folder / "vmmigrate.toml").write_text(text)
    found, settings = configuration(None, {})
    assert (found.severity, settings) == (Severity.ERROR, Settings())
    shown = CliRunner().invoke(app, ["doctor", "--connect", "vsphere://127.0.0.1:1/"], input="typed\n")
    assert shown.exit_code == 2
    assert not proof.exists()


@pytest.mark.usefixtures("folder")
def test_doctor_reads_no_other_file_than_the_one_that_is_named(tmp_path: Path) -> None:
    found, settings = configuration(tmp_path / "none.toml", {})
    assert (found.seen, settings) == (f"there is no {tmp_path}/none.toml", Settings())


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


@pytest.mark.parametrize(
    ("text", "environ", "more"),
    [
        ("old.ssh.password = { prompt = true }", {}, ""),
        ("old.ssh.password = { prompt = true }", {"VMMIGRATE_HYPERVISOR_PASSWORD": "x"}, " --config vmmigrate.toml"),
        ('old.ssh.password = { env = "SA" }', {}, " --config vmmigrate.toml"),
    ],
)
def test_init_shows_commands_that_are_not_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, environ: dict[str, str], more: str
) -> None:
    (folder / "vmmigrate.toml").write_text(text)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    plan, run = next_commands("mailgw", Path("vmmigrate.toml"), True, Sources())
    assert plan.startswith(f"next: vmmigrate plan mailgw IMAGE{more}  ")
    assert run.startswith(f"next: vmmigrate mailgw IMAGE{more}  ")


def _refused(folder: Path, why: str) -> None:
    with pytest.raises(UsageProblem, match="is not read, because") as refused:
        load(None, {}, {})
    assert why in str(refused.value)
    assert f"--config {folder}/vmmigrate.toml" in refused.value.hint
