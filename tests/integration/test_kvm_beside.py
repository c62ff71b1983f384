"""What libvirt keeps of a domain beside its definition, over libvirt's test driver."""
# ruff: noqa: S314 -- the XML is the test's own

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")
import libvirt

from hypervisors import Carried, Fate
from hypervisors.kvm import beside
from hypervisors.kvm.reading import Definitions

_NODE = """<node><domain type='test'><name>old</name><memory>65536</memory><os><type>hvm</type></os></domain></node>"""


@pytest.fixture
def domain(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "node.xml").write_text(_NODE)
    connection = libvirt.open(f"test://{tmp_path}/node.xml")
    yield connection.lookupByName("old")
    connection.close()


def test_a_domain_with_nothing_beside_it(domain: Any) -> None:
    assert list(beside.carried(domain)) == []


def test_what_stays_with_it(domain: Any) -> None:
    domain.setAutostart(1)
    for name in ("before", "after"):
        domain.snapshotCreateXML(f"<domainsnapshot><name>{name}</name></domainsnapshot>", 0)
    domain.managedSave(0)
    assert list(beside.carried(domain)) == [
        Carried("autostart", Fate.KEPT),
        Carried("snapshots", Fate.DROPPED, "2 that stay with the old VM"),
        Carried("managed save", Fate.DROPPED, "its saved memory stays with the old VM"),
    ]


NIC, DISK = "<interface type='bridge'/>", "<disk type='file'/>"


@pytest.mark.parametrize(
    ("stored", "running", "only"),
    [
        (NIC, None, []),
        (NIC, NIC, []),
        (NIC + DISK, NIC, []),
        (NIC, NIC + NIC + DISK, ["devices/interface (running)", "devices/disk (running)"]),
    ],
)
def test_what_was_plugged_into_the_running_one_alone(stored: str, running: str | None, only: list[str]) -> None:
    one, other = (
        None if devices is None else ET.fromstring(f"<domain><devices>{devices}</devices></domain>")
        for devices in (stored, running)
    )
    assert one is not None
    found = list(beside.plugged(Definitions(one, other)))
    assert [(line.what, line.fate) for line in found] == [(what, Fate.DROPPED) for what in only]
