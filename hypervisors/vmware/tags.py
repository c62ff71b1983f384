"""Our mark on what we make: keys in a virtual machine's extraConfig, set by the import spec itself."""

from collections.abc import Mapping, Sequence

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import Ambiguous
from hypervisors.tag import Tag
from hypervisors.types import VmRef

KEYS = _RUN, _COMPLETE, _VM = "vmmigrate.run", "vmmigrate.complete", "vmmigrate.vm"


Tagged = tuple[VmRef, Tag]


def options(tag: Tag) -> list[vim.option.OptionValue]:
    """Without `vm` until the machine is complete: while its disk is uploaded it can neither be changed nor cloned."""
    values = {_RUN: tag.run_id, _COMPLETE: "yes" if tag.complete else "no", **({_VM: tag.vm} if tag.vm else {})}
    return [vim.option.OptionValue(key=key, value=value) for key, value in values.items()]


def tag_of(extra: Mapping[str, str]) -> Tag | None:
    """None if it has none."""
    run_id = extra.get(_RUN)
    return Tag(run_id, extra.get(_COMPLETE) == "yes", extra.get(_VM, "")) if run_id else None


def ours(found: Sequence[Tagged], run_id: str) -> list[Tagged]:
    """Those that this run made: never a copy. Raises Ambiguous if copy and original cannot be distinguished.

    A run makes no second machine beside a first: if one has its own id, only that one is ours; if none does, there
    can be one that is not complete.
    """
    mine = [(vm, tag) for vm, tag in found if tag.may_be_of(run_id, vm.id)]
    sure = [(vm, tag) for vm, tag in mine if tag.vm]
    if len(sure or mine) > 1:
        listed = ", ".join(f"{vm.name} ({vm.id})" for vm, _ in sure or mine)
        raise Ambiguous(
            f"{len(sure or mine)} virtual machines have the tag of run {run_id}, and it made one: {listed}",
            hint="one is a copy of the other: delete what is not wanted in the vSphere client, then run it again",
        )
    return sure or mine


def require(tag: Tag | None, vm: VmRef, run_id: str) -> None:
    """Raises NotOurs."""
    if tag is None or not tag.may_be_of(run_id, vm.id):
        raise refusals.not_ours(vm, tag, run_id, removal="delete it in the vSphere client")
