"""What every adapter promises, in one test for all of them."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest
from worlds import MEBI, NEW_MAC, OLD_MAC, OTHER_RUN, RUN, World

from hypervisors import (
    NOWHERE,
    BadImage,
    Cancelled,
    Changed,
    Fate,
    GuestAgent,
    GuestCommands,
    Holder,
    HypervisorError,
    NameTaken,
    Network,
    Nic,
    NicSpec,
    NoRoom,
    NotFound,
    NotOurs,
    NotSupported,
    OvfProperty,
    PowerState,
    Progress,
    Rename,
    Snapshots,
    TimedOut,
    VappProperties,
    VmRef,
    no_progress,
)

GONE = VmRef("00000000-0000-4000-8000-000000000000", "gone")


def nics_of(world: World, vm: VmRef) -> list[tuple[str, str, bool, bool]]:
    found: tuple[Nic, ...] = world.hypervisor.inventory(vm).nics
    assert all(nic.network == NOWHERE for nic in found if not world.keeps_network and not nic.link_up)
    nics = [(nic.mac, nic.network.name, nic.link_up, nic.stored_link_up) for nic in found]
    return nics if world.keeps_order else sorted(nics)


class TestLooking:
    def test_find_by_name_and_by_id(self, world: World) -> None:
        assert world.hypervisor.find(world.old.name) == world.old
        assert world.hypervisor.find(world.old.id) == world.old

    def test_what_is_not_there_is_told_with_what_is(self, world: World) -> None:
        with pytest.raises(NotFound) as caught:
            world.hypervisor.find("nobody")
        assert str(caught.value).startswith("no virtual machine 'nobody' (there are: ")
        assert world.old.name in str(caught.value)
        assert caught.value.hint == "correct the name, or give its UUID"

    @pytest.mark.parametrize("ask", ["inventory", "power_state", "start", "addresses"])
    def test_a_machine_that_is_gone(self, world: World, ask: str) -> None:
        with pytest.raises(NotFound, match="the virtual machine gone"):
            getattr(world.hypervisor, ask)(GONE)

    def test_inventory(self, world: World) -> None:
        seen = world.hypervisor.inventory(world.old)
        assert (seen.vm, seen.power, seen.vcpus) == (world.old, PowerState.OFF, 1)
        assert seen.memory % MEBI == 0
        assert seen.firmware == "bios"
        assert seen.autostart is False
        assert [dataclasses.replace(nic, id="") for nic in seen.nics] == [
            Nic(OLD_MAC, world.lan, world.nic_model, link_up=True, stored_link_up=True)
        ]

    def test_networks_and_stores(self, world: World) -> None:
        assert {world.lan, world.staging} <= set(world.hypervisor.networks())
        [store] = [store for store in world.hypervisor.stores() if store.name == world.store]
        assert store.active
        assert 0 < store.available <= store.capacity

    @pytest.mark.parametrize(("mac", "kept"), [(OLD_MAC, True), (OLD_MAC.upper(), True), ("01:00:5e:00:00:01", False)])
    def test_a_unicast_mac_is_kept_and_a_multicast_one_is_not(self, world: World, mac: str, kept: bool) -> None:
        assert world.hypervisor.keeps_mac(mac) is kept

    def test_a_disk_tells_which_store_holds_it(self, world: World) -> None:
        assert [disk.store for disk in world.hypervisor.inventory(world.ours()).disks] == [world.store]

    def test_nobody_is_tagged_at_first(self, world: World) -> None:
        assert world.hypervisor.find_tagged(RUN) == ()


class TestRehearsing:
    def test_nothing_is_made_and_nothing_will_be_lacking(self, world: World) -> None:
        world.needs("deploy")
        before = world.hypervisor.inventory(world.old)
        assert world.hypervisor.rehearse(world.spec()) == ()
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])
        assert world.hypervisor.inventory(world.old) == before

    def test_what_is_carried_is_listed_and_nothing_is_made(self, world: World) -> None:
        world.needs("carried")
        same, more = (world.hypervisor.carried(world.spec(**change)) for change in ({}, {"memory": 96 * MEBI}))
        for listed in (same, more):
            whats = [one.what for one in listed]
            assert whats
            assert len(whats) == len(set(whats))  # each thing has one fate
            assert all(one.why for one in listed if one.fate is not Fate.KEPT)
        assert any(one.fate is Fate.CHANGED and "memory" in one.what.lower() for one in more if one not in same)
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])

    def test_nothing_is_carried_from_a_machine_that_is_gone(self, world: World) -> None:
        world.needs("carried")
        with pytest.raises(NotFound, match="the virtual machine gone"):
            world.hypervisor.carried(world.spec(like=GONE))

    @pytest.mark.parametrize(
        ("change", "kind", "words"),
        [
            ({"store": "nowhere"}, NotFound, "'nowhere'"),
            ({"nics": (NicSpec(Network("nowhere", "network"), None, link_up=True),)}, NotFound, "'nowhere'"),
            ({"like": GONE}, NotFound, "the virtual machine gone"),
            ({"folder": "nowhere/else"}, HypervisorError, "folder"),
        ],
        ids=["store", "network", "old one", "folder"],
    )
    def test_what_a_deployment_would_refuse_is_refused(
        self, world: World, change: dict[str, Any], kind: type[HypervisorError], words: str
    ) -> None:
        with pytest.raises(kind, match=words) as caught:
            world.hypervisor.rehearse(world.spec(**change))
        assert caught.value.hint
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])

    def test_the_name_of_any_machine_is_refused(self, world: World) -> None:
        """Our own too: it comes before the first attempt."""
        ours = world.ours()
        for taken in (world.old, ours):
            with pytest.raises(NameTaken, match=f"there is a virtual machine {taken.name} already"):
                world.hypervisor.rehearse(world.spec(name=taken.name))


class TestDeploying:
    def test_a_machine_like_the_old_one_switched_off(self, world: World) -> None:
        world.needs("deploy")
        old = world.hypervisor.inventory(world.old)
        vm = world.hypervisor.deploy(world.spec(), no_progress)
        new = world.hypervisor.inventory(vm)
        same = ("vcpus", "memory", "machine", "domain_type", "cpu", "firmware")
        assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
        assert (new.power, new.autostart, new.notes) == (PowerState.OFF, False, "")
        assert [disk.capacity for disk in new.disks] == [world.image.virtual_size]
        assert nics_of(world, vm) == [
            (OLD_MAC, world.shown(world.lan).name, False, False),
            (NEW_MAC, "staging", True, True),
        ]
        assert world.hypervisor.find_tagged(RUN) == (vm,)
        assert world.hypervisor.find_tagged(RUN[:-1]) == ()

    def test_with_memory_and_cpus_of_its_own(self, world: World) -> None:
        world.needs("deploy")
        vm = world.hypervisor.deploy(world.spec(vcpus=2, memory=96 * MEBI), no_progress)
        new = world.hypervisor.inventory(vm)
        assert (new.vcpus, new.memory) == (2, 96 * MEBI)

    def test_a_nic_without_a_mac_is_given_one(self, world: World) -> None:
        world.needs("deploy")
        vm = world.hypervisor.deploy(world.spec(nics=(NicSpec(world.lan, None, link_up=True),)), no_progress)
        assert len(world.hypervisor.inventory(vm).nics[0].mac) == len(OLD_MAC)

    def test_progress_grows_to_its_total(self, world: World) -> None:
        world.needs("deploy")
        seen: list[Progress] = []
        world.hypervisor.deploy(world.spec(), seen.append)
        assert seen == sorted(seen, key=lambda progress: progress.done)
        assert {progress.total for progress in seen} == {seen[-1].done}

    def test_twice_is_once(self, world: World) -> None:
        world.needs("deploy")
        vm = world.hypervisor.deploy(world.spec(), no_progress)
        volumes = world.volumes()
        assert world.hypervisor.deploy(world.spec(), no_progress) == vm
        assert world.volumes() == volumes

    def test_what_was_interrupted_bears_the_tag_and_is_made_anew(self, world: World) -> None:
        world.needs("deploy")

        def stop(progress: Progress) -> None:
            raise Cancelled("stop", hint="go on")

        with pytest.raises(Cancelled):
            world.hypervisor.deploy(world.spec(), stop)
        halves = world.hypervisor.find_tagged(RUN)
        assert len(halves) == (0 if world.tidies else 1)
        whole = world.hypervisor.deploy(world.spec(), no_progress)
        assert whole.id not in [half.id for half in halves]
        assert world.hypervisor.find_tagged(RUN) == (whole,)
        assert len(world.volumes()) == 1
        assert world.hypervisor.inventory(whole).disks[0].capacity == world.image.virtual_size

    def test_what_was_interrupted_can_be_destroyed(self, world: World) -> None:
        world.needs("deploy")
        before = world.hypervisor.stores()

        def stop(progress: Progress) -> None:
            raise Cancelled("stop", hint="go on")

        with pytest.raises(Cancelled):
            world.hypervisor.deploy(world.spec(), stop)
        for half in world.hypervisor.find_tagged(RUN):
            world.hypervisor.destroy(half, RUN)
        assert world.volumes() == []
        assert [store.capacity for store in world.hypervisor.stores()] == [store.capacity for store in before]

    def test_a_taken_name_is_refused(self, world: World) -> None:
        with pytest.raises(NameTaken, match=f"there is a virtual machine {world.old.name} already"):
            world.hypervisor.deploy(world.spec(name=world.old.name), no_progress)

    def test_another_runs_machine_is_not_ours(self, world: World) -> None:
        ours = world.ours()
        with pytest.raises(NameTaken):
            world.hypervisor.deploy(world.spec(run_id=OTHER_RUN), no_progress)
        assert world.hypervisor.find_tagged(RUN) == (ours,)

    @pytest.mark.parametrize(
        ("change", "missing"),
        [
            ({"store": "nowhere"}, "'nowhere'"),
            ({"nics": (NicSpec(Network("nowhere", "network"), None, link_up=True),)}, "'nowhere'"),
            ({"like": GONE}, "the virtual machine gone"),
        ],
    )
    def test_what_is_missing_is_told_before_anything_is_made(
        self, world: World, change: dict[str, Any], missing: str
    ) -> None:
        with pytest.raises(NotFound, match=missing):
            world.hypervisor.deploy(world.spec(**change), no_progress)
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])

    def test_an_image_that_has_changed_is_refused(self, world: World) -> None:
        changed = dataclasses.replace(world.image, file_size=7)
        with pytest.raises(BadImage, match="is not what it was"):
            world.hypervisor.deploy(world.spec(image=changed), no_progress)
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])

    def test_an_image_of_other_bytes_does_not_become_whole(self, world: World) -> None:
        """It was replaced by one of the same size after it was identified."""
        world.needs("deploy", "a look at the bytes")
        changed = dataclasses.replace(world.image, sha256="0" * 64, stamp="")
        with pytest.raises(BadImage, match="its bytes have changed"):
            world.hypervisor.deploy(world.spec(image=changed), no_progress)
        whole = world.hypervisor.deploy(world.spec(), no_progress)
        assert world.hypervisor.find_tagged(RUN) == (whole,)
        assert len(world.volumes()) == 1

    def test_a_property_that_the_image_does_not_have_is_refused(self, world: World) -> None:
        with pytest.raises(HypervisorError, match="propert") as caught:
            world.hypervisor.deploy(world.spec(properties={"net.ip": "192.0.2.7"}), no_progress)
        assert caught.value.hint
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])

    def test_a_full_store_is_told_before_anything_is_made(self, world: World, tmp_path: Path) -> None:
        world.needs("a full store")
        room = next(store.available for store in world.hypervisor.stores() if store.name == world.store)
        with pytest.raises(NoRoom) as caught:
            world.hypervisor.deploy(world.spec(image=world.larger_than(room, tmp_path)), no_progress)
        assert caught.value.hint.startswith("free room")
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])


class TestPower:
    def test_start_and_power_off_are_convergent(self, world: World) -> None:
        ours = world.ours()
        for _ in range(2):
            world.hypervisor.start(ours)
            assert world.hypervisor.power_state(ours) is PowerState.RUNNING
        for _ in range(2):
            world.hypervisor.power_off(ours, RUN)
            assert world.hypervisor.power_state(ours) is PowerState.OFF

    def test_only_our_own_is_switched_off_by_force(self, world: World) -> None:
        world.hypervisor.start(world.old)
        with pytest.raises(NotOurs):
            world.hypervisor.power_off(world.old, RUN)
        assert world.hypervisor.power_state(world.old) is PowerState.RUNNING

    def test_shut_down_of_what_is_off_is_nothing(self, world: World) -> None:
        world.hypervisor.shut_down(world.old, timeout=0)

    def test_shut_down_waits_for_the_guest(self, world: World) -> None:
        world.needs("a guest that obeys")
        world.hypervisor.start(world.old)
        world.hypervisor.shut_down(world.old, timeout=60)
        assert world.hypervisor.power_state(world.old) is PowerState.OFF

    def test_a_guest_that_ignores_it_is_never_forced(self, world: World) -> None:
        world.needs("a guest that ignores")
        world.hypervisor.start(world.old)
        with pytest.raises(TimedOut, match="to shut down") as caught:
            world.hypervisor.shut_down(world.old, timeout=0.2)
        assert "never switched off by force" in caught.value.hint
        assert world.hypervisor.power_state(world.old) is PowerState.RUNNING


class TestNics:
    @pytest.mark.parametrize("runs", [False, True], ids=["off", "running"])
    def test_link_and_network_change_in_both_definitions(self, world: World, runs: bool) -> None:
        world.needs("links")
        if runs:
            world.hypervisor.start(world.old)
        for _ in range(2):
            world.hypervisor.set_nic(world.old, OLD_MAC.upper(), link_up=False)
            assert nics_of(world, world.old) == [(OLD_MAC, world.shown(world.lan).name, False, False)]
        for _ in range(2):
            world.hypervisor.set_nic(world.old, OLD_MAC, link_up=True, network=world.lan)
            assert nics_of(world, world.old) == [(OLD_MAC, "lan", True, True)]
        for _ in range(2):
            world.hypervisor.set_nic(world.old, OLD_MAC, network=world.staging)
            assert nics_of(world, world.old) == [(OLD_MAC, "staging", True, True)]

    def test_a_link_outlives_a_restart(self, world: World) -> None:
        world.needs("links")
        ours = world.ours()
        world.hypervisor.start(ours)
        world.hypervisor.set_nic(ours, OLD_MAC, link_up=True, network=world.lan)
        world.hypervisor.set_nic(ours, NEW_MAC, link_up=False)
        world.hypervisor.power_off(ours, RUN)
        world.hypervisor.start(ours)
        assert nics_of(world, ours) == [
            (OLD_MAC, "lan", True, True),
            (NEW_MAC, world.shown(world.staging).name, False, False),
        ]

    def test_no_such_nic(self, world: World) -> None:
        with pytest.raises(NotFound, match=f"has no NIC {NEW_MAC}"):
            world.hypervisor.set_nic(world.old, NEW_MAC, link_up=False)

    def test_what_is_so_already_is_left_alone(self, world: World) -> None:
        world.hypervisor.set_nic(world.old, OLD_MAC, link_up=True, network=world.lan)
        assert nics_of(world, world.old) == [(OLD_MAC, "lan", True, True)]

    def test_a_nic_is_removed_for_good(self, world: World) -> None:
        world.needs("links")
        ours = world.ours()
        for _ in range(2):
            world.hypervisor.remove_nic(ours, NEW_MAC, RUN)
            assert [nic.mac for nic in world.hypervisor.inventory(ours).nics] == [OLD_MAC]

    def test_only_our_own_loses_a_nic(self, world: World) -> None:
        with pytest.raises(NotOurs):
            world.hypervisor.remove_nic(world.old, OLD_MAC, RUN)
        assert [nic.mac for nic in world.hypervisor.inventory(world.old).nics] == [OLD_MAC]


class TestHolders:
    def held(self, world: World, mac: str) -> dict[str, Holder]:
        """A lab may hold other tests' machines with the same MAC."""
        found = [holder for holder in world.hypervisor.holders(mac) if holder.vm.name.startswith(world.old.name)]
        assert len({holder.vm.id for holder in found}) == len(found)
        return {holder.vm.name: holder for holder in found}

    def test_every_machine_with_that_mac_whoever_made_it(self, world: World) -> None:
        ours = world.ours()
        old = Holder(world.old, PowerState.OFF, True, True, world.lan)
        assert self.held(world, OLD_MAC)[world.old.name] == old
        assert self.held(world, OLD_MAC).keys() == {world.old.name, ours.name}
        assert self.held(world, NEW_MAC).keys() == {ours.name}
        assert self.held(world, "52:54:00:c0:00:99") == {}

    def test_in_any_spelling(self, world: World) -> None:
        assert world.hypervisor.holders(OLD_MAC.upper()) == world.hypervisor.holders(OLD_MAC)

    def test_one_that_runs_with_its_link_up_is_live(self, world: World) -> None:
        assert not self.held(world, OLD_MAC)[world.old.name].is_live
        world.hypervisor.start(world.old)
        assert self.held(world, OLD_MAC)[world.old.name].is_live

    def test_links_running_and_stored(self, world: World) -> None:
        world.needs("links")
        world.hypervisor.start(world.old)
        world.hypervisor.set_nic(world.old, OLD_MAC, link_up=False)
        down = Holder(world.old, PowerState.RUNNING, False, False, world.shown(world.lan))
        assert self.held(world, OLD_MAC)[world.old.name] == down
        assert not down.is_live

    def test_one_that_was_destroyed_is_gone(self, world: World) -> None:
        ours = world.ours()
        world.hypervisor.destroy(ours, RUN)
        assert self.held(world, OLD_MAC).keys() == {world.old.name}


class TestNotesAndAutostart:
    def test_notes_over_others_are_written_only_if_those_are_there(self, world: World) -> None:
        before = world.hypervisor.inventory(world.old).notes
        world.hypervisor.set_notes(world.old, "first", over=before)
        with pytest.raises(Changed) as caught:
            world.hypervisor.set_notes(world.old, "second", over=before)
        assert caught.value.hint
        assert world.hypervisor.inventory(world.old).notes == "first"
        world.hypervisor.set_notes(world.old, "second", over="first")
        assert world.hypervisor.inventory(world.old).notes == "second"

    def test_what_stands_there_already_was_written_by_a_call_whose_answer_was_lost(self, world: World) -> None:
        before = world.hypervisor.inventory(world.old).notes
        for _ in range(2):
            world.hypervisor.set_notes(world.old, "ours", over=before)
        assert world.hypervisor.inventory(world.old).notes == "ours"

    @pytest.mark.parametrize("runs", [False, True], ids=["off", "running"])
    def test_notes_are_replaced(self, world: World, runs: bool) -> None:
        if runs:
            world.hypervisor.start(world.old)
        for notes in ("kept, unplugged", "kept, unplugged", "Grüße <&>\nzwei Zeilen"):
            world.hypervisor.set_notes(world.old, notes)
            assert world.hypervisor.inventory(world.old).notes == notes

    def test_notes_are_emptied(self, world: World) -> None:
        world.needs("empty notes")
        world.hypervisor.set_notes(world.old, "kept, unplugged")
        world.hypervisor.set_notes(world.old, "")
        assert world.hypervisor.inventory(world.old).notes == ""

    def test_autostart(self, world: World) -> None:
        for autostart in (True, True, False, False):
            world.hypervisor.set_autostart(world.old, autostart)
            assert world.hypervisor.inventory(world.old).autostart is autostart


class TestDestroying:
    @pytest.mark.parametrize("runs", [False, True], ids=["off", "running"])
    def test_nothing_is_left(self, world: World, runs: bool) -> None:
        ours = world.ours()
        assert len(world.volumes()) == 1
        if runs:
            world.hypervisor.start(ours)
        world.hypervisor.destroy(ours, RUN)
        with pytest.raises(NotFound):
            world.hypervisor.find(ours.name)
        assert (world.hypervisor.find_tagged(RUN), world.volumes()) == ((), [])

    def test_nothing_where_it_is_gone(self, world: World) -> None:
        ours = world.ours()
        world.hypervisor.destroy(ours, RUN)
        world.hypervisor.destroy(ours, RUN)
        world.hypervisor.destroy(GONE, RUN)

    def test_what_lacks_our_tag_is_left(self, world: World) -> None:
        ours = world.ours()
        for vm, run in ((world.old, RUN), (ours, OTHER_RUN)):
            with pytest.raises(NotOurs):
                world.hypervisor.destroy(vm, run)
        assert world.hypervisor.find(world.old.name) == world.old
        assert world.hypervisor.find_tagged(RUN) == (ours,)
        assert len(world.volumes()) == 1

    def test_a_copy_of_ours_is_not_ours(self, world: World) -> None:
        """A clone, a replica, a restored backup: it bears the tag of what it was made from."""
        if world.copy is None:
            pytest.skip("nobody copies machines here")
        ours = world.ours()
        copy = world.copy(ours, f"{world.old.name}-copy")
        assert world.hypervisor.find_tagged(RUN) == (ours,)
        world.hypervisor.start(copy)
        for refused in (world.hypervisor.destroy, world.hypervisor.power_off):
            with pytest.raises(NotOurs):
                refused(copy, RUN)
        with pytest.raises(NotOurs):
            world.hypervisor.remove_nic(copy, NEW_MAC, RUN)
        world.hypervisor.destroy(ours, RUN)
        assert world.hypervisor.power_state(copy) is PowerState.RUNNING
        assert world.hypervisor.find_tagged(RUN) == ()


class TestGuests:
    def test_a_guest_that_is_off_has_no_addresses(self, world: World) -> None:
        assert world.hypervisor.addresses(world.old) == ()

    def test_a_guest_on_a_network_without_leases_has_none(self, world: World) -> None:
        world.needs("no addresses")
        world.hypervisor.start(world.old)
        assert world.hypervisor.addresses(world.old) == ()

    def test_no_agent_is_told_as_such(self, world: World) -> None:
        world.needs("an agent")
        assert isinstance(world.hypervisor, GuestAgent)
        assert world.hypervisor.agent_answers(world.old) is False
        with pytest.raises(NotSupported):
            world.hypervisor.read_guest_file(world.old, "/etc/hostname")

    def test_only_a_guest_of_ours_is_given_commands(self, world: World) -> None:
        world.needs("an agent")
        assert isinstance(world.hypervisor, GuestCommands)
        with pytest.raises(NotOurs):
            world.hypervisor.run_in_guest(world.old, ("true",), RUN)

    def test_one_of_ours_that_does_not_answer_runs_none(self, world: World) -> None:
        world.needs("an agent", "deploy")
        ours = world.hypervisor.deploy(world.spec(), no_progress)
        with pytest.raises(NotOurs):
            world.hypervisor.run_in_guest(ours, ("true",), OTHER_RUN)
        with pytest.raises(NotSupported):
            world.hypervisor.run_in_guest(ours, ("true",), RUN)


class TestAbilities:
    """Those that an adapter may lack."""

    def skip_without(self, world: World, ability: type) -> None:
        if not isinstance(world.hypervisor, ability):
            pytest.skip(f"this adapter lacks the ability {ability.__name__}")

    def test_what_is_wrong_with_a_property_is_told_without_its_value(self, world: World) -> None:
        self.skip_without(world, VappProperties)
        asked = OvfProperty("net.ip", "string", "Ip", True, False, "", "")
        assert world.hypervisor.property_fault(asked, "192.0.2.7") == ""
        for value in ("", "not-an-address"):
            fault = world.hypervisor.property_fault(asked, value)
            assert fault
            assert "not-an-address" not in fault

    def test_another_name(self, world: World) -> None:
        self.skip_without(world, Rename)
        world.hypervisor.rehearse_rename(world.old, f"{world.old.name}-retired")
        for _ in range(2):
            renamed = world.hypervisor.rename(world.old, f"{world.old.name}-retired")
            assert renamed == VmRef(world.old.id, f"{world.old.name}-retired")
        assert world.hypervisor.find(f"{world.old.name}-retired") == renamed
        assert world.hypervisor.inventory(world.old).vm == renamed
        with pytest.raises(NotFound):
            world.hypervisor.find(world.old.name)

    def test_another_name_of_one_that_runs(self, world: World) -> None:
        """Or it says that it must be off, and is left as it is."""
        self.skip_without(world, Rename)
        world.hypervisor.start(world.old)
        if world.hypervisor.renames_running:
            world.hypervisor.rename(world.old, f"{world.old.name}-retired")
        else:
            with pytest.raises(NotSupported):
                world.hypervisor.rename(world.old, f"{world.old.name}-retired")
            assert world.hypervisor.find(world.old.name) == world.old
        assert world.hypervisor.power_state(world.old) is PowerState.RUNNING

    def test_what_it_was_called_is_free(self, world: World) -> None:
        self.skip_without(world, Rename)
        ours = world.ours()
        world.hypervisor.rename(world.old, f"{world.old.name}-retired")
        assert world.hypervisor.rename(ours, world.old.name) == VmRef(ours.id, world.old.name)
        assert world.hypervisor.find(world.old.name).id == ours.id
        world.hypervisor.destroy(ours, RUN)  # its volumes have its first name
        assert world.hypervisor.find_tagged(RUN) == ()

    def test_a_name_that_is_taken(self, world: World) -> None:
        self.skip_without(world, Rename)
        ours = world.ours()
        for attempt in (world.hypervisor.rehearse_rename, world.hypervisor.rename):
            with pytest.raises(NameTaken, match=f"there is a virtual machine {world.old.name} already"):
                attempt(ours, world.old.name)
        assert world.hypervisor.find(ours.name) == ours

    def test_snapshots_are_made_and_removed_by_name(self, world: World) -> None:
        self.skip_without(world, Snapshots)
        ours = world.ours()  # it has a disk on every hypervisor
        assert world.hypervisor.snapshot_fault(ours) == ""
        for name in ("before", "before", "after"):
            world.hypervisor.create_snapshot(ours, name, "of the contract")
        before, after = world.hypervisor.snapshots(ours)
        assert (before.name, after.name) == ("before", "after")
        assert after.description == ("of the contract" if world.describes else "")
        assert abs(before.taken - time.time()) < 60
        assert not after.memory  # it is off
        for _ in range(2):
            world.hypervisor.remove_snapshot(ours, "before")
            assert [one.name for one in world.hypervisor.snapshots(ours)] == ["after"]

    def test_a_snapshot_brings_back_what_was(self, world: World) -> None:
        self.skip_without(world, Snapshots)
        ours = world.ours()  # it has a disk on every hypervisor
        world.needs("going back")
        world.hypervisor.create_snapshot(ours, "off", "")
        for _ in range(2):
            world.hypervisor.start(ours)
            world.hypervisor.revert_snapshot(ours, "off")
            assert world.hypervisor.power_state(ours) is PowerState.OFF
        assert [one.name for one in world.hypervisor.snapshots(ours)] == ["off"]

    def test_a_machine_that_runs_has_its_memory_in_its_snapshot_and_goes_on_from_there(self, world: World) -> None:
        self.skip_without(world, Snapshots)
        world.needs("snapshots of the memory")
        world.hypervisor.start(world.old)
        world.hypervisor.create_snapshot(world.old, "on", "")
        assert world.hypervisor.snapshots(world.old)[0].memory
        world.hypervisor.revert_snapshot(world.old, "on")
        assert world.hypervisor.power_state(world.old) is PowerState.RUNNING

    def test_a_snapshot_that_is_not_there(self, world: World) -> None:
        self.skip_without(world, Snapshots)
        ours = world.ours()  # it has a disk on every hypervisor
        world.hypervisor.create_snapshot(ours, "there", "")
        with pytest.raises(NotFound, match=f"no snapshot 'elsewhere' of {ours.name} .there are: there."):
            world.hypervisor.revert_snapshot(ours, "elsewhere")
