"""Our mark on what we make: keys in a virtual machine's extraConfig, set by the import spec itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyVmomi import vim

from hypervisors.errors import NotOurs

_RUN, _COMPLETE = "vmmigrate.run", "vmmigrate.complete"


@dataclass(frozen=True)
class Tag:
    """`complete`: the disk holds all of the image."""

    run_id: str
    complete: bool


def options(tag: Tag) -> list[vim.option.OptionValue]:
    complete = "yes" if tag.complete else "no"
    return [vim.option.OptionValue(key=_RUN, value=tag.run_id), vim.option.OptionValue(key=_COMPLETE, value=complete)]


def tag_of(extra: Mapping[str, str]) -> Tag | None:
    """None where it has none."""
    run_id = extra.get(_RUN)
    return Tag(run_id, extra.get(_COMPLETE) == "yes") if run_id else None


def require(tag: Tag | None, name: str, run_id: str) -> None:
    """Raises NotOurs."""
    if tag is None or tag.run_id != run_id:
        bears = "no tag of any run" if tag is None else f"the tag of run {tag.run_id}"
        raise NotOurs(
            f"the virtual machine {name} bears {bears}, not that of {run_id}: left as it is",
            hint="if it is to go, delete it by hand in the vSphere client",
        )
