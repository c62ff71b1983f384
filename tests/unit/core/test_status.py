"""What a run's state says of the way that is left."""

import pytest

from vmmigrate import itinerary
from vmmigrate.run.fold import Back, RunState, Status
from vmmigrate.steps.migration import makes_vm

REDO = Back(itinerary.REDO.name, "interrupted", ("deploy", "import"))
DONE, PENDING = Status.DONE, Status.PENDING
BEGUN: dict[str, frozenset[str]] = {"import": frozenset()}  # and nothing was undone since


@pytest.mark.parametrize(
    ("deploy", "import_", "undone_since", "back", "makes"),
    [
        (PENDING, PENDING, {}, None, True),
        (Status.BEGUN, PENDING, {}, None, True),
        (DONE, PENDING, {}, None, False),
        (DONE, Status.BEGUN, BEGUN, None, True),
        (DONE, Status.FAILED, BEGUN, None, True),
        (DONE, PENDING, BEGUN, None, True),
        (DONE, PENDING, {"import": frozenset({"import", "deploy"})}, None, False),
        (DONE, PENDING, {}, REDO, True),
        (DONE, DONE, BEGUN, None, False),
        (DONE, DONE, BEGUN, Back("switch", "asked", ("switch",)), False),
        (DONE, DONE, BEGUN, Back("half", "a scope that came later", ("switch",)), False),
    ],
)
def test_a_new_vm_is_made_where_none_is_or_its_import_cannot_be_continued(
    deploy: Status,
    import_: Status,
    undone_since: dict[str, frozenset[str]],
    back: Back | None,
    makes: bool,
) -> None:
    state = RunState(
        "r1", "1", "", phases={}, steps={"deploy": deploy, "import": import_}, back=back, undone_since=undone_since
    )
    assert makes_vm(state) is makes
