"""A simulated vCenter or ESXi behind the fault proxy, an old virtual machine on it, and small images: no guests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyVmomi import vim

from fixtures.vsphere import inventory
from fixtures.vsphere.building import program
from fixtures.vsphere.proxy import Proxy, proxy
from fixtures.vsphere.simulator import PASSWORD, Simulator, simulator
from hypervisors import Access, DeploySpec, Image, Network, NicSpec, Secret, TlsTrust, VmRef, connect
from hypervisors.vmware.adapter import VmwareHypervisor

RUN = "run-20240102"
OLD_MAC, NEW_MAC = "00:50:56:0a:00:01", "00:50:56:0a:00:02"
STAGING = Network("staging", "portgroup")


@dataclass(frozen=True)
class World:
    """`service`: an administrator's own session, past the proxy."""

    simulator: Simulator
    proxy: Proxy
    service: vim.ServiceInstance
    hypervisor: VmwareHypervisor
    old: VmRef

    @property
    def lan(self) -> Network:
        return Network("lan", "dvportgroup" if self.simulator.kind == "vpx" else "portgroup")

    def connect(
        self, path: str = "", trust: TlsTrust | None = None, password: str = PASSWORD, stall: float = 120.0
    ) -> VmwareHypervisor:
        """Another connection, through the proxy. `path`: of the URL, /DATACENTER/CLUSTER…"""
        access = Access(lambda: Secret(password), trust or TlsTrust(ca_file=self.simulator.ca_file), stall)
        made = connect(self.simulator.url_at(self.proxy.api) + path, access)
        assert isinstance(made, VmwareHypervisor)
        return made

    def spec(self, image: Image, **change: Any) -> DeploySpec:
        nics = (NicSpec(self.lan, OLD_MAC, link_up=False), NicSpec(STAGING, NEW_MAC, link_up=True))
        given = {"run_id": RUN, "name": "new", "image": image, "like": self.old, "store": inventory.STORE}
        return DeploySpec(**{**given, "nics": nics, **change})

    def machine(self, vm: VmRef) -> vim.VirtualMachine:
        found = self.service.content.searchIndex.FindByUuid(None, vm.id, True, True)
        assert found is not None, f"{vm.name} is not there"
        return found

    def names(self) -> list[str]:
        """Of all virtual machines."""
        return sorted(vm.name for vm in inventory._all(self.service, vim.VirtualMachine))

    def files(self) -> list[str]:
        """What lies in the datastore, but for the old one's."""
        [folder] = self.simulator.folder.glob(f"*-{inventory.STORE}-*")
        return sorted(str(path.relative_to(folder)) for path in folder.glob("new*/**/*"))

    def end_sessions(self) -> None:
        """All but the administrator's."""
        manager = self.service.content.sessionManager
        own = manager.currentSession.key
        manager.TerminateSession([each.key for each in manager.sessionList if each.key != own])

    def assert_nothing_is_left(self) -> None:
        assert self.names() == ["old"]
        assert self.files() == []
        assert "open" not in self.proxy.uploads.leases.values()


@contextmanager
def world(folder: Path, kind: str, *, machines: int = 0) -> Iterator[World]:
    with (
        simulator(program(), folder, kind, machines=machines) as running,
        proxy(running.api, folder) as before,
        inventory.administrator(running) as service,
    ):
        inventory.add_networks(service, distributed=("lan",) if kind == "vpx" else ())
        inventory.add_machine(service, "old", OLD_MAC)
        access = Access(lambda: Secret(PASSWORD), TlsTrust(ca_file=running.ca_file))
        hypervisor = connect(running.url_at(before.api), access)
        assert isinstance(hypervisor, VmwareHypervisor)
        try:
            yield World(running, before, service, hypervisor, hypervisor.find("old"))
        finally:
            hypervisor.close()
