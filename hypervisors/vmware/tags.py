"""Our mark on what we make: keys in a virtual machine's extraConfig, set by the import spec itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyVmomi import vim

from hypervisors.errors import Ambiguous, NotOurs
from hypervisors.types import VmRef

_RUN, _COMPLETE, _VM = "vmmigrate.run", "vmmigrate.complete", "vmmigrate.vm"


@dataclass(frozen=True)
class Tag:
    """`complete`: the disk holds all of the image. `vm`: the id of the machine that it was written on.

    A clone, a replica and a restored copy bear the extraConfig of what they were made from, so the tag too; their id
    is their own. `vm` is '' until the machine is complete: only the server knows the id of what it makes, and while
    the disk is uploaded the machine can neither be changed nor cloned.
    """

    run_id: str
    complete: bool
    vm: str = ""


Tagged = tuple[VmRef, Tag]


def options(tag: Tag) -> list[vim.option.OptionValue]:
    told = {_RUN: tag.run_id, _COMPLETE: "yes" if tag.complete else "no", **({_VM: tag.vm} if tag.vm else {})}
    return [vim.option.OptionValue(key=key, value=value) for key, value in told.items()]


def tag_of(extra: Mapping[str, str]) -> Tag | None:
    """None where it has none."""
    run_id = extra.get(_RUN)
    return Tag(run_id, extra.get(_COMPLETE) == "yes", extra.get(_VM, "")) if run_id else None


def ours(found: Sequence[Tagged], run_id: str) -> list[Tagged]:
    """Those that this run made: never a copy. Raises Ambiguous where nothing tells the copy from what was copied.

    A run makes no second machine beside a first: where one bears its own id, it alone is ours; where none does, there
    can be one that is not complete.
    """
    mine = [(vm, tag) for vm, tag in found if tag.run_id == run_id and tag.vm in ("", vm.id)]
    sure = [(vm, tag) for vm, tag in mine if tag.vm]
    if len(sure or mine) > 1:
        told = ", ".join(f"{vm.name} ({vm.id})" for vm, _ in sure or mine)
        raise Ambiguous(
            f"{len(sure or mine)} virtual machines bear the tag of run {run_id}, and it made one: {told}",
            hint="one is a copy of the other: delete what is not wanted in the vSphere client, then run it again",
        )
    return sure or mine


def require(tag: Tag | None, vm: VmRef, run_id: str) -> None:
    """Raises NotOurs."""
    if tag is not None and tag.run_id == run_id and tag.vm in ("", vm.id):
        return
    bears = "no tag of any run" if tag is None else f"the tag of run {tag.run_id}"
    if tag is not None and tag.run_id == run_id:
        bears = f"a copy of the tag of {tag.vm}"
    raise NotOurs(
        f"the virtual machine {vm.name} bears {bears}, not that of {run_id}: left as it is",
        hint="if it is to go, delete it by hand in the vSphere client",
    )
