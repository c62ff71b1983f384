"""What a run's state says of the way that is left."""

import pytest

from vmmigrate import itinerary
from vmmigrate.run.fold import Back, RunState, Status
from vmmigrate.steps.migration import makes_vm

REDO = Back(itinerary.REDO.name, "interrupted", ("deploy", "import"))
DONE, PENDING = Status.DONE, Status.PENDING


@pytest.mark.parametrize(
    ("deploy", "import_", "back", "makes"),
    [
        (PENDING, PENDING, None, True),
        (Status.BEGUN, PENDING, None, True),
        (DONE, PENDING, None, False),
        (DONE, Status.BEGUN, None, True),
        (DONE, Status.FAILED, None, True),
        (DONE, PENDING, REDO, True),
        (DONE, DONE, None, False),
        (DONE, DONE, Back("switch", "asked", ("switch",)), False),
        (DONE, DONE, Back("half", "a scope that came later", ("switch",)), False),
    ],
)
def test_a_new_vm_is_made_where_none_is_or_its_import_cannot_be_continued(
    deploy: Status, import_: Status, back: Back | None, makes: bool
) -> None:
    state = RunState("r1", "1", "", phases={}, steps={"deploy": deploy, "import": import_}, back=back)
    assert makes_vm(state) is makes
