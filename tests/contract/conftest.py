"""The parameters of the contract: memory, libvirt's test driver, a real libvirtd."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from worlds import World, esxi, memory, real_libvirtd, test_driver, vcenter


@pytest.fixture(
    params=[
        pytest.param(memory, id="memory"),
        pytest.param(test_driver, id="test-driver"),
        pytest.param(real_libvirtd, id="libvirtd", marks=pytest.mark.lab),
        pytest.param(vcenter, id="vcenter", marks=pytest.mark.vsphere),
        pytest.param(esxi, id="esxi", marks=pytest.mark.vsphere),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with request.param(tmp_path) as made:
        yield made
