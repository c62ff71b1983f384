"""What every operation is given: how a part by itself is reported, and what stops it."""

from dataclasses import replace
from pathlib import Path

import pytest

from hypervisors import Cancelled, Clock, Pace, Progress
from vmmigrate.events import Event, StepBegan, StepEnded, StepProgress
from vmmigrate.parts import Parts, reported
from vmmigrate.settings.secrets import ProcessSecrets


def parts(heard: list[Event], times: list[float]) -> Parts:
    pace = Pace(Clock(now=lambda: times.pop(0)))
    return Parts(ProcessSecrets({}), Path("/none"), Path("/none"), listen=heard.append, pace=pace)


def test_a_part_by_itself_is_reported_from_its_beginning_to_its_end() -> None:
    heard: list[Event] = []
    with reported(parts(heard, [10.0, 12.5]), "export", "Export the backup") as pace:
        pace.moves(Progress(1, 2))
    assert heard == [
        StepBegan("export", "Export the backup", 0, 0),
        StepProgress("export", 1, 2),
        StepEnded("export", "Export the backup", 2.5),
    ]


def test_one_that_is_stopped_does_not_end() -> None:
    heard: list[Event] = []
    given = parts(heard, [10.0, 12.5])

    def stop() -> None:
        raise Cancelled("interrupted", hint="resume")

    stoppable = replace(given, pace=replace(given.pace, cancelled=stop))
    with pytest.raises(Cancelled), reported(stoppable, "export", "Export the backup") as pace:
        pace.moves(Progress(1, 2))
    assert heard == [StepBegan("export", "Export the backup", 0, 0)]
