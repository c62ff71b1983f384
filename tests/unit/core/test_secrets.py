"""Each source of a secret, and what is told where it does not give one."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from hypervisors import Secret
from vmmigrate.errors import UsageProblem
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import Ask, ProcessSecrets, Secrets, cannot_ask
from vmmigrate.settings.sources import SecretSource
from vmmigrate.settings.wanted import Wanted, all_wanted, variable

NAME = "old.ssh.password"


def secrets(
    source: dict[str, Any] | None = None, environ: dict[str, str] | None = None, ask: Ask = cannot_ask
) -> Secrets:
    settings = Settings.model_validate({"old": {"ssh": {"password": source}}})
    return ProcessSecrets(environ or {}, ask).of(settings)


def setting_paths(table: type[BaseModel], before: str = "") -> Iterator[str]:
    """Each setting that says where a secret comes from, by its path; not the properties, whose names an image has."""
    for name, field in table.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if kind is SecretSource:
                yield f"{before}{name}"
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from setting_paths(kind, f"{before}{name}.")


def refusal(secrets: Secrets) -> tuple[str, str]:
    with pytest.raises(UsageProblem) as raised:
        secrets.get(NAME)
    return str(raised.value), raised.value.hint


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    return path


def test_every_name_is_a_setting_and_has_its_variable() -> None:
    settings = Settings.model_validate({"old": {"via": "ssh://jump"}, "new": {"via": "ssh://jump"}})
    names = list(all_wanted(settings))
    assert set(names) == set(setting_paths(Settings))
    fetched = ProcessSecrets({variable(name): name for name in names}).of(settings)
    assert [fetched.get(name).reveal() for name in names] == names
    assert variable(NAME) == "VMMIGRATE_OLD_SSH_PASSWORD"


def test_from_the_environment() -> None:
    assert secrets({"env": "MY_PW"}, {"MY_PW": "hunter2"}).get(NAME) == Secret("hunter2")


def test_a_named_variable_comes_before_the_usual_one() -> None:
    environ = {"MY_PW": "mine", "VMMIGRATE_OLD_SSH_PASSWORD": "usual"}
    assert secrets({"env": "MY_PW"}, environ).get(NAME) == Secret("mine")


@pytest.mark.parametrize("environ", [{}, {"MY_PW": ""}])
def test_a_variable_that_is_not_there(environ: dict[str, str]) -> None:
    assert refusal(secrets({"env": "MY_PW"}, environ)) == (
        f"{NAME}: the environment has no MY_PW",
        "read -rs MY_PW; export MY_PW",
    )


def test_from_a_file(file: Path) -> None:
    assert secrets({"file": file}).get(NAME) == Secret("hunter2")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602])
def test_a_file_that_others_may_read_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert refusal(secrets({"file": file})) == (f"{NAME}: others may read {file}", f"chmod 600 {file}")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_of_another_user_is_refused(file: Path) -> None:
    os.chown(file, 65534, -1)
    words, hint = refusal(secrets({"file": file}))
    assert words == f"{NAME}: {file} belongs to another user (uid 65534)"
    assert hint.endswith(f"chown 0 {file}")


def test_every_program_that_is_started_gets_no_password() -> None:
    """By its environment: each call in the product says which it gives."""
    without = []
    for path in [*Path("vmmigrate").rglob("*.py"), *Path("hypervisors").rglob("*.py")]:
        text = path.read_text()
        for call in ast.walk(ast.parse(text if "subprocess." in text else "")):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("subprocess.run", "subprocess.Popen"):
                environ = next((ast.unparse(each.value) for each in call.keywords if each.arg == "env"), "")
                if not ("without_secrets" in environ or environ.startswith("{'PATH'")):
                    without.append(f"{path}:{call.lineno}")
    assert without == []


@pytest.mark.parametrize(("content", "told"), [(b"\n", "gives an empty password"), (b"\xff\xfe", "is not text")])
def test_a_file_that_holds_none(file: Path, content: bytes, told: str) -> None:
    file.write_bytes(content)
    assert refusal(secrets({"file": file}))[0] == f"{NAME}: {file} {told}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    told = f"{NAME}: {tmp_path}/none: No such file or directory"
    assert refusal(secrets({"file": tmp_path / "none"})) == (told, f"see what is there: ls -l {tmp_path}/none")


def test_from_the_first_line_of_a_command() -> None:
    command = [sys.executable, "-c", "print('hunter2'); print('user: sa')"]
    assert secrets({"command": command}).get(NAME) == Secret("hunter2")


def test_a_command_that_fails() -> None:
    told = refusal(secrets({"command": ["false"]}))
    assert told == (f"{NAME}: false ended with 1", "run it by hand and see why: false")


def test_a_command_that_prints_nothing() -> None:
    assert refusal(secrets({"command": ["true"]}))[0] == f"{NAME}: true gives an empty password"


def test_a_command_that_is_not_there() -> None:
    told = refusal(secrets({"command": ["no-such-program"]}))
    assert told == (
        f"{NAME}: cannot run no-such-program: No such file or directory",
        "name a program on PATH, or its whole path: command -v no-such-program",
    )


def test_from_a_prompt_though_a_variable_is_set() -> None:
    asking = secrets(
        {"prompt": True}, {"VMMIGRATE_OLD_SSH_PASSWORD": "env"}, ask=lambda wanted: f"asked for {wanted.name}"
    )
    assert asking.get(NAME) == Secret("asked for old.ssh.password")


def test_without_a_source_the_usual_variable_then_the_prompt() -> None:
    assert secrets(None, {"VMMIGRATE_OLD_SSH_PASSWORD": "hunter2"}).get(NAME) == Secret("hunter2")
    assert secrets(None, ask=lambda wanted: "typed").get(NAME) == Secret("typed")


def test_without_a_terminal_the_operator_is_told_where_to_put_it() -> None:
    assert refusal(secrets()) == (
        f"{NAME} is not given, and there is no terminal to ask for it",
        (
            "read -rs VMMIGRATE_OLD_SSH_PASSWORD; export VMMIGRATE_OLD_SSH_PASSWORD"
            '    # or in vmmigrate.toml: old.ssh.password = { file = "/root/old.ssh.password" }'
        ),
    )


def test_a_propertys_secret_is_found_by_its_key_with_dots() -> None:
    given = {"sa.password": {"env": "SA"}, "sa": {"prompt": True}, "plain": "text"}
    settings = Settings.model_validate({"new": {"properties": given}})
    fetched = ProcessSecrets({"SA": "hunter2"}, lambda wanted: wanted.question).of(settings)
    assert fetched.get("new.properties.sa.password") == Secret("hunter2")
    assert fetched.get("new.properties.sa") == Secret("property sa of the new VM (new.properties.sa)")
    assert not fetched.is_given("new.properties.plain")


def test_without_a_terminal_a_propertys_place_in_the_file_is_told() -> None:
    settings = Settings.model_validate({"new": {"properties": {"sa.password": {"prompt": True}}}})
    with pytest.raises(UsageProblem) as raised:
        ProcessSecrets({}).of(settings).get("new.properties.sa.password")
    assert raised.value.hint == (
        'in vmmigrate.toml: new.properties."sa.password" = { file = "/root/new.properties.sa.password" }'
    )


def test_a_person_is_asked_by_whose_secret_it_is_and_on_what() -> None:
    said = {
        "hypervisor": {"url": "vsphere://ops@vc.example.test/dc/cluster"},
        "old": {"address": "192.0.2.10", "via": "ssh://ops@jump.example.test", "ssh": {"key_file": "/k"}},
        "new": {"ssh": {"user": "root"}},
    }
    asked = [each.question for each in all_wanted(Settings.model_validate(said)).values()]
    assert sorted(asked) == sorted(
        [
            "password for vsphere://ops@vc.example.test/dc/cluster (hypervisor.password)",
            "console password of admin on the old gateway 192.0.2.10 (old.console.password)",
            "SSH password of sa on the old gateway 192.0.2.10 (old.ssh.password)",
            "console password of admin on the new VM (new.console.password)",
            "SSH password of root on the new VM (new.ssh.password)",
            "password of the backup (backup.password)",
            "passphrase of the key /k for the old gateway 192.0.2.10 (old.ssh.key_passphrase)",
            "passphrase of the key None for the new VM (new.ssh.key_passphrase)",
            "new SSH password for root on the new VM (new.ssh.new_password)",
            "SSH password of ops on the jump host jump.example.test (old.via.password)",
            "passphrase of the key for ops on the jump host jump.example.test (old.via.key_passphrase)",
        ]
    )


def test_a_process_fetches_each_once_whatever_asks_for_it() -> None:
    asked: list[str] = []

    def ask(wanted: Wanted) -> str:
        asked.append(wanted.name)
        return "typed"

    known: dict[str, Secret] = {}
    process = ProcessSecrets({}, ask, known)
    assert process.of(Settings()).get(NAME) is process.of(Settings()).get(NAME)
    assert asked == [NAME]
    assert "typed" not in repr(known)


# ---- typed -------------------------------------------------------------------------------------------------------


def typing(*answers: str) -> tuple[list[str], Ask]:
    """Somebody who types these, and the questions that were asked."""
    left, asked = list(answers), list[str]()

    def ask(wanted: Wanted) -> str:
        asked.append(wanted.question)
        return left.pop(0)

    return asked, ask


def test_an_empty_password_is_not_taken_and_asked_for_again() -> None:
    asked, ask = typing("", "hunter2")
    assert secrets({"prompt": True}, ask=ask).get(NAME).reveal() == "hunter2"
    first, second = asked
    assert second == f"no password was typed; {first}"


def test_who_types_nothing_at_all_is_not_asked_for_ever() -> None:
    asked, ask = typing("", "", "")
    told, hint = refusal(secrets(ask=ask))
    assert (told, len(asked)) == (f"{NAME}: no password was typed (3 times)", 3)
    assert hint.startswith("nothing was sent; read -rs VMMIGRATE_OLD_SSH_PASSWORD")


@pytest.mark.parametrize("kind", ["ed25519", pytest.param("rsa", marks=pytest.mark.slow)])
def test_a_passphrase_that_does_not_open_the_key_is_asked_for_again(tmp_path: Path, kind: str) -> None:
    key, words = tmp_path / "key", ("-q", "-N", "right one", "-t", kind)
    subprocess.run(["ssh-keygen", *words, "-f", str(key)], check=True)
    ssh = {"key_file": str(key), "key_passphrase": {"prompt": True}}
    asked, ask = typing("wrong one", "right one")
    typed = ProcessSecrets({}, ask).of(Settings.model_validate({"old": {"ssh": ssh}})).get("old.ssh.key_passphrase")
    assert typed.reveal() == "right one"
    assert asked[1].startswith(f"that does not open {key}; ")


def test_what_is_no_key_is_no_typing_error(tmp_path: Path) -> None:
    """It is reported where the key is used."""
    ssh = {"key_file": str(tmp_path / "none"), "key_passphrase": {"prompt": True}}
    asked, ask = typing("any")
    ProcessSecrets({}, ask).of(Settings.model_validate({"old": {"ssh": ssh}})).get("old.ssh.key_passphrase")
    assert len(asked) == 1


def test_a_password_that_is_set_by_it_is_typed_twice(tmp_path: Path) -> None:
    asked, ask = typing("one", "other", "one", "one")
    backup = {"password": {"prompt": True}}
    given = ProcessSecrets({}, ask).of(Settings.model_validate({"backup": backup})).get("backup.password")
    assert given.reveal() == "one"
    before = [question.partition("password of")[0] for question in asked]
    assert before == ["", "the same again: ", "the two differ; ", "the same again: "]
    asked, ask = typing("one")
    by_hand = Settings.model_validate({"backup": {**backup, "file": str(tmp_path / "archive")}})
    assert ProcessSecrets({}, ask).of(by_hand).get("backup.password").reveal() == "one"


@pytest.mark.slow
def test_a_command_leaves_no_core_dump(tmp_path: Path) -> None:
    """A dump would have every password: neither a file nor one that is piped to a program."""
    words = "import resource, ctypes; print(resource.getrlimit(4)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    program = f"import sys, atexit; from vmmigrate.cli import main; atexit.register(lambda: exec({words!r}))\nmain()"
    environ = {**os.environ, "VMMIGRATE_RUNS_FOLDER": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, "status"], capture_output=True, text=True, env=environ, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 0"
