"""A link is set in two definitions, in the order in which a crash between both leaves no link up."""

from types import SimpleNamespace
from typing import Any

import pytest

from hypervisors import Ambiguous

pytest.importorskip("libvirt", reason="needs libvirt-python")
import libvirt

from hypervisors.kvm import nics

MAC = "52:54:00:00:00:01"
STORED, RUNNING = libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_AFFECT_LIVE


class Crash(BaseException):
    """Nothing is done any more."""


class TwoDefinitions:
    """In place of a running domain, which no driver lets crash between two calls: two definitions, and a crash after
    the first change of one. libvirt's XMLDesc, isActive, isPersistent and updateDeviceFlags as its documentation has
    them."""

    def __init__(self, *, up: bool) -> None:
        self.links = {STORED: up, RUNNING: up}

    def isActive(self) -> bool:  # noqa: N802 -- libvirt's names
        return True

    def isPersistent(self) -> bool:  # noqa: N802
        return True

    def XMLDesc(self, flags: int) -> str:  # noqa: N802
        up = self.links[STORED if flags & libvirt.VIR_DOMAIN_XML_INACTIVE else RUNNING]
        link = f"<link state='{'up' if up else 'down'}'/>"
        return (
            f"<domain><devices><interface type='network'><mac address='{MAC}'/><source network='lan'/>{link}"
            "</interface></devices></domain>"
        )

    def updateDeviceFlags(self, text: str, flags: int) -> None:  # noqa: N802
        self.links[flags] = 'state="down"' not in text
        raise Crash


@pytest.mark.parametrize(
    ("up", "left"),
    [
        (False, {STORED: False, RUNNING: True}),  # it cannot come up again at the next start
        (True, {STORED: False, RUNNING: True}),  # a start after the crash finds it down
    ],
    ids=["down", "up"],
)
def test_a_crash_between_both_definitions_leaves_the_stored_link_down(up: bool, left: dict[int, bool]) -> None:
    domain = TwoDefinitions(up=not up)
    with pytest.raises(Crash):
        nics.set_nic(domain, MAC, up, None)
    assert domain.links == left


@pytest.mark.parametrize(("stored", "running"), [(2, 2), (2, 0), (1, 2)])
def test_which_of_two_nics_of_one_mac_is_not_guessed(stored: int, running: int) -> None:
    """A virtio NIC and the device of the host that stands in for it have one MAC: the other would stay live."""
    nic = f"<interface type='network'><mac address='{MAC}'/><source network='lan'/></interface>"
    texts = {libvirt.VIR_DOMAIN_XML_INACTIVE: nic * stored, 0: nic * running}
    domain: Any = SimpleNamespace(
        name=lambda: "old",
        isActive=lambda: True,
        XMLDesc=lambda flags: f"<domain><devices>{texts[flags]}</devices></domain>",
    )
    with pytest.raises(Ambiguous, match=f"old has 2 NICs of the MAC {MAC}") as caught:
        nics.set_nic(domain, MAC, False, None)
    assert "virsh domiflist old" in caught.value.hint
