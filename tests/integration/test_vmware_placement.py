"""Where a new virtual machine of vSphere goes: where the old one is or the URL says, where all of it is to be had."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim
from vsphere_world import NEW_MAC, STAGING, World, world

from fixtures.vsphere import inventory as furniture
from hypervisors import (
    Ambiguous,
    HypervisorError,
    Image,
    Network,
    NicSpec,
    NotFound,
    Store,
    VmRef,
    identify_image,
    no_progress,
)
from hypervisors.carried import Fate
from hypervisors.vmware import autostart, placement, properties, stores
from tests.unit.hypervisors.small_ova import stream_optimized, write_ova

pytestmark = pytest.mark.vsphere


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "vpx") as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Image:
    path = tmp_path / "image.vmdk"
    path.write_bytes(stream_optimized())
    return identify_image(path, no_progress)


def place_of(vcenter: World, path: str, image: Image, **change: Any) -> tuple[str, str, str]:
    """Host, resource pool and folder of a machine that is deployed there."""
    hypervisor = vcenter.connect(path)
    try:
        machine = vcenter.machine(hypervisor.deploy(vcenter.spec(image, **change), no_progress))
    finally:
        hypervisor.close()
    return machine.runtime.host.name, machine.resourcePool.name, machine.parent.name


class TestWhere:
    def test_where_the_old_one_is(self, vcenter: World, disk: Image) -> None:
        old = vcenter.machine(vcenter.old)
        expected = (old.runtime.host.name, old.resourcePool.name, old.parent.name)
        assert place_of(vcenter, "", disk) == expected

    def test_in_its_folder(self, vcenter: World, disk: Image) -> None:
        [datacenter] = furniture._all(vcenter.service, vim.Datacenter)
        folder = datacenter.vmFolder.CreateFolder("gateways")
        furniture._done(folder.MoveIntoFolder_Task([vcenter.machine(vcenter.old)]))
        assert place_of(vcenter, "", disk)[2] == "gateways"

    def test_in_another_folder(self, vcenter: World, disk: Image) -> None:
        [datacenter] = furniture._all(vcenter.service, vim.Datacenter)
        team = datacenter.vmFolder.CreateFolder("Mail").CreateFolder("A/B")  # the server keeps it as A%2fB
        datacenter.vmFolder.CreateFolder("A/B")
        vm = vcenter.hypervisor.deploy(vcenter.spec(disk, folder="Mail/A%2FB"), no_progress)
        assert vcenter.machine(vm).parent == team

    def test_a_folder_that_is_not_there(self, vcenter: World, disk: Image) -> None:
        [datacenter] = furniture._all(vcenter.service, vim.Datacenter)
        datacenter.vmFolder.CreateFolder("Mail").CreateFolder("Gateways")
        with pytest.raises(
            NotFound, match="no folder 'Getaways' of virtual machines on the way to 'Mail/Get"
        ) as caught:
            vcenter.hypervisor.rehearse(vcenter.spec(disk, folder="Mail/Getaways"))
        assert caught.value.hint == "those there are in its place: Gateways"

    def test_names_are_shown_as_they_are_to_be_written(self, vcenter: World, disk: Image) -> None:
        """The hint is pasted: a slash in a name would lead one folder down, a bare per cent sign elsewhere."""
        [datacenter] = furniture._all(vcenter.service, vim.Datacenter)
        datacenter.vmFolder.CreateFolder("Mail%2fGateways").CreateFolder("Büro")  # the server's own spelling
        with pytest.raises(NotFound) as caught:
            vcenter.hypervisor.rehearse(vcenter.spec(disk, folder="Mail/Gateways"))
        assert caught.value.hint == "those there are in its place: Mail%2FGateways"
        vcenter.hypervisor.rehearse(vcenter.spec(disk, folder="Mail%2FGateways/Büro"))
        vcenter.service.content.rootFolder.CreateDatacenter("Ber%2flin")
        with pytest.raises(Ambiguous) as several:
            vcenter.hypervisor.rehearse(vcenter.spec(disk))
        assert several.value.hint == "name one in the URL's path: Ber%2Flin, DC0"
        with pytest.raises(NotFound, match=r"no datacenter 'Ber%2Fln' \(there are: Ber%2Flin, DC0\)"):
            vcenter.connect("/Ber%2Fln").rehearse(vcenter.spec(disk))
        with pytest.raises(NotFound, match="no virtual machine 'old' in the datacenter Ber/lin"):
            vcenter.connect("/Ber%2Flin").find("old")

    @pytest.mark.parametrize(
        ("path", "hosts"),
        [
            ("/DC0", ("DC0_H0",)),
            ("/DC0/DC0_H0", ("DC0_H0",)),
            ("/DC0/DC0_C0", ("DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2")),
            ("/DC0/DC0_C0_H2", ("DC0_C0_H2",)),
        ],
        ids=["datacenter", "host", "cluster", "host of a cluster"],
    )
    def test_where_the_url_says(self, vcenter: World, disk: Image, path: str, hosts: tuple[str, ...]) -> None:
        assert place_of(vcenter, path, disk)[0] in hosts

    def test_in_a_pool_of_the_urls(self, vcenter: World, disk: Image) -> None:
        [cluster] = furniture._all(vcenter.service, vim.ClusterComputeResource)
        share = vim.ResourceAllocationInfo(
            reservation=0, limit=-1, expandableReservation=True, shares=vim.SharesInfo(level="normal", shares=4000)
        )
        spec = vim.ResourceConfigSpec(cpuAllocation=share, memoryAllocation=share)
        cluster.resourcePool.CreateResourcePool("mail", spec)
        assert place_of(vcenter, "/DC0/DC0_C0/mail", disk)[1] == "mail"

    @pytest.mark.parametrize(
        ("path", "missing", "hint"),
        [
            ("/DC9", "no datacenter 'DC9'", "DC0"),
            ("/DC0/C9", "no cluster or host 'C9'", "DC0_C0, DC0_C0_H0"),
            ("/DC0/DC0_C0/P9", "no resource pool 'P9' in DC0_C0", "none"),
        ],
    )
    def test_what_is_not_there_is_told_with_what_is(
        self, vcenter: World, disk: Image, path: str, missing: str, hint: str
    ) -> None:
        with pytest.raises(NotFound, match=missing) as caught:
            place_of(vcenter, path, disk)
        assert f"(there are: {hint}" in str(caught.value)
        assert vcenter.names() == ["old"]


class TestTwoOfOneName:
    """A name is borne once a folder."""

    def test_two_datacenters(self, vcenter: World, disk: Image) -> None:
        vcenter.service.content.rootFolder.CreateFolder("other").CreateDatacenter("DC0")
        with pytest.raises(Ambiguous, match="has 2 datacenters 'DC0'") as caught:
            place_of(vcenter, "/DC0", disk)
        assert "another name" in caught.value.hint
        with pytest.raises(Ambiguous, match="has 2 datacenters") as caught:
            place_of(vcenter, "", disk)
        assert "in the URL's path: DC0, DC0" in caught.value.hint

    def test_two_networks(self, vcenter: World, disk: Image) -> None:
        furniture.add_portgroup_elsewhere(vcenter.service, "lan")
        assert vcenter.hypervisor.networks().count(vcenter.lan) == 2
        with pytest.raises(Ambiguous, match=r"2 networks are called 'lan' \(dvportgroup\)"):
            vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
        nics = (NicSpec(STAGING, NEW_MAC, link_up=False),)
        assert vcenter.hypervisor.deploy(vcenter.spec(disk, nics=nics), no_progress).name == "new"


class TestOldOneInAVapp:
    def test_the_new_one_lies_beside_it(self, vcenter: World, disk: Image) -> None:
        """A vApp takes no import into a folder, and its members have none of their own."""
        pool = vcenter.machine(vcenter.old).resourcePool
        share = vim.ResourceAllocationInfo(
            reservation=0, limit=-1, expandableReservation=True, shares=vim.SharesInfo(level="normal", shares=4000)
        )
        spec = vim.ResourceConfigSpec(cpuAllocation=share, memoryAllocation=share)
        vapp = pool.CreateVApp("suite", spec, vim.vApp.VAppConfigSpec(), None)
        shape = furniture._shape(vcenter.service, "member", [("00:50:56:0a:00:31", "lan", True)])
        member = furniture._done(vapp.CreateChildVM_Task(shape, None))
        assert isinstance(member.resourcePool, vim.VirtualApp)
        like = VmRef(member.config.instanceUuid, "member")
        nics = (NicSpec(vcenter.lan, NEW_MAC, link_up=False),)
        new = vcenter.hypervisor.deploy(vcenter.spec(disk, like=like, nics=nics), no_progress)
        assert vcenter.machine(new).resourcePool == pool
        assert isinstance(vcenter.machine(new).parent, vim.Folder)
        spec = dataclasses.replace(vcenter.spec(disk, like=like, nics=nics), name="another")
        assert vcenter.hypervisor.rehearse(spec) == ()
        [said] = [each for each in vcenter.hypervisor.carried(spec) if each.what == "parentVApp"]
        assert (said.fate, "start order" in said.why) == (Fate.DROPPED, True)


class TestOldOneOnASegmentOfNsx:
    def test_its_card_is_read_and_the_new_one_is_plugged_into_the_same(self, vcenter: World, disk: Image) -> None:
        """No API plugs a card of the simulator into one: its answers and the list of networks have it."""
        vcenter.simulator.add_segment("seg-mail", "4f1c-mail")
        # of its machine the simulator lists a network without type or id, which no server has
        vcenter.proxy.rewrite(rb'<ManagedObjectReference [^>]*type=""[^>]*></ManagedObjectReference>', b"")
        segment = Network("seg-mail", "opaque")
        assert segment in vcenter.hypervisor.networks()
        backing = vim.vm.device.VirtualEthernetCard.OpaqueNetworkBackingInfo
        spec = furniture._shape(vcenter.service, "nsx", [("00:50:56:0a:00:41", "lan", True)])
        card = next(each.device for each in spec.deviceChange if hasattr(each.device, "macAddress"))
        card.backing = backing(opaqueNetworkId="4f1c-mail", opaqueNetworkType="nsx.LogicalSwitch")
        folder, pool = vcenter.machine(vcenter.old).parent, vcenter.machine(vcenter.old).resourcePool
        old = furniture._done(folder.CreateVM_Task(spec, pool))
        like = VmRef(old.config.instanceUuid, "nsx")
        assert [nic.network for nic in vcenter.hypervisor.inventory(like).nics] == [segment]
        nics = (NicSpec(segment, NEW_MAC, link_up=False),)
        wanted = vcenter.spec(disk, like=like, nics=nics)
        assert vcenter.hypervisor.rehearse(wanted) == ()
        assert not [each for each in vcenter.hypervisor.carried(wanted) if "4f1c" in each.what + each.why]
        new = vcenter.hypervisor.deploy(wanted, no_progress)
        [made] = vcenter.hypervisor.inventory(new).nics
        assert (made.network, made.link_up) == (segment, False)
        for up in (True, False):
            vcenter.hypervisor.set_nic(new, NEW_MAC, link_up=up)
            [holder] = vcenter.hypervisor.holders(NEW_MAC)
            assert (holder.network, holder.stored_link_up) == (segment, up)


class TestEncryptedOldOne:
    def test_the_plan_names_it_and_its_disk(self, vcenter: World, disk: Image) -> None:
        """The simulator encrypts nothing: its answers say so."""
        key = b"<keyId>%s<keyId>k-1</keyId><providerId><id>kms</id></providerId></keyId>"
        vcenter.proxy.rewrite(rb'(<val [^>]*type="VirtualMachineConfigInfo"[^>]*>)', rb"\1" + key % b"")
        vcenter.proxy.rewrite(rb'(<backing [^>]*type="VirtualDiskFlatVer2BackingInfo"[^>]*>)', rb"\1" + key % b"")
        wanted = vcenter.spec(disk)
        found = {each.what: each for each in vcenter.hypervisor.carried(wanted)}
        encrypted = [what for what, each in found.items() if what.endswith("keyId")]
        assert [found[what].fate for what in encrypted] == [Fate.NOT_POSSIBLE] * 2, found
        assert all("encrypting storage policy" in found[what].why for what in encrypted)
        assert vcenter.hypervisor.rehearse(wanted) == ()


UP = {"runtime.connectionState": "connected", "runtime.inMaintenanceMode": False}


class TestHosts:
    """The URL names a cluster of three."""

    def host_of(self, vcenter: World, disk: Image) -> str:
        return place_of(vcenter, "/DC0/DC0_C0", disk)[0]

    def test_one_in_maintenance_is_passed_over(self, vcenter: World, disk: Image) -> None:
        for host in furniture._all(vcenter.service, vim.HostSystem):
            if host.name in ("DC0_C0_H0", "DC0_C0_H1"):
                furniture._done(host.EnterMaintenanceMode_Task(0))
        assert self.host_of(vcenter, disk) == "DC0_C0_H2"

    def test_one_that_does_not_see_the_datastore_is_passed_over(
        self, vcenter: World, disk: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        [seeing] = [host._moId for host in furniture._all(vcenter.service, vim.HostSystem) if host.name == "DC0_C0_H1"]
        with_hosts(monkeypatch, hosts=frozenset([seeing]))
        assert self.host_of(vcenter, disk) == "DC0_C0_H1"

    def test_one_of_which_the_server_tells_nothing_is_passed_over(
        self, vcenter: World, disk: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = properties.of_each
        monkeypatch.setattr(properties, "of_each", lambda *asked: [])
        with pytest.raises(HypervisorError, match="the server reports nothing about some hosts to this account"):
            self.host_of(vcenter, disk)
        monkeypatch.setattr(properties, "of_each", lambda *asked: told(*asked)[1:])
        assert self.host_of(vcenter, disk) == "DC0_C0_H1"

    def test_none_is_left(self, vcenter: World, disk: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        with_hosts(monkeypatch, hosts=frozenset())
        with pytest.raises(HypervisorError, match="no host of DC0_C0 can take the new virtual machine") as caught:
            self.host_of(vcenter, disk)
        assert "DC0_C0_H0 does not see the datastore LocalDS_0" in str(caught.value)
        assert vcenter.names() == ["old"]

    def test_a_network_that_a_host_lacks(self) -> None:
        here = {"network": [vim.Network("network-of-others")], "name": "h1", **UP}
        lan, far = Network("lan", "portgroup"), vim.Network("network-of-others")
        store = stores.Datastore(None, Store("s", "", 0, 0), frozenset(["host-1"]), "normal")
        host = vim.HostSystem("host-1")
        assert placement._refusal(host, here, store, {lan: far}) is None
        assert placement._refusal(host, {**here, "network": []}, store, {lan: far}) == "h1 has no network portgroup:lan"


class TestARehearsal:
    @pytest.mark.parametrize("enabled", [True, False])
    def test_what_the_host_cannot_start_at_boot_is_told(
        self, vcenter: World, disk: Image, monkeypatch: pytest.MonkeyPatch, enabled: bool
    ) -> None:
        """Only the old one's host starts what it has listed; in the simulator all hosts share one list."""
        vcenter.hypervisor.set_autostart(vcenter.old, True)
        old_host = vcenter.machine(vcenter.old).runtime.host
        listed = autostart._list_of

        def of_host(session: Any, host: vim.HostSystem, name: str) -> Any:
            return listed(session, host, name) if enabled or host._moId == old_host._moId else (None, None)

        monkeypatch.setattr(autostart, "_list_of", of_host)
        there = vcenter.connect("/DC0/DC0_C0_H2")
        lacking = [str(each) for each in there.rehearse(vcenter.spec(disk))]
        assert lacking == ([] if enabled else ["the host of new keeps no list of what to start at boot"])
        there.close()

    def test_it_changes_nothing(self, vcenter: World, tmp_path: Path) -> None:
        """Nor does it want the secrets among the properties."""
        image = identify_image(write_ova(tmp_path / "mailgw.ova"), no_progress)
        vcenter.proxy.forget_calls()
        assert vcenter.hypervisor.rehearse(vcenter.spec(image)) == ()
        assert vcenter.proxy.calls["CreateImportSpec"] == 1
        assert sum(vcenter.proxy.writes().values()) == 0, vcenter.proxy.writes()

    @pytest.mark.parametrize(("name", "length"), [("x" * 80, 80), ("x" * 81, 81), ("x" * 76 + "%/", 82)])
    def test_a_name_that_is_too_long(self, vcenter: World, disk: Image, name: str, length: int) -> None:
        spec = vcenter.spec(disk, name=name)
        if length <= 80:
            assert vcenter.hypervisor.rehearse(spec) == ()
        else:
            with pytest.raises(HypervisorError, match=f"has {length} characters as vSphere counts them; it takes 80"):
                vcenter.hypervisor.rehearse(spec)


class TestDatastores:
    @pytest.mark.parametrize(
        ("maintenance", "why"), [("normal", "is not accessible"), ("inMaintenance", r"is in maintenance \(inMaint")]
    )
    def test_one_that_is_out_of_use(
        self, vcenter: World, disk: Image, monkeypatch: pytest.MonkeyPatch, maintenance: str, why: str
    ) -> None:
        with_hosts(monkeypatch, maintenance=maintenance, active=False)
        with pytest.raises(HypervisorError, match=f"the datastore LocalDS_0 {why}"):
            vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
        assert vcenter.names() == ["old"]


def with_hosts(monkeypatch: pytest.MonkeyPatch, *, active: bool = True, **change: Any) -> None:
    """The datastores as they would be told if they were otherwise: the simulator's are always well."""
    told = stores.datastores

    def amended(session: Any) -> tuple[stores.Datastore, ...]:
        return tuple(
            dataclasses.replace(each, store=dataclasses.replace(each.store, active=active), **change)
            for each in told(session)
        )

    monkeypatch.setattr(stores, "datastores", amended)


class TestTwoDatacenters:
    """A UUID is looked for where the URL says, as a name is."""

    @pytest.fixture
    def other(self, vcenter: World) -> Iterator[Any]:
        vcenter.service.content.rootFolder.CreateDatacenter("DC1")
        connected = vcenter.connect("/DC1")
        yield connected
        connected.close()

    def test_a_machine_of_another_one_is_not_found(self, vcenter: World, other: Any) -> None:
        for name_or_id in ("old", vcenter.old.id, vcenter.old.id.upper()):
            with pytest.raises(NotFound, match=rf"no virtual machine '{name_or_id}' in the datacenter DC1"):
                other.find(name_or_id)

    def test_one_of_its_own_is(self, vcenter: World) -> None:
        connected = vcenter.connect("/DC0")
        assert connected.find(vcenter.old.id) == connected.find("old") == vcenter.old
        connected.close()

    def test_one_that_a_run_knows_is_acted_on_wherever_it_is(self, vcenter: World, other: Any) -> None:
        """Somebody moved it meanwhile: it is not gone."""
        assert other.inventory(vcenter.old).vm == vcenter.old
