"""What a person types so that the old gateway takes mail again: its link, its power, its intake."""

from collections.abc import Iterator

from hypervisors import VmRef, plug_by_hand, resume_by_hand, start_by_hand
from vmmigrate.model import Plan

INTAKE = (  # opens it again, and its console
    "nft delete table inet vmmigrate_console; nft delete table inet vmmigrate_intake; systemctl start postfix"
)


def plugged_in(url: str, plan: Plan) -> tuple[str, ...]:
    return plug_by_hand(url, plan.old, plan.identity.mac, up=True, network=plan.identity.network)


def after_plugging_in(url: str, old: VmRef) -> Iterator[str]:
    """Also of one that somebody switched off or paused."""
    yield f"if {old.name} is switched off: {start_by_hand(url, old)}"
    yield f"if {old.name} is paused or suspended: {resume_by_hand(url, old)}"
    yield f"on the screen of {old.name}, as root: {INTAKE}"
