"""A visit's secrets come from where its flags say, and a terminal is told what it is asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from hypervisors import Secret, TlsTrust, TrustRefused
from vmmigrate.alone import visit
from vmmigrate.alone.visit import Visit, backup_password
from vmmigrate.errors import UsageProblem
from vmmigrate.parts import Parts
from vmmigrate.settings.secrets import Ask, ProcessSecrets
from vmmigrate.settings.wanted import Wanted

NOBODY = Parts(ProcessSecrets({}), runs_folder=Path("/none"), keys_folder=Path("/none"))


def password(of: Visit, parts: Parts) -> str:
    return visit._console_password(of, parts).reveal()


def answering(word: str, asked: list[str]) -> Ask:
    def ask(wanted: Wanted) -> str:
        asked.append(wanted.question)
        return word

    return ask


def test_the_file_goes_before_the_environment_and_that_before_the_terminal(tmp_path: Path) -> None:
    asked: list[str] = []
    (tmp_path / "word").write_text("from the file\n")
    (tmp_path / "word").chmod(0o600)
    ask = answering("from the terminal", asked)
    terminal = replace(NOBODY, secrets=ProcessSecrets({}, ask))

    def both() -> Parts:
        return replace(NOBODY, secrets=ProcessSecrets({"VMMIGRATE_CONSOLE_PASSWORD": "from the environment"}, ask))

    assert password(Visit("mail", password_file=tmp_path / "word"), both()) == "from the file"
    assert password(Visit("mail"), both()) == "from the environment"
    assert asked == []
    assert password(Visit("mail", "carol"), terminal) == "from the terminal"
    assert asked == ["password of carol at mail"]


def test_without_any_of_them_the_flag_and_the_variable_are_named() -> None:
    with pytest.raises(UsageProblem) as refused:
        password(Visit("mail"), NOBODY)
    assert refused.value.hint == "give --password-file FILE, or set VMMIGRATE_CONSOLE_PASSWORD"


def test_a_backups_password_is_asked_of_its_file_alone(tmp_path: Path) -> None:
    set_ = replace(NOBODY, secrets=ProcessSecrets({"VMMIGRATE_BACKUP_PASSWORD": "word"}))
    assert backup_password(None, set_) is None
    (tmp_path / "word").write_text("horse")
    (tmp_path / "word").chmod(0o640)
    with pytest.raises(UsageProblem, match=r"^backup\.password: others may read "):
        backup_password(tmp_path / "word", set_)
    (tmp_path / "word").chmod(0o400)
    assert backup_password(tmp_path / "word", set_) == Secret("horse")


def test_a_pin_is_a_flag_here_and_other_refusals_stay() -> None:
    with pytest.raises(TrustRefused) as refused, visit._pin_by_flag():
        raise TrustRefused("not trusted", hint="pin it as console.fingerprint: ab", seen="ab")
    assert str(refused.value) == "not trusted"
    assert refused.value.hint == "compare the fingerprint with the appliance's own, then give --fingerprint ab"
    with pytest.raises(TrustRefused) as refused, visit._pin_by_flag():
        raise TrustRefused("no certificate", hint="is this a TLS port?")
    assert refused.value.hint == "is this a TLS port?"


def test_trust_is_as_the_flags_say() -> None:
    assert Visit("mail").trust == TlsTrust()
    assert Visit("mail", ca_file=Path("ca.pem"), fingerprint="ab").trust == TlsTrust("ab", Path("ca.pem"))


def test_nobody_logs_in_with_an_empty_password() -> None:
    nothing = replace(NOBODY, secrets=ProcessSecrets({}, answering("", [])))
    with pytest.raises(UsageProblem, match=r"the console's password: no password was typed \(3 times\)") as refused:
        password(Visit("mail"), nothing)
    hint = "nothing was sent; give --password-file FILE, or set VMMIGRATE_CONSOLE_PASSWORD"
    assert refused.value.hint == hint


@pytest.mark.parametrize("where", ["https://carol:hunter2@mail/", "carol:hunter2@mail", "carol@mail:8443"])
def test_an_account_in_the_url_is_refused_and_not_repeated(where: str) -> None:
    with (
        pytest.raises(UsageProblem, match="the URL contains an account") as refused,
        visit.logged_in(Visit(where), NOBODY),
    ):
        pass
    assert "hunter2" not in str(refused.value) + refused.value.hint
    assert (
        refused.value.hint
        == "give --user and --password-file instead; if it was a password, it is now in the shell's history"
    )


@pytest.mark.parametrize("where", ["https://[::1", "mail:99999", "https://mail:99999/", "https://mail:x/"])
def test_what_is_no_address_is_refused(where: str) -> None:
    with pytest.raises(UsageProblem, match="is neither a URL nor a host"), visit.logged_in(Visit(where), NOBODY):
        pass
