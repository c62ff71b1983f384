"""A busy guest accepts a connection at once and greets late: it is waited for within the whole limit."""

from typing import Any

import pytest

from fixtures.model import world
from fixtures.model.world import ADDRESS
from hypervisors import Unreachable
from tests.faults.model import Model
from tests.faults.process import Killed
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate.run import stage
from vmmigrate.steps import intake

_GREETS_AFTER = 8.0  # seconds


@pytest.mark.parametrize("everywhere", [True, False], ids=["from its first boot", "at the live address alone"])
@in_a_copy
def test_a_guest_that_greets_late_is_migrated_to(everywhere: bool) -> None:
    model = Model()
    seen: Any = stage.host_key_seen  # type: ignore[attr-defined]

    def late(host: str, port: int, *, timeout: float, **more: Any) -> Any:
        if (everywhere or host == ADDRESS) and timeout < _GREETS_AFTER:
            model.world.time.pass_by(timeout)
            raise Unreachable(f"no SSH session with {host}", hint="look at it")
        return seen(host, port, timeout=timeout, **more)

    stage.host_key_seen = late  # type: ignore[attr-defined]
    ended = model.desk.command("migrate")
    assert ended.error is None, ended.text
    assert serving(model) == [model.world.entry(model.moves.new)["name"]]


@in_a_copy
def test_an_old_guest_that_boots_slowly_in_the_switch_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its intake is open again by then; to go back would need its shell too."""
    model = Model()

    def die(*args: Any, **named: Any) -> None:
        model.desks.process.alive = False
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(intake.mail, "wait_until_quiet", die)
        assert model.desk.command("migrate").killed
    monkeypatch.setattr(world, "BOOTS", 40.0)
    model.world.reboot(model.world.old.id)
    ended = model.desk.command("resume")
    assert (ended.error, ended.reported) == (None, "migrated"), ended.text
    assert serving(model) == [model.world.entry(model.moves.new)["name"]]
