"""The parameters of the contract: memory, libvirt's test driver, a real libvirtd, vSphere's simulator, Hyper-V's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from worlds import World, esxi, hyperv, memory, real_libvirtd, test_driver, vcenter

from fixtures import openssh

_NEEDS_SSHD = pytest.mark.skipif(not openssh.SSHD, reason="needs openssh-server")


@pytest.fixture(
    params=[
        pytest.param(memory, id="memory"),
        pytest.param(test_driver, id="test-driver"),
        pytest.param(real_libvirtd, id="libvirtd", marks=pytest.mark.lab),
        pytest.param(vcenter, id="vcenter", marks=pytest.mark.vsphere),
        pytest.param(esxi, id="esxi", marks=pytest.mark.vsphere),
        pytest.param(hyperv, id="hyperv", marks=[_NEEDS_SSHD, pytest.mark.slow]),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with request.param(tmp_path) as made:
        yield made
