"""A session with vSphere: reads bear with one failure, writes are made once, a log-in is never tried twice."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from vsphere_world import OLD_MAC, RUN, STAGING, World, world

from fixtures.vsphere.proxy import cut
from hypervisors import LoginRefused, NotFound, TlsTrust, Unreachable, identify_image, no_progress
from hypervisors.vmware import properties
from tests.unit.hypervisors.small_ova import stream_optimized

pytestmark = pytest.mark.vsphere

READ = "RetrievePropertiesEx"


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "vpx") as made:
        made.proxy.forget_calls()
        yield made


class TestReads:
    def calls(self, vcenter: World) -> int:
        """Of the one read, undisturbed."""
        vcenter.hypervisor.networks()
        number = vcenter.proxy.calls[READ]
        vcenter.proxy.forget_calls()
        return number

    def test_a_busy_server_is_asked_again(self, vcenter: World) -> None:
        usual = self.calls(vcenter)
        vcenter.proxy.answer_503(READ)
        assert vcenter.hypervisor.networks()
        assert vcenter.proxy.calls[READ] == usual + 1

    def test_a_dropped_connection_is_made_again(self, vcenter: World) -> None:
        usual = self.calls(vcenter)
        vcenter.proxy.after_call(READ, cut)
        assert vcenter.hypervisor.networks()
        assert vcenter.proxy.calls[READ] == usual + 1

    def test_a_server_that_stays_busy_is_given_up(self, vcenter: World) -> None:
        for _ in range(3):
            vcenter.proxy.answer_503(READ)
        with pytest.raises(Unreachable, match="503 Service Unavailable") as caught:
            vcenter.hypervisor.find("old")
        assert caught.value.hint
        assert vcenter.proxy.calls[READ] == 2


class TestWrites:
    def test_a_busy_server_is_not_asked_again(self, vcenter: World) -> None:
        vcenter.proxy.answer_503("ReconfigVM_Task")
        with pytest.raises(Unreachable, match="notes of old: no answer from the server: 503"):
            vcenter.hypervisor.set_notes(vcenter.old, "kept")
        assert vcenter.proxy.calls["ReconfigVM_Task"] == 1
        assert vcenter.hypervisor.inventory(vcenter.old).notes == "The old one"

    def test_one_whose_answer_is_lost_is_made_once(self, vcenter: World) -> None:
        vcenter.proxy.after_call("ReconfigVM_Task", cut)
        with pytest.raises(Unreachable):
            vcenter.hypervisor.set_notes(vcenter.old, "kept")
        vcenter.hypervisor.set_notes(vcenter.old, "kept")
        assert vcenter.proxy.calls["ReconfigVM_Task"] == 1
        assert vcenter.hypervisor.inventory(vcenter.old).notes == "kept"


class TestExpiry:
    def test_a_session_that_ended_is_renewed_once(self, vcenter: World) -> None:
        vcenter.end_sessions()
        vcenter.hypervisor.set_nic(vcenter.old, OLD_MAC, link_up=False)
        assert vcenter.proxy.calls["Login"] == 1
        assert vcenter.proxy.calls["ReconfigVM_Task"] == 1
        assert vcenter.hypervisor.inventory(vcenter.old).nics[0].stored_link_up is False

    def test_in_the_middle_of_a_call_for_many(self, vcenter: World) -> None:
        """The view was the old session's: the whole look is made again."""
        vcenter.proxy.after_call("CreateContainerView", vcenter.end_sessions)
        assert vcenter.hypervisor.find("old") == vcenter.old
        assert vcenter.proxy.calls["Login"] == 1

    def test_just_before_a_write(self, vcenter: World) -> None:
        vcenter.proxy.after_call("FindByUuid", vcenter.end_sessions)
        vcenter.hypervisor.start(vcenter.old)
        assert (vcenter.proxy.calls["Login"], vcenter.proxy.calls["PowerOnVM_Task"]) == (1, 1)

    def test_threads_renew_it_together(self, vcenter: World) -> None:
        """A second log-in of the same session would be refused."""
        vcenter.end_sessions()
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(vcenter.hypervisor.find("old").id)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [vcenter.old.id] * 4
        assert vcenter.proxy.calls["Login"] == 1


class TestRefusal:
    def test_a_password_is_tried_once_in_this_process(self, vcenter: World) -> None:
        for attempt in range(3):
            with pytest.raises(LoginRefused, match="refused the account 'administrator@") as caught:
                vcenter.connect(password=f"wrong-{vcenter.proxy.api}")
            assert "is not tried again" in caught.value.hint
            assert vcenter.proxy.calls["Login"] == 1, f"attempt {attempt}"

    def test_another_password_is_tried(self, vcenter: World) -> None:
        for password in ("wrong-1", "wrong-2"):
            with pytest.raises(LoginRefused):
                vcenter.connect(password=password + vcenter.proxy.api)
        assert vcenter.proxy.calls["Login"] == 2
        vcenter.connect().close()

    def test_its_connection_is_let_go(self, vcenter: World) -> None:
        before = len(vcenter.proxy._sockets)
        with pytest.raises(LoginRefused) as caught:
            vcenter.connect(password=f"wrong-too-{vcenter.proxy.api}")
        assert caught.value.__traceback__ is not None  # it holds the session, which nobody can close
        until = time.monotonic() + 60
        while len(vcenter.proxy._sockets) > before and time.monotonic() < until:
            time.sleep(0.01)
        assert len(vcenter.proxy._sockets) == before

    def test_neither_message_nor_hint_shows_it(self, vcenter: World) -> None:
        with pytest.raises(LoginRefused) as caught:
            vcenter.connect(password="a-secret-of-mine")
        assert "a-secret-of-mine" not in f"{caught.value} {caught.value.hint} {caught.value!r}"


class TestTrust:
    def test_by_authority_and_by_pin(self, vcenter: World) -> None:
        for trust in (TlsTrust(ca_file=vcenter.simulator.ca_file), TlsTrust(fingerprint=vcenter.proxy.fingerprint)):
            hypervisor = vcenter.connect(trust=trust)
            assert hypervisor.find("old") == vcenter.old
            hypervisor.close()


class TestNarrowness:
    """The fourth trap: touching `vm.runtime` fetches it whole."""

    def test_nothing_is_fetched_by_touching_it(self, vcenter: World) -> None:
        hypervisor = vcenter.hypervisor
        hypervisor.inventory(hypervisor.find("old"))
        hypervisor.networks()
        hypervisor.stores()
        hypervisor.start(vcenter.old)
        hypervisor.addresses(vcenter.old)
        hypervisor.set_autostart(vcenter.old, True)
        hypervisor.find_tagged("nobody")
        assert {"RetrieveProperties", "Fetch"} & set(vcenter.proxy.calls) == set()

    def test_no_whole_object_is_asked_for(
        self, vcenter: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: set[tuple[str, str]] = set()
        plain = properties._pages

        def recording(session: Any, spec: Any, what: str) -> list[properties.Row]:
            for each in spec.propSet:
                asked.update((each.type.__name__, path) for path in each.pathSet)
            return plain(session, spec, what)

        monkeypatch.setattr(properties, "_pages", recording)
        disk = tmp_path / "disk.vmdk"
        disk.write_bytes(stream_optimized())
        hypervisor = vcenter.hypervisor
        vm = hypervisor.deploy(vcenter.spec(identify_image(disk, no_progress)), no_progress)
        hypervisor.inventory(vm)
        hypervisor.set_nic(vm, OLD_MAC, link_up=True, network=STAGING)
        hypervisor.destroy(vm, RUN)
        whole = {"config", "runtime", "guest", "summary", "info", "snapshot", "capability", "layoutEx"}
        assert {(kind.rpartition(".")[2], path) for kind, path in asked if path in whole} == {
            ("HttpNfcLease", "info"),  # a lease's own is small, and all of it is wanted
            ("OpaqueNetwork", "summary"),
            ("AutoStartManager", "config"),  # the host's list
        }

    def test_planning_changes_nothing(self, vcenter: World) -> None:
        hypervisor = vcenter.hypervisor
        hypervisor.inventory(hypervisor.find("old"))
        hypervisor.networks()
        hypervisor.stores()
        hypervisor.addresses(vcenter.old)
        hypervisor.find_tagged("nobody")
        assert sum(vcenter.proxy.writes().values()) == 0, vcenter.proxy.writes()

    def test_a_machine_that_went_is_not_found(self, vcenter: World) -> None:
        vcenter.machine(vcenter.old).Destroy_Task()
        with pytest.raises(NotFound):
            vcenter.hypervisor.inventory(vcenter.old)


@pytest.mark.slow
def test_a_thousand_machines_cost_no_round_trip_more_than_their_pages(tmp_path: Path) -> None:
    calls = []
    for number in (0, 500):  # per resource pool, of which there are two
        folder = tmp_path / str(number)
        folder.mkdir()
        with world(folder, "vpx", machines=number) as made:
            made.proxy.forget_calls()
            assert made.hypervisor.find("old") == made.old
            assert made.hypervisor.find(made.old.id) == made.old
            assert made.hypervisor.find_tagged("nobody") == ()
            pages = made.proxy.calls.pop("ContinueRetrievePropertiesEx", 0)
            assert pages == (4 if number else 0)  # two lists in three pages each
            calls.append(made.proxy.calls)
            assert len(made.names()) == 1 + 2 * number
    assert calls[0] == calls[1]
    assert sum(calls[0].values()) <= 10
