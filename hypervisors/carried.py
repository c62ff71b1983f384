"""What becomes of each thing of the old virtual machine in the new one: kept, changed, dropped or not possible."""

from dataclasses import dataclass
from enum import StrEnum

from hypervisors.words import Words


class Fate(StrEnum):
    """`NOT_POSSIBLE`: the new one cannot have it, here or as long as the old one exists."""

    KEPT = "kept"
    CHANGED = "changed"
    DROPPED = "dropped"
    NOT_POSSIBLE = "not possible"


@dataclass(frozen=True)
class Carried(Words):
    """One thing and its fate. A thing inside another is meant by the line of the inner one, if there is one.

    `what`: the thing in the hypervisor's own terms, so that a person finds it there: for libvirt a path in the old
    definition, as `devices/disk[vda]/iotune`. `why`: what became of it, what follows, or what to do; '' where `fate`
    says all. Neither holds a value that may be a secret.
    """

    what: str
    fate: Fate
    why: str = ""
