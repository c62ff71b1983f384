"""What a guest agent reports as addresses: those that lead to the guest are the port's."""

from types import SimpleNamespace

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

from hypervisors.kvm import adapter

REPORTED = {
    "lo": {"hwaddr": "00:00:00:00:00:00", "addrs": [{"addr": "127.0.0.1"}, {"addr": "::1"}]},
    "eth0": {"hwaddr": "52:54:00:AA:00:01", "addrs": [{"addr": "0.0.0.0"}, {"addr": "192.0.2.7"}, {"addr": "fe80::1"}]},
    "eth1": {"hwaddr": "52:54:00:aa:00:02", "addrs": None},
    "eth2": {"hwaddr": None, "addrs": [{"addr": "no address"}]},
}


def test_what_leads_to_this_machine_or_nowhere_is_left_out() -> None:
    """SSH at 0.0.0.0 is the workstation's own."""
    domain = SimpleNamespace(interfaceAddresses=lambda flag: REPORTED)
    found = list(adapter._addresses(domain, "agent", 1))  # type: ignore[arg-type]
    assert [(each.mac, each.address) for each in found] == [("52:54:00:aa:00:01", "192.0.2.7")]
