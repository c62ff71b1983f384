"""A way back that does not begin: it asks for no password that it does not need, and says what a person can type."""

from dataclasses import replace
from pathlib import Path

import pytest
from recorded_runs import NEW, PREPARED, SWITCHED, TinyHypervisor, done, parts, raises, record
from small_plan import PLAN

from hypervisors import Access, Clock, Hypervisor, LoginRefused, Pace, Unreachable
from vmmigrate import known_runs, operations
from vmmigrate.errors import Guarded, NeedsAttention, UsageProblem
from vmmigrate.events import Event, RunEnded, StepRemark, StepWaits
from vmmigrate.steps.intake import BY_HAND

IN_THE_SWITCH = {**PREPARED, "close-intake": SWITCHED["close-intake"], "switch": SWITCHED["switch"]}
LIVE_OLD = (
    f"virsh -c qemu:///system domif-setlink {NEW.id} {PLAN.identity.mac} down --config",
    f"virsh -c qemu:///system domif-setlink {PLAN.old.id} {PLAN.identity.mac} up",
    f"virsh -c qemu:///system start {PLAN.old.id} ({PLAN.old.name})",
    f"if {PLAN.old.name} is paused or suspended: virsh -c qemu:///system resume {PLAN.old.id} ({PLAN.old.name}",
    f"on the screen of {PLAN.old.name}, as root: {BY_HAND}",
)


@pytest.fixture
def tiny() -> TinyHypervisor:
    return TinyHypervisor()


def away(moved: list[float], comes_back: float) -> "tuple[Pace, object]":
    """A clock that its sleeps move; nothing is reached before it shows `comes_back`."""
    clock = Clock(lambda: moved[0], lambda seconds: moved.__setitem__(0, moved[0] + seconds))

    def refuse() -> None:
        if moved[0] < comes_back:
            raise Unreachable("no route to the host", hint="is it on?")

    return Pace(clock), refuse


@pytest.mark.parametrize("act", [operations.resume, lambda run, given: operations.rollback(run, given, yes=True)])
def test_a_hypervisor_that_is_not_reached_leaves_the_commands_that_end_the_outage(
    tmp_path: Path, tiny: TinyHypervisor, act: object
) -> None:
    record(tmp_path, "r1", done(IN_THE_SWITCH))
    pace, refuse = away([0.0], 1000.0)
    heard: list[Event] = []

    def connect(url: str, access: Access) -> Hypervisor:
        refuse()  # type: ignore[operator]
        raise AssertionError

    given = replace(parts(tmp_path, tiny, listen=heard.append), connect=connect, pace=pace)
    with pytest.raises(Unreachable, match="no route to the host") as caught:
        act("r1", given)  # type: ignore[operator]
    assert caught.value.hint.startswith(
        "is it on?\n  meanwhile perhaps nobody takes mail; by hand, in this order:\n    1. "
    )
    for line in LIVE_OLD:
        assert line in caught.value.hint
    assert [event.wait.what for event in heard if isinstance(event, StepWaits)][:1] == [
        "the hypervisor at qemu:///system"
    ]


def test_one_that_comes_back_within_the_limit_is_waited_for(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(PREPARED))
    pace, refuse = away([0.0], 30.0)
    plain = parts(tmp_path, tiny)

    def connect(url: str, access: Access) -> Hypervisor:
        refuse()  # type: ignore[operator]
        return plain.connect(url, access)

    tiny.plugged_in = {PLAN.old.id}
    given = replace(plain, connect=connect, pace=pace)
    assert operations.rollback("r1", given, yes=True) == "rolled-back"


def test_a_refused_log_in_is_not_waited_for(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(IN_THE_SWITCH))
    asked: list[str] = []

    def connect(url: str, access: Access) -> Hypervisor:
        asked.append(url)
        raise LoginRefused("no", hint="check it")

    with pytest.raises(LoginRefused) as caught:
        operations.rollback("r1", replace(parts(tmp_path, tiny), connect=connect), yes=True)
    assert asked == ["qemu:///system"]
    assert LIVE_OLD[1] in caught.value.hint


def test_before_the_switch_there_is_no_outage_to_end(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(PREPARED))
    given = replace(parts(tmp_path, tiny), connect=lambda url, access: raises(LoginRefused("no", hint="check it"))())
    with pytest.raises(LoginRefused) as caught:
        operations.rollback("r1", given, yes=True)
    assert caught.value.hint == "check it"


def test_a_password_that_is_missing_says_how_it_goes_without(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(IN_THE_SWITCH))
    with pytest.raises(UsageProblem) as caught:
        operations.rollback("r1", parts(tmp_path, tiny, environ={}), yes=True)
    assert "vmmigrate rollback r1 --links-only" in caught.value.hint
    assert LIVE_OLD[1] in caught.value.hint


def test_a_way_back_wants_the_passwords_of_its_own_steps_alone(tmp_path: Path, tiny: TinyHypervisor) -> None:
    """The new guest was not opened, so it is not closed; its password is nobody's business."""
    tiny.plugged_in = {NEW.id}
    record(tmp_path, "r1", done({**PREPARED, "switch": SWITCHED["switch"]}))
    given = parts(tmp_path, tiny, environ={})
    assert operations.rollback("r1", given, scope="switch", yes=True) == "switched-back"


def test_links_only_plugs_the_old_one_in_and_touches_nothing_else(tmp_path: Path, tiny: TinyHypervisor) -> None:
    tiny.plugged_in = {NEW.id}
    record(tmp_path, "r1", done(IN_THE_SWITCH))
    heard: list[Event] = []
    given = parts(tmp_path, tiny, environ={}, listen=heard.append)
    assert operations.rollback("r1", given, scope="links", yes=True) == "plugged-back"
    assert [call for call in tiny.calls if call.startswith("set_nic")] == [
        f"set_nic {NEW.name} down",
        f"set_nic {PLAN.old.name} up",
    ]
    assert not [call for call in tiny.calls if call.startswith(("destroy", "set_notes"))]
    left = [event.text for event in heard if isinstance(event, StepRemark)]
    assert f"if it does, on its screen, as root: {BY_HAND}" in left[-2]
    seen = known_runs.status("r1", given)
    assert (seen.word, [verb for verb, _ in seen.standing.verbs]) == ("plugged back", ["rollback", "resume"])
    with pytest.raises(UsageProblem, match="r1 is plugged back already"):
        operations.rollback("r1", given, scope="links", yes=True)


def test_where_it_fails_the_report_says_whether_mail_flows(tmp_path: Path, tiny: TinyHypervisor) -> None:
    tiny.plugged_in = {NEW.id}
    record(tmp_path, "r1", done(IN_THE_SWITCH))
    tiny.before["set_nic"] = raises(LoginRefused("the account was locked", hint="unlock it"))
    heard: list[Event] = []
    with pytest.raises(NeedsAttention) as caught:
        operations.rollback("r1", parts(tmp_path, tiny, environ={}, listen=heard.append), scope="links", yes=True)
    assert [str(event.mail)[:6] for event in heard if isinstance(event, RunEnded)] == ["MAIL: "]
    assert "not everything could be undone: switch: the account was locked" in str(caught.value)
    for line in LIVE_OLD:
        assert line in caught.value.hint


@pytest.mark.parametrize("act", [operations.resume, lambda run, given: operations.rollback(run, given, yes=True)])
def test_where_the_guards_could_not_look_a_person_may_go_on(tmp_path: Path, tiny: TinyHypervisor, act: object) -> None:
    record(tmp_path, "r1", done(IN_THE_SWITCH))
    tiny.before["holders"] = raises(Unreachable("one machine cannot be read", hint="see why"))
    with pytest.raises(Guarded) as caught:
        act("r1", parts(tmp_path, tiny))  # type: ignore[operator]
    for line in LIVE_OLD:
        assert line in caught.value.hint


def test_where_a_guard_saw_another_no_command_makes_the_old_one_live(tmp_path: Path, tiny: TinyHypervisor) -> None:
    record(tmp_path, "r1", done(IN_THE_SWITCH))
    tiny.notes = "[vmmigrate] run r9 begun on workstation there: a migration is in progress"
    tiny.before["holders"] = raises(Unreachable("one machine cannot be read", hint="see why"))
    with pytest.raises(Guarded) as caught:
        operations.rollback("r1", parts(tmp_path, tiny), yes=True)
    assert "domif-setlink" not in caught.value.hint
