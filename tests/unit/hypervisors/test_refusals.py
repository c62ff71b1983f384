"""What every adapter refuses reads the same, and says what there is and what was seen."""

import pytest

from hypervisors import refusals
from hypervisors.tag import Tag
from hypervisors.types import VmRef

VM = VmRef("u-2", "copy")


def test_what_is_missing_is_named_beside_what_there_is() -> None:
    problem = refusals.missing("network", "lan", ["b", "a"], where=" (portgroup)")
    assert (str(problem), problem.hint) == (
        "no network 'lan' (portgroup) (there are: a, b)",
        "correct the name",
    )
    assert str(refusals.missing("network", "lan", [])) == "no network 'lan' (there are: none)"


def test_a_hint_lists_no_more_names_than_somebody_reads() -> None:
    listed = refusals.listed(f"vm{number:03}" for number in range(200))
    assert listed.startswith("vm000, vm001, ")
    assert listed.endswith(", vm039 and 160 more")


@pytest.mark.parametrize(
    ("tag", "seen"),
    [
        (None, "no tag of any run"),
        (Tag("run-2", complete=True, vm="u-2"), "the tag of run run-2"),
        (Tag("run-1", complete=True, vm="u-1"), "a copy of the tag of u-1"),
    ],
)
def test_what_is_not_ours_is_left_and_says_why(tag: Tag | None, seen: str) -> None:
    problem = refusals.not_ours(VM, tag, "run-1", removal="remove it")
    assert str(problem) == f"the virtual machine copy (u-2) has {seen}, not that of run run-1: it is left as it is"


def test_a_tag_without_an_id_may_be_of_a_machine_but_is_not() -> None:
    half = Tag("run-1", complete=False)
    assert (half.is_of("run-1", "u-2"), half.may_be_of("run-1", "u-2"), half.may_be_of("run-2", "u-2")) == (
        False,
        True,
        False,
    )
    assert not Tag("run-1", complete=True, vm="u-1").may_be_of("run-1", "u-2")
