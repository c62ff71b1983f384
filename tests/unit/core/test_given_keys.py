"""Host keys that a new VM was given are no word of another VM that the same run made."""

from types import SimpleNamespace
from typing import Any

import pytest

from hypervisors import VmRef
from vmmigrate.facts import HostKeys, NewVm
from vmmigrate.learnt import Facts, group_to_json
from vmmigrate.run.stage import Run

KEY = "ssh-ed25519 AAAA"


@pytest.mark.parametrize(("given_to", "keys"), [("vm-2", (KEY,)), ("vm-1", ()), ("", (KEY,))])
def test_only_the_vm_that_was_given_them_may_show_them(given_to: str, keys: tuple[str, ...]) -> None:
    """Without an id, a version before this one recorded them: of the one VM that it had."""
    facts = Facts()
    for group in (
        NewVm(VmRef("vm-2", "new"), "52:54:00:00:00:01", "52:54:00:00:00:02"),
        HostKeys((), (KEY,), vm=given_to),
    ):
        facts = facts.with_json(*group_to_json(group))
    run: Any = SimpleNamespace(facts=facts)
    assert Run.given_keys(run) == keys
