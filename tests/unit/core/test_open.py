"""The way back from the commit: what would stop it is seen before the gateway that serves is closed."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from guarded_run import bench

from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import listing
from vmmigrate.facts import Opened
from vmmigrate.run.stage import Run
from vmmigrate.step import UndoRefused
from vmmigrate.steps import open as opening


class Deferring:
    """A new guest with a message that does not leave. It records what is asked, and does nothing else."""

    host = "new.example.test"

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        self.ran.append(tuple(argv))
        return Result(0, '{"queue_name": "deferred"}\n', "")


GUEST = Deferring()


class Reached(Run):
    """Its new guest is that one."""

    @property
    def new_shell(self) -> Deferring:  # type: ignore[override]
        return GUEST


def test_mail_that_will_not_leave_refuses_it_before_anything_is_closed(tmp_path: Path) -> None:
    world = bench(tmp_path)
    world.link(world.old, up=False)
    world.link(world.new, up=True)
    run = world.switched()
    run.learn(Opened(2.0))
    run.__class__ = Reached
    with pytest.raises(UndoRefused, match="not going back: mail is waiting in the new queues: 1 in deferred") as caught:
        opening.undo(run)
    assert "--leave-mail" in caught.value.hint
    assert caught.value.untouched
    assert GUEST.ran == [listing.QUESTION]
