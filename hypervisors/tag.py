"""The mark of a run on a virtual machine that it made, and on which machine it was written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tag:
    """`complete`: the disk holds all of the image. `vm`: the id of the machine that it was written on.

    A clone, a replica, a restored backup and a copied definition keep the tag of what they were made from; their id is
    their own. `vm` is '' where only the server knows the id of what it is making.
    """

    run_id: str
    complete: bool
    vm: str = ""

    def is_of(self, run_id: str, vm: str) -> bool:
        """Whether that run made the machine of this id."""
        return (self.run_id, self.vm) == (run_id, vm)

    def may_be_of(self, run_id: str, vm: str) -> bool:
        """The same; and of a machine whose id was not known yet, whether it can be."""
        return self.is_of(run_id, vm) or self.is_of(run_id, "")

    def in_words(self, run_id: str) -> str:
        """As run `run_id`, whose machine this is not, sees it."""
        return f"a copy of the tag of {self.vm}" if self.run_id == run_id else f"the tag of run {self.run_id}"
