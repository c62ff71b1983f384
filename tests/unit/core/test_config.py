"""Settings: who wins, and that all problems are told at once without telling a secret."""

from pathlib import Path

import pytest

from vmmigrate.errors import UsageProblem
from vmmigrate.settings.load import load
from vmmigrate.settings.models import Settings
from vmmigrate.settings.sources import SecretSource


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder and an empty configuration folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return here


@pytest.fixture
def toml(home: Path) -> Path:
    return home / "vmmigrate.toml"


def problem(text: str, toml: Path) -> str:
    toml.write_text(text)
    with pytest.raises(UsageProblem) as refusal:
        load(toml, {}, {})
    which = "it" if "has a problem:" in str(refusal.value) else "them"
    assert refusal.value.hint == (
        f"fix {which} in {toml}, in the VMMIGRATE_… environment or in the options;"
        " all settings: vmmigrate config template"
    )
    return str(refusal.value)


@pytest.mark.usefixtures("home")
def test_without_anything_the_defaults_hold() -> None:
    settings = load(None, {}, {})
    assert settings == Settings()
    assert (settings.hypervisor.url, settings.old.ssh.user, settings.old.ssh.port) == ("qemu:///system", "sa", 22)


def test_flags_over_environment_over_file(toml: Path) -> None:
    toml.write_text('[hypervisor]\nurl = "file"\nstore = "file"\n[new]\nname = "file"\nstaging = "file"\n')
    environ = {"VMMIGRATE_HYPERVISOR__STORE": "env", "VMMIGRATE_NEW__NAME": "env"}
    flags = {"hypervisor": {"url": None, "store": None}, "new": {"name": "flag", "trust_staging": None}}
    settings = load(None, flags, environ)
    assert (settings.hypervisor.url, settings.hypervisor.store) == ("file", "env")
    assert (settings.new.name, settings.new.staging, settings.new.trust_staging) == ("flag", "file", False)


def test_the_file_here_comes_before_the_users_own(toml: Path, tmp_path: Path) -> None:
    users = tmp_path / "config" / "vmmigrate" / "vmmigrate.toml"
    users.parent.mkdir(parents=True)
    users.write_text('[new]\nname = "users"\n')
    assert load(None, {}, {}).new.name == "users"
    toml.write_text('[new]\nname = "here"\n')
    assert load(None, {}, {}).new.name == "here"


@pytest.mark.usefixtures("home")
def test_the_environment_speaks_in_text() -> None:
    environ = {
        "VMMIGRATE_OLD__SSH__PORT": "2222",
        "VMMIGRATE_NEW__TRUST_STAGING": "true",
        "VMMIGRATE_LIMITS__BOOT": "1.5",
        "VMMIGRATE_OLD__SSH__PASSWORD__FILE": "/run/secret",
    }
    settings = load(None, {}, environ)
    assert (settings.old.ssh.port, settings.new.trust_staging, settings.limits.boot) == (2222, True, 1.5)
    assert settings.old.ssh.password is not None
    assert settings.old.ssh.password.file == Path("/run/secret")


@pytest.mark.usefixtures("home")
def test_variables_that_are_no_settings_are_passed_over() -> None:
    environ = {"VMMIGRATE_OLD_SSH_PASSWORD": "x", "VMMIGRATE_RUNS_FOLDER": "/x", "OTHER__THING": "y"}
    assert load(None, {}, environ) == Settings()


def test_a_host_key_that_is_no_fingerprint_is_refused_early() -> None:
    environ = {"VMMIGRATE_OLD__SSH__HOST_KEY": "SHA256:abc"}
    with pytest.raises(UsageProblem, match=r"old\.ssh\.host_key .*: this is no fingerprint: give SHA256: and 43"):
        load(None, {}, environ)
    whole = "SHA256:" + "A" * 43
    assert load(None, {}, {"VMMIGRATE_OLD__SSH__HOST_KEY": whole}).old.ssh.host_key == whole


def test_all_problems_are_told_at_once_with_their_path(toml: Path) -> None:
    told = problem(
        'colour = "red"\n[old.ssh]\nport = 70000\n[old.console]\nuzer = "x"\n'
        '[new]\nvcpus = 0\n[limits]\nboot = "soon"\n',
        toml,
    )
    assert told.splitlines() == [
        "the configuration has 5 problems:",
        "  old.console.uzer: there is no such setting; is it old.console.user?",
        "  old.ssh.port: it must be less than or equal to 65535",
        "  new.vcpus: it must be greater than or equal to 1",
        "  limits.boot: give a number",
        "  colour: there is no such setting",
    ]


@pytest.mark.parametrize("length", ["inf", "nan", "1e400", "31622401", "0"])
def test_a_wait_without_end_is_refused_before_anything_waits(length: str, toml: Path) -> None:
    """No clock takes it: a run would end by it where it waits first, which may be within the switch."""
    assert "limits.drain" in problem(f"[limits]\ndrain = {length}\n", toml)


def test_a_password_in_the_file_is_refused_and_not_repeated(toml: Path) -> None:
    told = problem('[old.ssh]\npassword = "hunter2"\n', toml)
    assert told.splitlines()[1].startswith("  old.ssh.password: a password does not belong here: use")
    assert "hunter2" not in told


@pytest.mark.usefixtures("home")
def test_a_problem_that_comes_from_a_variable_names_it() -> None:
    wrong = {"OLD__SSH__PROT": "22", "OLD__VIA": "jump", "OLD__SHH__PORT": "3"}
    with pytest.raises(UsageProblem) as refusal:
        load(None, {}, {f"VMMIGRATE_{name}": value for name, value in wrong.items()})
    assert "vmmigrate.toml" not in refusal.value.hint  # there is none
    assert str(refusal.value).splitlines()[1:] == [
        "  old.via.url (VMMIGRATE_OLD__VIA): give it as ssh://USER@HOST:PORT",
        "  old.ssh.prot (VMMIGRATE_OLD__SSH__PROT): there is no such setting; is it old.ssh.port?",
        "  old.shh (VMMIGRATE_OLD__SHH__PORT): there is no such setting; is it old.ssh?",
    ]


@pytest.mark.usefixtures("home")
def test_a_password_in_a_settings_variable_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageProblem, match="a password does not belong here") as refusal:
        load(None, {}, {"VMMIGRATE_OLD__CONSOLE__PASSWORD": "hunter2"})
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("source", ["{}", '{ env = "A", file = "/b" }', '{ env = "A", prompt = true }'])
def test_a_secret_has_one_source(toml: Path, source: str) -> None:
    told = problem(f"[backup]\npassword = {source}\n", toml)
    assert told.splitlines()[1:] == ["  backup.password: give exactly one of env, file, command, keyring, prompt"]


def test_an_empty_command_is_no_source(toml: Path) -> None:
    assert "  backup.password.command: " in problem("[backup]\npassword = { command = [] }\n", toml)


def test_a_property_is_a_text_or_the_source_of_a_secret(toml: Path) -> None:
    toml.write_text('[new.properties]\n"net.address" = "192.0.2.20"\n"sa.password" = { env = "SA" }\n')
    settings = load(toml, {}, {})
    assert settings.new.properties == {"net.address": "192.0.2.20", "sa.password": SecretSource(env="SA")}
    assert Settings.model_validate_json(settings.model_dump_json(exclude_none=True)) == settings


def test_what_is_neither_is_told_by_its_key(toml: Path) -> None:
    told = problem('[new.properties]\nnet.address = "x"\nport = 25\n"sa.password" = { env = "A", file = "/b" }\n', toml)
    assert told.splitlines()[1:] == [
        "  new.properties.net.address: there is no such source of a secret; a key with dots must be in quotes",
        '  new.properties.port: give text in quotes, or the source of a secret, as { env = "NAME" }',
        "  new.properties.sa.password: give exactly one of env, file, command, keyring, prompt",
    ]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ('["tags", "shares", "tags"]', ("tags", "shares")),
        ("[]", ()),
        ('"permissions"', ("permissions",)),
        ('" limits, reservations,"', ("limits", "reservations")),
        ('""', ()),
    ],
)
def test_what_the_new_vm_gets_of_the_old_one(toml: Path, given: str, wanted: tuple[str, ...]) -> None:
    toml.write_text(f"[new]\nlike_old = {given}\n")
    settings = load(None, {}, {})
    assert settings.new.like_old == wanted
    assert Settings.model_validate_json(settings.model_dump_json(exclude_none=True)) == settings
    assert load(None, {}, {"VMMIGRATE_NEW__LIKE_OLD": "tags,shares"}).new.like_old == ("tags", "shares")


@pytest.mark.parametrize("given", ['["tags", "labels"]', '"labels"', "[1]", "7", "true", "{ tags = true }"])
def test_what_it_cannot_get_is_refused_with_the_known_words(toml: Path, given: str) -> None:
    told = problem(f"[new]\nlike_old = {given}\n", toml)
    assert "new.like_old" in told
    assert "tags, custom-attributes, permissions, shares, reservations, limits" in told


def test_a_file_that_is_asked_for_must_be_there(home: Path) -> None:
    with pytest.raises(UsageProblem, match=r"missing\.toml: No such file or directory") as refusal:
        load(home / "missing.toml", {}, {})
    assert refusal.value.hint == "vmmigrate init OLD writes one; or name another file"


@pytest.mark.parametrize("content", [b"[old", b"\xff\xfe"])
def test_what_is_no_toml_is_refused(toml: Path, content: bytes) -> None:
    toml.write_bytes(content)
    with pytest.raises(UsageProblem, match=r"vmmigrate\.toml: ") as refusal:
        load(None, {}, {})
    assert refusal.value.hint == "this must be TOML; for an example: vmmigrate config template"


def test_paths_hold_from_any_folder(toml: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    toml.write_text('[backup]\nfile = "b.tgz"\n[old.ssh]\npassword = { file = "~/secret" }\n')
    settings = load(toml, {}, {})
    assert settings.backup.file == home / "b.tgz"
    assert settings.old.ssh.password is not None
    assert settings.old.ssh.password.file == Path("/home/someone/secret")


def test_recorded_settings_come_back_as_they_were(toml: Path) -> None:
    toml.write_text(
        '[old.ssh]\npassword = { command = ["pass", "show", "x"] }\n[old.console]\npassword = { env = "X" }\n'
    )
    settings = load(toml, {}, {})
    assert Settings.model_validate_json(settings.model_dump_json(exclude_none=True)) == settings
