"""Questions of the plan that need no guest, asked of a hypervisor in a file."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.appliance import state
from fixtures.memory import MemoryHypervisor, add_vm, create_lab
from hypervisors import Holder, HypervisorError, Image, Network, NicSpec
from vmmigrate.addressing import address, cidr_address
from vmmigrate.appliance.net.guest import GuestNetwork, Held, Hop, Interface, KernelRoute
from vmmigrate.appliance.net.resolving import Resolvers
from vmmigrate.appliance.net.standing import Standing
from vmmigrate.findings import Finding, Severity, error, info, warning
from vmmigrate.plan import gateway, hypervisor, placement, risks
from vmmigrate.plan.image import image
from vmmigrate.plan.live import Live
from vmmigrate.plan.look import Look
from vmmigrate.plan.preflight import LOOKS
from vmmigrate.plan.questions import ask_all
from vmmigrate.settings.models import Settings

LAN = Network("lan", "network")
Made = Callable[..., Look]


@pytest.fixture
def look(tmp_path: Path) -> Made:
    """At the VM 'mailgw' with `nics` NICs of which the first is connected, and an image of `size` bytes."""

    def made(nics: int = 1, size: int = 1000, **settings: Any) -> Look:
        create_lab(tmp_path)
        macs = [f"52:54:00:00:00:0{number}" for number in range(nics)]
        add_vm(tmp_path, "mailgw", [NicSpec(LAN, mac, link_up=mac == macs[0]) for mac in macs], power="running")
        given = Settings.model_validate(settings)
        here = MemoryHypervisor(tmp_path)
        looked = Look(here, given, cast(Any, None), lambda progress: None, "mailgw", Path("new.qcow2"), "r1")
        looked.put(hypervisor.old_vm)
        looked._answers[image] = Image(Path("new.qcow2"), "qcow2", size, size, "c0ffee")
        return looked

    return made


def found_by(look: Look, ask: Callable[[Look], object]) -> list[Finding]:
    """By the question alone, as the table asks it."""
    ask_all([question for question in LOOKS if question.ask == ask], look)
    return look.findings.all


def plug_in_all(folder: Path, second: str = "lan") -> None:
    """The second one into another network."""
    with state.edit(folder) as now:
        for vm in now["vms"].values():
            for number, nic in enumerate(vm["nics"]):
                nic["link_up"] = nic["stored_link_up"] = True
                nic["network"] = second if number == 1 else nic["network"]


def with_live_nic(asked: Look, second: str = "10.0.0.5/24", way_out: str = "eth0") -> Look:
    """The first one is live. `second`: the address of the other; `way_out`: over which the default routes lead."""
    top = Interface("eth0", "52:54:00:00:00:00", (Held(cidr_address("192.0.2.10/24")),))
    other = Interface("eth1.5", "52:54:00:00:00:01", (Held(cidr_address(second)),), kind="vlan", below="eth1")
    routes = tuple(
        KernelRoute(ip_network("0.0.0.0/0"), (Hop(address("192.0.2.1"), name, on_link=False),), metric=number)
        for number, name in enumerate(way_out.split())
    )
    asked._answers[gateway.network] = GuestNetwork("gw", "gw", (top, other), routes, Resolvers())
    nic = asked.of(hypervisor.old_vm).nics[0]
    asked._answers[gateway.live] = Live(top, cidr_address("192.0.2.10/24"), Standing((top,)), nic)
    return asked


@pytest.mark.parametrize(
    ("network", "severity", "seen"),
    [
        ("lan", Severity.ERROR, "connected to lan: it would stay live on that one"),
        ("staging", Severity.WARNING, "the old VM stays connected to staging with 52:54:00:00:00:01"),
    ],
)
def test_a_second_nic_that_is_connected(
    look: Made, tmp_path: Path, network: str, severity: Severity, seen: str
) -> None:
    assert found_by(with_live_nic(look(nics=2)), gateway.nics) == []
    plug_in_all(tmp_path, network)
    again = Look(MemoryHypervisor(tmp_path), Settings(), cast(Any, None), lambda _: None, "mailgw", Path("i"), "r1")
    again.put(hypervisor.old_vm)
    [found] = found_by(with_live_nic(again), gateway.nics)
    assert (found.id, found.severity) == ("nics", severity)
    assert seen in found.seen


@pytest.mark.parametrize(
    ("second", "way_out", "why"),
    [
        ("10.0.0.5/24", "eth0 eth1.5", "a default route leads over it (eth1.5)"),
        ("8.8.4.4/24", "eth0", "it has 8.8.4.4"),
        ("2a00::5/64", "eth0", "it has 2a00::5"),
    ],
)
def test_a_second_nic_that_faces_the_world_is_an_error_unless_the_live_one_is_named(
    look: Made, tmp_path: Path, second: str, way_out: str, why: str
) -> None:
    plugged = look(nics=2)
    plug_in_all(tmp_path, "dmz")
    for named, severity in ((None, Severity.ERROR), ("eth0", Severity.WARNING)):
        settings = Settings.model_validate({"old": {"live_nic": named}})
        plugged = Look(MemoryHypervisor(tmp_path), settings, cast(Any, None), lambda _: None, "mailgw", Path("i"), "r1")
        plugged.put(hypervisor.old_vm)
        [found] = found_by(with_live_nic(plugged, second, way_out), gateway.nics)
        assert (found.id, found.severity) == ("nics", severity)
        assert (why in found.seen) == (named is None)
        assert "disconnect it" in found.remedy


@pytest.mark.parametrize("up", [True, False])
def test_two_nics_of_one_mac_block_whatever_their_links(look: Made, tmp_path: Path, up: bool) -> None:
    asked = look(nics=2)
    with state.edit(tmp_path) as now:
        [vm] = now["vms"].values()
        vm["nics"][1].update(mac=vm["nics"][0]["mac"], link_up=up, stored_link_up=up)
    asked.put(hypervisor.old_vm)
    first = found_by(with_live_nic(asked), gateway.nics)[0]
    assert (first.id, first.severity) == ("nics", Severity.ERROR)
    assert first.seen.startswith("the old VM has 2 NICs of the MAC 52:54:00:00:00:00: unplugging one")


@pytest.mark.parametrize(
    ("power", "up", "severity"),
    [("running", True, Severity.ERROR), ("other", True, Severity.ERROR), ("off", True, Severity.WARNING)],
)
def test_another_machine_with_its_mac(look: Made, tmp_path: Path, power: str, up: bool, severity: Severity) -> None:
    asked = look()
    assert found_by(asked, hypervisor.others_with_its_mac) == []
    clone = add_vm(tmp_path, "clone", [NicSpec(LAN, "52:54:00:00:00:00", link_up=up)], power=power)
    [found] = found_by(asked, hypervisor.others_with_its_mac)
    assert (found.id, found.severity) == ("mac-holder", severity)
    assert found.seen.startswith(f"clone ({clone.id}) has the old VM's MAC 52:54:00:00:00:00 and is ")


def test_one_that_is_unplugged_is_no_obstacle(look: Made, tmp_path: Path) -> None:
    asked = look()
    add_vm(tmp_path, "clone", [NicSpec(LAN, "52:54:00:00:00:00", link_up=False)], power="running")
    assert found_by(asked, hypervisor.others_with_its_mac) == []


def test_a_list_that_is_not_complete_blocks(look: Made, tmp_path: Path) -> None:
    class Incomplete(MemoryHypervisor):
        def holders(self, mac: str) -> tuple[Holder, ...]:
            raise HypervisorError("lost is inaccessible", hint="connect its host")

    asked = look()
    asked.hypervisor = Incomplete(tmp_path)
    assert found_by(asked, hypervisor.others_with_its_mac) == [
        error("mac-holder", "lost is inaccessible", "connect its host")
    ]


@pytest.mark.parametrize(("given", "name"), [({}, "mailgw-r1"), ({"new": {"name": "other"}}, "other")])
def test_the_new_name_is_as_given_or_made_of_the_old_one(look: Made, given: dict[str, Any], name: str) -> None:
    asked = look(**given)
    assert found_by(asked, hypervisor.new_name) == []
    assert asked.of(hypervisor.new_name) == name


def test_a_name_that_is_taken(look: Made) -> None:
    taken = "there is a virtual machine 'mailgw' already"
    assert found_by(look(new={"name": "mailgw"}), hypervisor.new_name) == [
        error("new-name", taken, "choose another name with new.name or --name NAME")
    ]


def test_a_store_is_chosen_where_it_has_room(look: Made) -> None:
    asked = look()
    assert found_by(asked, placement.store) == []
    assert asked.of(placement.store).name == "default"


def test_a_store_without_room(look: Made) -> None:
    asked = look(size=1 << 40)
    [found] = found_by(asked, placement.store)
    assert found.seen == "default has 1.0 GiB left, the image may grow to 1024.0 GiB"
    assert not asked.has(placement.store)


def test_of_two_stores_the_old_vms_is_taken_and_said(look: Made, tmp_path: Path) -> None:
    asked = look()
    with state.edit(tmp_path) as now:
        now["stores"].append({**now["stores"][0], "name": "other", "path": "/other"})
    said = "the new disk goes to default, which has the old VM's first disk"
    assert found_by(asked, placement.store) == [info("store", said)]


@pytest.mark.parametrize(
    ("wanted", "network"),
    [("staging", "staging"), ("bridge:br7", "bridge:br7"), ("nowhere", None)],
)
def test_staging_is_a_network_or_a_bridge(look: Made, wanted: str, network: str | None) -> None:
    asked = look(new={"staging": wanted})
    found = found_by(asked, placement.staging)
    if network is None:
        assert [each.seen for each in found] == ["no network 'nowhere' (there are: lan, staging)"]
    else:
        assert str(asked.of(placement.staging)) == network


def test_one_network_for_both_is_no_network_of_its_own(look: Made) -> None:
    asked = look(new={"staging": "same-lan"})
    assert found_by(asked, placement.staging) == []
    assert asked.of(placement.staging) is None


def test_a_network_of_that_name_is_one(look: Made, tmp_path: Path) -> None:
    asked = look(new={"staging": "same-lan"})
    with state.edit(tmp_path) as now:
        now["networks"].append({**now["networks"][0], "name": "same-lan"})
    assert found_by(asked, placement.staging) == []
    assert str(asked.of(placement.staging)) == "same-lan"


def test_what_was_given_up_is_a_warning_with_its_way_out(look: Made) -> None:
    asked = look(new={"trust_staging": True, "via": "ssh://root@jump.example"})
    assert found_by(asked, risks.trust_staging) == [
        warning(
            "trust-staging",
            "the new VM's host key is trusted as seen on the staging network",
            "set new.ssh.host_key, or use an image with a guest agent",
        )
    ]
    [_, found] = found_by(asked, risks.via)
    assert (found.id, found.severity) == ("via", Severity.WARNING)
    assert found.seen.startswith("everybody on the jump host jump.example may pass the firewall")
    assert found_by(look(), risks.trust_staging) == []
