"""The keyring as a source of secrets: with a backend of the kind that keyring invites, and each lack of one."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hypervisors import Secret
from tests.test_architecture import loaded
from vmmigrate.errors import UsageProblem
from vmmigrate.settings import keyrings
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets, Secrets

keyring = pytest.importorskip("keyring")
NAME = "old.ssh.password"


class InAFile(keyring.backend.KeyringBackend):  # type: ignore[misc, name-defined]
    """Keyring's documented point of extension; keeps everything in one JSON file."""

    priority = 1
    name = "a file"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def _all(self) -> dict[str, str]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path.write_text(json.dumps({**self._all(), f"{service} {username}": password}))


class Locked(InAFile):
    """A person has not unlocked it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("it is locked")


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[InAFile]:
    with used(InAFile(tmp_path / "ring.json")) as ring:
        yield ring


class used:  # noqa: N801 -- reads as the verb it is
    """This backend for a while."""

    def __init__(self, ring: Any) -> None:
        self._ring, self._before = ring, keyring.get_keyring()

    def __enter__(self) -> Any:
        keyring.set_keyring(self._ring)
        return self._ring

    def __exit__(self, *_: object) -> None:
        keyring.set_keyring(self._before)


def secrets(entry: str) -> Secrets:
    settings = Settings.model_validate({"old": {"ssh": {"password": {"keyring": entry}}}})
    return ProcessSecrets({}).of(settings)


def refusal(entry: str) -> tuple[str, str]:
    with pytest.raises(UsageProblem) as raised:
        secrets(entry).get(NAME)
    return str(raised.value), raised.value.hint


def test_a_secret_comes_from_the_keyring(backend: InAFile) -> None:
    keyrings.keep(NAME, "vmmigrate-mailgw", NAME, Secret("hünter2"))
    assert secrets(f"vmmigrate-mailgw/{NAME}").get(NAME) == Secret("hünter2")
    assert keyrings.backend() == "a file"


def test_a_service_may_be_a_url(backend: InAFile) -> None:
    backend.set_password("https://mailgw.example.test", "admin", "hunter2")
    assert secrets("https://mailgw.example.test/admin").get(NAME) == Secret("hunter2")


def test_an_entry_that_is_not_there(backend: InAFile) -> None:
    assert refusal("mailgw/sa") == (
        f"{NAME}: the keyring has no entry mailgw/sa",
        "store it: keyring set mailgw sa",
    )


def test_an_empty_entry(backend: InAFile) -> None:
    backend.set_password("mailgw", "sa", "")
    assert refusal("mailgw/sa")[0] == f"{NAME}: the keyring's entry mailgw/sa gives an empty password"


def test_a_locked_keyring(tmp_path: Path) -> None:
    with used(Locked(tmp_path / "ring.json")):
        assert refusal("mailgw/sa") == (
            f"{NAME}: the keyring does not answer: it is locked",
            "unlock it and try again",
        )


def test_no_keyring_on_this_machine() -> None:
    from keyring.backends import fail

    with used(fail.Keyring()):
        assert refusal("mailgw/sa") == (
            f"{NAME}: there is no keyring on this machine that can store a secret",
            keyrings.NO_BACKEND,
        )
        with pytest.raises(UsageProblem, match="there is no keyring on this machine"):
            keyrings.backend()


def test_the_null_backend_keeps_nothing_and_is_none() -> None:
    from keyring.backends import null

    with used(null.Keyring()), pytest.raises(UsageProblem, match="there is no keyring on this machine"):
        keyrings.backend()


def test_the_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert refusal("mailgw/sa") == (
        f"{NAME}: the Python package keyring is not installed",
        "pip install 'vmmigrate[keyring]'",
    )


def test_who_names_no_keyring_does_not_load_it() -> None:
    assert "keyring" not in loaded("import vmmigrate.settings.secrets")


@pytest.mark.parametrize("entry", ["mailgw", "/sa", "mailgw/", ""])
def test_an_entry_has_a_service_and_a_user(entry: str) -> None:
    with pytest.raises(ValueError, match="keyring"):
        secrets(entry)
