"""The conversation of `init` with a stand-in Hyper-V host: its key is compared, its switches are offered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from real_sshd import NEEDS_SSHD

import hypervisors
from fixtures.hyperv.lab import HypervLab, hyperv_lab
from hypervisors import Access, Hypervisor
from tests.integration.test_init import Visit, replaced, straight

pytestmark = [NEEDS_SSHD, pytest.mark.slow]


@dataclass
class HypervVisit(Visit):
    """The real adapter, which logs in by a key as by one of an agent's."""

    lab: HypervLab

    def connect(self, url: str, access: Access) -> Hypervisor:
        return hypervisors.connect(url, replace(access, ssh=replace(access.ssh, key_file=self.lab.reached.key)))


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HypervLab]:
    with hyperv_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def test_it_pins_the_host_and_writes_its_store(lab: HypervLab, tmp_path: Path) -> None:
    at = ("Address of mailgw", lab.address)  # of a static one nobody there knows
    port, same = ("Its SSH port", str(lab.ssh_port)), ("Is it the same there", "y")
    turns = replaced(replaced(straight(lab), "Address of mailgw", at), "Its SSH port", port, same)
    script = [("Is it among those", "y"), *turns]
    visit = HypervVisit(lab, tmp_path, script)
    assert visit.hold(url=lab.reached.url)
    wrote = visit.wrote()
    assert wrote["hypervisor"]["url"] == lab.reached.url
    assert wrote["hypervisor"]["store"] == lab.store
    assert wrote["hypervisor"]["host_key"].startswith("SHA256:")
    assert wrote["new"]["staging"] == "switch:staging"
    shown = "\n".join(visit.said)
    assert "Get-ChildItem $env:ProgramData" in shown
    assert r"ssh-keygen -lf $env:ProgramData\ssh\ssh_host" in shown
