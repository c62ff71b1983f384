"""A resumed run follows what the operator has changed since it began, and keeps its plan."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import CLAIM, END, PREPARED, SWITCHED, TinyHypervisor, done, parts, raises, record
from small_plan import PLAN
from small_steps import trouble

from vmmigrate import operations
from vmmigrate.errors import RolledBack, UsageProblem
from vmmigrate.events import Event, StepRemark, Warned
from vmmigrate.run.record import Kind, read
from vmmigrate.settings.given import NO_FILE, Given, followed, is_free, kept, leaves, private_again
from vmmigrate.settings.load import load, read_given
from vmmigrate.settings.models import Settings
from vmmigrate.settings.template import template
from vmmigrate.settings.wanted import all_wanted

BEGAN = Settings.model_validate({"new": {"staging": "br1"}, "limits": {"drain": 60}})
THEN = Given("", {"new": {"staging": "br1"}})


def now(**data: Any) -> Given:
    return Given("", {**THEN.data, **data})


def test_what_has_changed_counts_and_the_rest_stays() -> None:
    settings, changes = followed(BEGAN, THEN, now(limits={"drain": "300"}, old={"ssh": {"port": 2222}}))
    assert (settings.limits.drain, settings.old.ssh.port, settings.new.staging) == (300, 2222, "br1")
    assert [str(change) for change in changes] == [
        "limits.drain was 60.0 when the run began, and is 300.0 now",
        "old.ssh.port was 22 when the run began, and is 2222 now",
    ]


def test_an_address_of_a_person_is_not_shown() -> None:
    """What has changed goes into the journal."""
    began, then = Settings.model_validate({"mail": {"test": "boss@example.com"}}), Given()
    one, other = (now(mail={"test": f"{name}@example.com"}) for name in ("boss", "head"))
    assert [str(each) for each in followed(BEGAN, THEN, one)[1]] == [
        "mail.test was not set when the run began, and is set now"
    ]
    assert [str(each) for each in followed(began, then, Given("", {"mail": other.data["mail"]}))[1]] == [
        "mail.test was set when the run began, and is changed now"
    ]
    with pytest.raises(UsageProblem) as refused:
        followed(BEGAN, THEN, now(mail={"test": "boss @example.com"}))
    assert "boss" not in str(refused.value)


def test_what_is_not_given_any_more_stays_as_it_was() -> None:
    assert followed(BEGAN, now(limits={"drain": 60}), Given()) == (BEGAN, ())


def test_an_option_of_the_command_that_began_it_still_goes_before_the_file() -> None:
    """The file said another address all along."""
    file = {"old": {"address": "192.0.2.99"}}
    began = Settings.model_validate({"old": {"address": "192.0.2.10"}})
    assert followed(began, Given("", file), Given("", file)) == (began, ())


@pytest.mark.parametrize("then", [{"file": "/a"}, {"env": "A"}, {"prompt": True}])
def test_another_source_of_a_secret_takes_the_place_of_the_first(then: dict[str, Any]) -> None:
    began = Settings.model_validate({"old": {"ssh": {"password": then}}})
    before = Given("", {"old": {"ssh": {"password": then}}})
    settings, [change] = followed(began, before, Given("", {"old": {"ssh": {"password": {"env": "B"}}}}))
    assert settings.old.ssh.password is not None
    assert settings.old.ssh.password.env == "B"
    assert str(change).endswith('and is {"env": "B"} now')


@pytest.mark.parametrize(
    "changed",
    [
        {"new": {"staging": "other"}},
        {"new": {"staging": "br1", "trust_staging": True}},
        {"new": {"staging": "br1", "ssh": {"insecure_ssh_rsa": True}}},
        {"hypervisor": {"url": "qemu+ssh://other/system"}},
        {"image": {"sha256": "0" * 64}},
        {"new": {"staging": "br1", "name": "another"}},
    ],
    ids=str,
)
def test_what_the_plan_rests_on_is_not_changed_on_the_way(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageProblem, match=r"when the run began, and is .* now") as refused:
        followed(BEGAN, THEN, now(**changed))
    assert refused.value.hint == "a run keeps its plan: set it back, or roll the run back and begin another"
    assert followed(BEGAN, None, now(**changed))[0] == BEGAN  # it is not known what was given when it began


def test_what_cannot_be_used_is_refused_with_its_name() -> None:
    with pytest.raises(UsageProblem, match=r"cannot be used: limits\.drain: "):
        followed(BEGAN, THEN, now(limits={"drain": "soon"}))


def test_every_limit_and_every_source_of_a_secret_may_change_and_the_plan_may_not() -> None:
    every = {name for name, _ in leaves(Settings().model_dump())}
    secret = {name for name in all_wanted(Settings()) if name != "new.properties"}
    assert {name for name in every | secret if name.startswith("limits.") or name in secret} <= {
        name for name in every | secret if is_free(name)
    }
    assert {name for name in every if name.startswith(("image.", "new.")) and is_free(name)} == {
        name
        for name in every
        if name.startswith(("new.console.", "new.ssh.", "new.via", "new.staging_address"))
        and name != "new.ssh.insecure_ssh_rsa"
    }
    assert template()  # which explains each of them


# ---- in a run ----------------------------------------------------------------------------------------------------


def looked(given: Given) -> Callable[[Path | None], Given]:
    return lambda file: given


def test_a_resume_follows_and_records_it(tmp_path: Path) -> None:
    rundir = record(tmp_path, "r1", [])
    rundir.given.write_bytes(Given().as_json())
    tiny, told = TinyHypervisor(before={"inventory": raises(trouble("the host is down"), after=1)}), list[Event]()
    given = parts(tmp_path, tiny, listen=told.append, given=looked(Given("", {"limits": {"drain": 7}})))
    with pytest.raises(RolledBack):
        operations.resume("r1", given)
    [said] = [event for event in told if isinstance(event, StepRemark) and event.text.startswith("limits.drain")]
    words = r"limits\.drain was 10\.0 when the run began, and 7\.0 at this resume, 2.* UTC"
    assert re.fullmatch(words, said.text)
    assert said.text in [each.data["text"] for each in read(rundir.journal) if each.kind is Kind.REMARK]


@pytest.mark.parametrize("act", [operations.resume, operations.finish])
def test_another_plan_is_refused_before_anything_is_connected(tmp_path: Path, act: Callable[..., str]) -> None:
    rundir = record(tmp_path, "r1", done(PREPARED) if act is operations.resume else [*done(SWITCHED), END])
    rundir.given.write_bytes(Given().as_json())
    tiny, before = TinyHypervisor(), rundir.journal.read_bytes()
    given = parts(tmp_path, tiny, given=looked(Given("", {"new": {"staging": "other"}})))
    with pytest.raises(UsageProblem, match=r"new\.staging was not set when the run began, and is other now"):
        act("r1", given, **({} if act is operations.resume else {"yes": True}))
    assert (tiny.calls, rundir.journal.read_bytes()) == ([], before)


def test_no_file_is_in_the_way_of_a_way_back(tmp_path: Path) -> None:
    record(tmp_path, "r1", done(PREPARED))
    told: list[Event] = []

    def broken(file: Path | None) -> Given:
        raise UsageProblem("vmmigrate.toml: it is torn", hint="restore it")

    given = parts(
        tmp_path, TinyHypervisor(notes=CLAIM.notes, plugged_in={PLAN.old.id}), listen=told.append, given=broken
    )
    assert operations.rollback("r1", given, yes=True) == "rolled-back"
    assert Warned("with the settings as they were when the run began: vmmigrate.toml: it is torn") in told
    record(tmp_path, "r2", done(PREPARED))
    with pytest.raises(UsageProblem, match="torn"):
        operations.resume("r2", given)


def test_the_file_is_the_one_that_the_run_began_with(tmp_path: Path) -> None:
    """A file of another gateway, in the folder where somebody stands now, is not read."""
    file = tmp_path / "mine.toml"
    file.write_text("[limits]\ndrain = 7\n")
    rundir, asked = record(tmp_path, "r1", [*done(SWITCHED), END]), list[Path | None]()
    for there in (True, False):
        rundir.given.write_bytes(Given(str(file), {}).as_json())
        with pytest.raises(UsageProblem, match="stop here"):
            operations.finish(
                "r1", parts(tmp_path, TinyHypervisor(), given=lambda path: asked.append(path) or stop()), yes=True
            )
        file.unlink(missing_ok=True)
        assert asked[-1] == (file if there else NO_FILE)


def stop() -> Given:
    raise UsageProblem("stop here", hint="")


def test_what_was_given_is_kept_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("vmmigrate.toml").write_text("[limits]\ndrain = 7\n")
    environ = {"VMMIGRATE_LIMITS__BOOT": "9", "VMMIGRATE_RUNS_FOLDER": "x"}
    seen = read_given(None, environ)
    assert seen == Given(str(tmp_path / "vmmigrate.toml"), {"limits": {"drain": 7, "boot": "9"}})
    assert read_given(NO_FILE, environ).data == {"limits": {"boot": "9"}}
    assert (load(None, {}, environ).limits.drain, load(None, {}, environ).limits.boot) == (7, 9)
    (tmp_path / "given.json").write_bytes(seen.as_json())
    assert kept(tmp_path / "given.json") == seen
    assert json.loads((tmp_path / "given.json").read_text())["file"] == seen.file
    (tmp_path / "given.json").write_text("{")
    assert (kept(tmp_path / "given.json"), kept(tmp_path / "none")) == (None, None)


MINE = {"mail": {"test": "boss@example.com"}}


@pytest.mark.parametrize(
    ("had", "has", "says"),
    [
        (MINE, MINE, ["the copy has no mail.test: it is as file and environment have it now"]),
        (MINE, {}, ["the copy has no mail.test: it is not set: nothing is done for it"]),
        ({}, {}, []),
    ],
)
def test_what_a_copy_of_the_settings_does_not_have_is_said(
    tmp_path: Path, had: dict[str, Any], has: dict[str, Any], says: list[str]
) -> None:
    """It was in the file when the run began: also where nothing has changed there it would be gone without a word."""
    rundir, told = record(tmp_path, "r1", done(PREPARED)), list[Event]()
    rundir.given.write_bytes(Given("", had).as_json())
    rundir.settings.unlink()
    tiny = TinyHypervisor(plugged_in={PLAN.old.id})
    operations.rollback("r1", parts(tmp_path, tiny, listen=told.append, given=looked(Given("", has))), yes=True)
    assert [event.text for event in told if isinstance(event, Warned) and "has no mail.test" in event.text] == says


def test_it_is_used_as_file_and_environment_have_it() -> None:
    settings, _ = private_again(BEGAN, THEN, now(**MINE))
    assert settings.mail.test == Settings.model_validate(MINE).mail.test
    assert private_again(BEGAN, THEN, THEN) == (BEGAN, ())
