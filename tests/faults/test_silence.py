"""What is only unknown, at the moments where it costs most: between two gateways, and after the commit."""

import functools
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hypervisors import HypervisorError, Unreachable
from tests.faults.desk import Ended
from tests.faults.model import Model
from tests.faults.play import in_copy
from tests.faults.process import Killed
from vmmigrate.errors import NeedsAttention, RolledBack
from vmmigrate.events import RunEnded
from vmmigrate.steps import intake, links, open, switch, verify  # noqa: A004 -- the step's own name


def in_a_copy(test: Callable[..., None]) -> Callable[..., None]:
    """A model replaces this process's disk and clock for good."""

    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        failed = in_copy(functools.partial(_failure, test, *args, **named))
        assert not failed, failed

    return run


def _failure(test: Callable[..., None], *args: Any, **named: Any) -> str:
    try:
        test(*args, **named)
    except BaseException:
        return traceback.format_exc()
    return ""


def cut_staging(model: Model) -> None:
    for nic in model.world.entry(model.moves.new)["nics"]:
        if nic["network"] != "lan":
            nic.update(link_up=False, stored_link_up=False)
    model.world.settle()


def first(model: Model, act: Callable[[Model], object], real: Callable[..., Any]) -> Callable[..., Any]:
    """Before the real one, once."""
    done: list[object] = []

    def then(*args: Any, **named: Any) -> Any:
        if not done:
            done.append(act(model))
        return real(*args, **named)

    return then


def serving(model: Model) -> list[str]:
    return [model.world.entry(vm)["name"] for vm in model.world.serving()]


def undone(ended: Ended) -> list[str]:
    return [event.step for event in ended.events if type(event).__name__ == "StepEnded" and event.undoing]  # type: ignore[attr-defined]


@in_a_copy
def test_a_silent_staging_network_in_the_switch_gives_mail_back_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    monkeypatch.setattr(intake.mail, "wait_until_quiet", first(model, cut_staging, intake.mail.wait_until_quiet))
    ended = model.desk.command("migrate")
    assert isinstance(ended.error, RolledBack), ended.text
    assert (serving(model), ended.reported) == (["mailgw"], "switched-back")
    assert undone(ended)[:2] == ["carry", "close-intake"]
    (outage,) = next(event.outages for event in reversed(ended.events) if type(event).__name__ == "RunEnded")  # type: ignore[attr-defined]
    assert outage.seconds < 10


@in_a_copy
@pytest.mark.slow
def test_one_answer_that_the_hypervisor_owes_takes_no_switch_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(model: Model) -> None:
        raise HypervisorError("libvirt is busy", hint="wait")

    model, asked = Model(), [0]

    def with_mac(*args: Any) -> Any:
        asked[0] += 1
        return busy(model) if asked[0] == 2 else links.with_mac(*args)  # the first is its own look, before it acts

    monkeypatch.setattr(switch, "links", SimpleNamespace(**{**vars(links), "with_mac": with_mac}))
    ended = model.desk.command("migrate")
    assert (ended.error, ended.reported, undone(ended)) == (None, "migrated", [])
    assert asked[0] > 2


@in_a_copy
@pytest.mark.slow
def test_one_greeting_that_comes_too_late_takes_no_switch_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that has just been switched may be busy, and going back costs as long without mail again."""
    model, real, asked = Model(), verify.mail.banner, [0]

    def banner(*args: Any, **named: Any) -> str:
        asked[0] += bool(model.moves.new) and model.world.plugged(model.moves.new)
        if asked[0] == 1:
            raise Unreachable("no greeting in time", hint="wait")
        return real(*args, **named)

    monkeypatch.setattr(verify.mail, "banner", banner)
    ended = model.desk.command("migrate")
    assert asked[0] > 1
    assert (ended.error, ended.reported, undone(ended)) == (None, "migrated", [])


@in_a_copy
@pytest.mark.slow
def test_a_way_back_that_is_refused_with_nobody_live_says_so_and_names_what_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Model()
    real = open.firewall.let_the_world_in
    monkeypatch.setattr(open.firewall, "let_the_world_in", first(model, cut_staging, real))
    ended = model.desk.command("migrate")
    assert isinstance(ended.error, NeedsAttention), ended.text
    assert [str(event.mail)[:6] for event in ended.events if isinstance(event, RunEnded)] == ["MAIL: "]
    assert f"vmmigrate rollback {model.desk.run_id} --links-only" in ended.error.hint
    assert "whether mail waits in the new VM could not be seen" in ended.error.hint
    assert "remove" not in ended.error.hint
    assert "plugged back, and no mail is taken yet" in model.desk.command("rollback", scope="links").text


@in_a_copy
@pytest.mark.slow
def test_after_the_commit_a_file_that_nothing_needs_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(model: Model) -> None:
        model.desks.process.alive = False
        raise Killed

    model = Model()
    with monkeypatch.context() as patched:
        patched.setattr(open.firewall, "remove_isolation", first(model, die, open.firewall.remove_isolation))
        assert model.desk.command("migrate").killed
    (model.desk.folder / "runs" / model.desk.run_id / "digests.json").unlink()
    ended = model.desk.command("resume")
    assert (ended.error, ended.reported) == (None, "migrated"), ended.text
