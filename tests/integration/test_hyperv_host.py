"""The adapter for Hyper-V against the stand-in host: what goes wrong on the way, and what is left behind.

The stand-in runs no PowerShell: see fixtures/hyperv/README.md.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from real_sshd import NEEDS_SSHD
from typer.testing import CliRunner

from fixtures.appliance import state
from fixtures.hyperv import checkpoints, errors, faults, host, lab, scripts, windows
from fixtures.hyperv.errors import HostError
from fixtures.openssh import make_key
from hypervisors import (
    NOWHERE,
    Access,
    DeploySpec,
    Hypervisor,
    HypervisorError,
    LoginRefused,
    Network,
    NicSpec,
    NoRoom,
    NotFound,
    NotOurs,
    NotPermitted,
    NotSupported,
    OvfDescription,
    OvfDisk,
    PowerState,
    Probed,
    Probes,
    Progress,
    Snapshots,
    SshAccess,
    TimedOut,
    TrustRefused,
    Unreachable,
    VmRef,
    WrongState,
    connect,
    identify_image,
    lasting,
    no_progress,
)
from hypervisors.hyperv import answered
from hypervisors.hyperv import session as sessions
from hypervisors.hyperv.questions import QUESTIONS
from vmmigrate.cli import app

pytestmark = [NEEDS_SSHD, pytest.mark.slow]
RUN, MEBI, NEW_MAC = "run-1", 1 << 20, "00:15:5d:0a:01:02"
LAN, STAGING = (Network(name, "switch", id=host.switch_id(name)) for name in ("lan", "staging"))


class Host:
    """A stand-in host with one machine of nobody's, and how it is entered."""

    def __init__(self, folder: Path, way: lab.Reached, old: VmRef) -> None:
        self.folder, self.way, self.old = folder, way, old

    def access(self, **change: object) -> Access:
        ssh = SshAccess(host_key=self.way.host_key, key_file=self.way.key)
        return Access(ssh=replace(ssh, **change), stall=10)  # type: ignore[arg-type]

    def connect(self) -> Hypervisor:
        return lasting(self.way.url, lambda: connect(self.way.url, self.access()), self.first(), 20)

    def first(self) -> Hypervisor:
        return connect(self.way.url, self.access())

    def spec(self, **change: object) -> DeploySpec:
        path = self.folder.parent / "image.raw"
        if not path.exists():
            path.write_bytes(bytes(510) + b"\x55\xaa" + os.urandom(2 * MEBI))
            os.truncate(path, 3 * MEBI)
        nics = (NicSpec(LAN, lab.OLD_MAC, link_up=False), NicSpec(STAGING, NEW_MAC, link_up=True))
        usual = DeploySpec(RUN, "new", identify_image(path, no_progress), self.old, scripts.STORE, nics)
        return replace(usual, **change)  # type: ignore[arg-type]

    def change(self, vm: VmRef, **what: object) -> None:
        with state.edit(self.folder) as now:
            now["vms"][vm.id]["hyperv"].update(what)

    def change_nic(self, **what: object) -> None:
        with state.edit(self.folder) as now:
            now["vms"][self.old.id]["nics"][0]["hyperv"].update(what)

    def left(self) -> list[str]:
        """What of ours lies on the host."""
        drive = self.folder / windows.DRIVE
        return sorted(str(path.relative_to(drive)) for path in drive.rglob("*") if "vmmigrate" in str(path))


@pytest.fixture
def hyperv(tmp_path: Path) -> Iterator[Host]:
    folder = tmp_path / "host"
    old = lab.small_host(folder, lab.OLD_MAC, 64 * MEBI)
    with lab.reached(folder) as way:
        yield Host(folder, way, old)


# ---- the way in ----------------------------------------------------------------------------------------------


def test_nothing_is_left_on_the_host_at_the_end(hyperv: Host) -> None:
    old = windows.home(hyperv.folder) / f"{sessions.FOLDER}0123"
    old.mkdir()
    (old / "host.ps1").write_text("left by a program that was killed")
    os.utime(old, (0, time.time() - 8 * 86_400))
    young = windows.home(hyperv.folder) / f"{sessions.FOLDER}4567"
    young.mkdir()
    hypervisor = hyperv.first()
    assert len(hyperv.left()) > len(sessions.scripts())
    assert not old.exists()
    hypervisor.close()
    assert hyperv.left() == [str(young.relative_to(hyperv.folder / windows.DRIVE))]  # another program's, at work


@pytest.mark.parametrize("ahead", [-30 * 86_400, 30 * 86_400], ids=["behind", "ahead"])
def test_what_is_old_there_is_so_by_the_clock_of_the_host(hyperv: Host, ahead: int) -> None:
    """Of a workstation, or a host, whose clock is a month off."""
    faults.set_switch(hyperv.folder, "clock", ahead)
    at_work = windows.home(hyperv.folder) / f"{sessions.FOLDER}4567"
    left = windows.home(hyperv.folder) / f"{sessions.FOLDER}0123"
    for folder in (at_work, left):
        folder.mkdir()
    os.utime(left, (0, time.time() - 8 * 86_400))
    hypervisor = hyperv.first()
    assert at_work.exists()
    assert not left.exists()
    now = int(faults.clock(hyperv.folder))
    at_work_too, left_too = (f"vmmigrate-probe-{now - seconds}-cd34" for seconds in (60, 7200))
    with state.edit(hyperv.folder) as there:
        for name in (at_work_too, left_too):
            there["networks"].append({"name": name, "kind": "network", "active": True, "private": True})
    assert isinstance(hypervisor, Probes)
    hypervisor.remove_probe("ab12")
    names = {one["name"] for one in state.read(hyperv.folder)[1]["networks"]}
    assert names & {at_work_too, left_too} == {at_work_too}
    hypervisor.close()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda folder: {"host_key": "SHA256:" + "A" * 43}, TrustRefused),
        (lambda folder: {"host_key": None, "known_hosts": _empty(folder / "known_hosts")}, TrustRefused),
        (lambda folder: {"key_file": make_key(folder / "other")}, LoginRefused),
    ],
    ids=["another host key", "an unknown host key", "another key"],
)
def test_whom_to_trust_and_who_we_are(
    hyperv: Host, tmp_path: Path, change: Callable[[Path], dict[str, object]], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        connect(hyperv.way.url, hyperv.access(**change(tmp_path)))
    assert hyperv.left() == []


def _empty(path: Path) -> Path:
    path.write_text("")
    return path


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            errors.HostError(
                "ObjectNotFound",
                "CommandNotFoundException",
                "El t\u00e9rmino 'Hyper-V\\Get-VMHost' no se reconoce.",
                reason="CommandNotFoundException",
            ),
            NotSupported,
        ),
        (
            errors.HostError(
                "PermissionDenied",
                "AccessDenied,Microsoft.HyperV.PowerShell.Commands.GetVMHost",
                "Sie verf\u00fcgen nicht \u00fcber die erforderliche Berechtigung.",
            ),
            NotPermitted,
        ),
        (
            errors.HostError(
                "ObjectNotFound", "ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.GetVMHost", "\u4e0d"
            ),
            Unreachable,
        ),
    ],
    ids=["no role", "no right", "the service is down"],
)
def test_a_host_that_cannot_be_used_is_refused_at_once(
    hyperv: Host, error: errors.HostError, kind: type[Exception]
) -> None:
    faults.add(hyperv.folder, "host", error=error.record)
    with pytest.raises(kind, match=r"Hyper-V on 127\.0\.0\.1") as caught:
        hyperv.first()
    assert caught.value.hint  # type: ignore[attr-defined]
    assert hyperv.left() == []


def test_a_script_that_was_changed_on_the_way_is_not_run(hyperv: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sessions.scripts()
    monkeypatch.setattr(sessions, "scripts", lambda: {**real, "start.ps1": b"# another"})
    hypervisor = hyperv.first()
    with pytest.raises(HypervisorError, match=r"gave no answer: the stand-in refuses start\.ps1"):
        hypervisor.start(hyperv.old)
    hypervisor.close()


# ---- broken off ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after", "late"])
def test_a_call_whose_connection_breaks_is_made_again(hyperv: Host, when: str) -> None:
    hypervisor = hyperv.connect()
    faults.add(hyperv.folder, "set-nic", drop=when)
    hypervisor.set_nic(hyperv.old, lab.OLD_MAC, link_up=False)
    assert [nic.network for nic in hypervisor.inventory(hyperv.old).nics] == [NOWHERE]
    faults.add(hyperv.folder, "create", drop=when)
    vm = hypervisor.deploy(hyperv.spec(), no_progress)
    assert hypervisor.find_tagged(RUN) == (vm,)
    assert [store.name for store in hypervisor.stores() if store.active] == [scripts.STORE]
    hypervisor.destroy(vm, RUN)
    assert not [path for path in hyperv.left() if path.startswith("VMs")]
    hypervisor.close()


def test_an_upload_that_breaks_off_is_made_anew_and_proved(hyperv: Host) -> None:
    hypervisor = hyperv.connect()
    faults.set_switch(hyperv.folder, "cut_at", MEBI)
    vm = hypervisor.deploy(hyperv.spec(), no_progress)
    assert [disk.capacity for disk in hypervisor.inventory(vm).disks] == [3 * MEBI]
    assert len([path for path in hyperv.left() if path.endswith(".vhdx")]) == 1
    hypervisor.close()


def test_a_disk_that_is_not_what_was_sent_is_refused(hyperv: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    hypervisor = hyperv.first()
    assert "gcm" in hypervisor._session._connection.transport.local_cipher  # type: ignore[attr-defined]  # the faster
    real = sessions.Session.upload

    def spoiled(self: sessions.Session, source: Path, path: str, progress: object) -> None:
        real(self, source, path, progress)  # type: ignore[arg-type]
        with windows.place_of(hyperv.folder, path[1:]).open("r+b") as file:
            file.write(b"x")

    monkeypatch.setattr(sessions.Session, "upload", spoiled)
    with pytest.raises(HypervisorError, match="is not what was sent"):
        hypervisor.deploy(hyperv.spec(), no_progress)
    [half] = hypervisor.find_tagged(RUN)
    hypervisor.destroy(half, RUN)
    assert not [path for path in hyperv.left() if path.startswith("VMs")]
    hypervisor.close()


def test_a_script_that_hangs_is_given_up(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    faults.add(hyperv.folder, "machines", hang=3)
    with pytest.raises(TimedOut, match="whether it had its effect is not known"):
        hypervisor._session.ask("machines", vm="", seconds=0.3)  # type: ignore[attr-defined]
    hypervisor.close()


# ---- the host's own ways -------------------------------------------------------------------------------------


def test_a_full_volume_is_said_with_what_it_has(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    faults.set_switch(hyperv.folder, "free", 2 * MEBI)
    with pytest.raises(NoRoom, match=r"C:\\VMs has 0.00 GiB free"):
        hypervisor.deploy(hyperv.spec(), no_progress)
    faults.set_switch(hyperv.folder, "free", None)
    faults.set_switch(hyperv.folder, "room", MEBI)  # it fills up meanwhile, and SFTP says only "Failure"
    with pytest.raises(NoRoom):
        hypervisor.deploy(hyperv.spec(), no_progress)
    [half] = hypervisor.find_tagged(RUN)
    hypervisor.destroy(half, RUN)
    hypervisor.close()


def test_a_nic_that_is_down_needs_a_switch_to_be_linked_up(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    hyperv.change_nic(vlan=30)
    old = hypervisor.inventory(hyperv.old).nics[0].network
    assert (old.vlan, old in hypervisor.networks()) == (30, True)
    hypervisor.set_nic(hyperv.old, lab.OLD_MAC, link_up=False)
    with pytest.raises(HypervisorError, match="keeps no network") as caught:
        hypervisor.set_nic(hyperv.old, lab.OLD_MAC, link_up=True)
    assert "switch" in caught.value.hint
    with pytest.raises(NotFound, match="there is no switch switch:gone any more"):
        hypervisor.set_nic(hyperv.old, lab.OLD_MAC, link_up=True, network=Network("gone", "switch", id="0"))
    hypervisor.set_nic(hyperv.old, lab.OLD_MAC, link_up=True, network=old)
    assert hypervisor.inventory(hyperv.old).nics[0].network == old
    hypervisor.close()


@pytest.mark.parametrize("generation", [1, 2])
def test_a_nic_of_a_running_machine_is_removed_in_generation_2_alone(hyperv: Host, generation: int) -> None:
    hypervisor = hyperv.first()
    hyperv.change(hyperv.old, generation=generation)
    vm = hypervisor.deploy(hyperv.spec(), no_progress)
    hypervisor.start(vm)
    if generation == 1:
        with pytest.raises(WrongState, match="is disconnected instead"):
            hypervisor.remove_nic(vm, NEW_MAC, RUN)
        hypervisor.power_off(vm, RUN)
    hypervisor.remove_nic(vm, NEW_MAC, RUN)
    assert [nic.mac for nic in hypervisor.inventory(vm).nics] == [lab.OLD_MAC]
    hypervisor.close()


def test_files_that_are_held_are_waited_for(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    vm = hypervisor.deploy(hyperv.spec(), no_progress)
    hypervisor.rename(vm, "another")
    faults.add(hyperv.folder, "remove", error=errors.busy("RemoveVM").record)
    held = hyperv.folder / windows.HELD
    held.write_text(f"{scripts.STORE}\\vmmigrate-run-1\\new\\new.vhdx\n")
    threading.Timer(1.0, held.unlink).start()  # the machine is gone by then, and its folder is not
    hypervisor.destroy(vm, RUN)
    assert not [path for path in hyperv.left() if path.startswith("VMs")]
    hypervisor.close()


def test_a_machine_whose_notes_were_emptied_is_somebody_elses(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    vm = hypervisor.deploy(hyperv.spec(), no_progress)
    for notes in ("", "ours now"):
        with state.edit(hyperv.folder) as now:
            now["vms"][vm.id]["notes"] = notes
        assert hypervisor.find_tagged(RUN) == ()
        for refused in (hypervisor.destroy, hypervisor.power_off):
            with pytest.raises(NotOurs):
                refused(vm, RUN)
    assert len([path for path in hyperv.left() if path.endswith(".vhdx")]) == 1
    hypervisor.close()


def test_notes_that_somebody_wrote_during_the_upload_stay(hyperv: Host) -> None:
    hypervisor = hyperv.first()

    def note(progress: Progress) -> None:
        with state.edit(hyperv.folder) as now:
            for entry in now["vms"].values():
                if entry["name"] == "new" and "Owner" not in entry["notes"]:
                    entry["notes"] = f"Owner:\r\nmail team\r\n{entry['notes']}"

    vm = hypervisor.deploy(hyperv.spec(), note)
    assert hypervisor.inventory(vm).notes == "Owner:\nmail team"
    assert hypervisor.deploy(hyperv.spec(), no_progress) == vm
    hypervisor.close()


def test_a_vlan_that_is_lost_disconnects_the_nic_again(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    hypervisor.set_nic(hyperv.old, lab.OLD_MAC, link_up=False)
    faults.set_switch(hyperv.folder, "loses_vlan", True)
    with pytest.raises(HypervisorError, match="did not keep the VLAN of switch:lan, VLAN 30"):
        hypervisor.set_nic(hyperv.old, lab.OLD_MAC, link_up=True, network=replace(LAN, vlan=30))
    assert not hypervisor.inventory(hyperv.old).nics[0].link_up
    hypervisor.close()


def test_empty_disks_are_made_beside_the_images(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    image = hyperv.spec().image
    empty = tuple(OvfDisk("", size * MEBI, "scsi", "") for size in (8, 16))
    ovf = OvfDescription("gw", *[""] * 3, 1, MEBI, empty[0], (), (), "", "", "", (), False, image.disk, empty)
    vm = hypervisor.deploy(hyperv.spec(image=replace(image, ovf=ovf)), no_progress)
    assert [disk.capacity >> 20 for disk in hypervisor.inventory(vm).disks] == [3, 8, 16]
    hypervisor.close()


def test_a_second_machine_of_the_run_keeps_its_folder(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    first, second = (hypervisor.deploy(hyperv.spec(name=name), no_progress) for name in ("new", "new-2"))
    hypervisor.rename(first, "another")
    hypervisor.destroy(first, RUN)
    assert [path for path in hyperv.left() if path.endswith(".vhdx")] == ["VMs/vmmigrate-run-1/new-2/new-2.vhdx"]
    assert hypervisor.find_tagged(RUN) == (second,)
    hypervisor.close()


def test_one_that_is_saved_after_a_reboot_of_the_host_is_off_and_can_be_started(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    with state.edit(hyperv.folder) as now:
        now["vms"][hyperv.old.id]["power"] = "other"
    assert hypervisor.power_state(hyperv.old) is PowerState.OFF
    hypervisor.shut_down(hyperv.old, 0)
    hypervisor.start(hyperv.old)
    assert hypervisor.power_state(hyperv.old) is PowerState.RUNNING
    hypervisor.close()


def test_a_guest_that_hangs_at_shutdown_is_not_forced(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    hypervisor.start(hyperv.old)
    faults.set_switch(hyperv.folder, "ignores_shutdown", True)
    with pytest.raises(TimedOut, match="to shut down"):
        hypervisor.shut_down(hyperv.old, 0.2)
    assert hypervisor.power_state(hyperv.old) is PowerState.RUNNING
    hypervisor.close()


def test_a_host_that_refuses_to_start_a_second_one_of_a_mac(hyperv: Host) -> None:
    """One of the two answers that are reported; which is right is not known."""
    hypervisor = hyperv.first()
    vm = hypervisor.deploy(hyperv.spec(), no_progress)
    hypervisor.start(hyperv.old)
    faults.set_switch(hyperv.folder, "refuses_same_mac", True)
    with pytest.raises(HypervisorError, match="0x800701E7"):
        hypervisor.start(vm)
    hypervisor.close()


@pytest.mark.parametrize(
    ("machine", "nic", "words"),
    [
        ({"clustered": True}, {}, "belongs to a failover cluster"),
        ({}, {"dynamic": True}, "has a dynamic MAC"),
        ({}, {"vlan_mode": "Trunk"}, "is a VLAN trunk"),
        ({}, {"vlan_mode": "Private"}, "is a VLAN private"),
    ],
)
def test_an_old_machine_of_which_no_like_can_be_made(
    hyperv: Host, machine: dict[str, object], nic: dict[str, object], words: str
) -> None:
    hypervisor = hyperv.first()
    hyperv.change(hyperv.old, **machine)
    hyperv.change_nic(**nic)
    with pytest.raises(NotSupported, match=words) as caught:
        hypervisor.rehearse(hyperv.spec())
    assert caught.value.hint
    hypervisor.close()


@pytest.mark.parametrize("name", ["a/b", "a:b", "gw.", "gw ", "x" * 101, 'a"b', "a\nb"])
def test_a_name_that_can_be_no_folder(hyperv: Host, name: str) -> None:
    hypervisor = hyperv.first()
    with pytest.raises(NotSupported, match="cannot be the name of a folder"):
        hypervisor.rehearse(hyperv.spec(name=name))
    hypervisor.close()


def test_two_of_one_name_are_distinguished_by_id(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    twin = lab.copied(hyperv.folder, hyperv.old, "OLD")
    with pytest.raises(HypervisorError, match="2 virtual machines are called 'old'"):
        hypervisor.find("old")
    assert hypervisor.find(twin.id.upper()) == twin
    hypervisor.close()


# ---- what no documentation says -------------------------------------------------------------------------------


def test_a_host_is_asked_and_nothing_but_the_answers_is_left(
    hyperv: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a reader with a host would do it; the answers are there for the next connection."""
    url, report = hyperv.way.url, tmp_path / "report.json"
    for name, value in (("HOST_KEY", hyperv.way.host_key.strip()), ("KEY_FILE", str(hyperv.way.key))):
        monkeypatch.setenv(f"VMMIGRATE_HYPERVISOR__{name}", value)
    before, machines_before = state.read(hyperv.folder)[1], hyperv.left()
    told = CliRunner().invoke(app, ["doctor", "--hypervisor", url, "--report", str(report)])
    assert "probe          Windows 10.0.20348, PowerShell 5.1.20348.2227, FullLanguage, asked on" in told.stdout
    answers = json.loads(report.read_text())["answers"]
    assert [(each["id"], each["seen"]) for each in answers if each["holds"] is not True] == []
    assert state.read(hyperv.folder)[1] == before
    assert [path for path in hyperv.left() if path not in machines_before] == [f"{windows.HOME}/{answered.FILE}"]
    hypervisor = hyperv.connect()
    assert isinstance(hypervisor, Probed)
    probe = hypervisor.probed()
    assert probe is not None
    assert [each.id for each in probe.answers] == [each["id"] for each in answers]
    place = windows.home(hyperv.folder) / answered.FILE
    whole = place.read_bytes()
    for other in (
        b"",
        b"[]",
        b"{}",
        b"\xff",
        whole.replace(b"20348", b"26100"),
        whole.replace(b'"seen"', b'"saw"'),
        b"[" * 9**5,
        *(re.sub(rb'"at": \d+', b'"at": %d' % at, whole) for at in (10**13, -1)),
    ):
        place.write_bytes(other)
        assert hypervisor.probed() is None, other[:80]
    hypervisor.close()


def test_a_host_that_refuses_a_second_machine_of_a_mac_says_so_when_it_is_asked(hyperv: Host) -> None:
    hypervisor = hyperv.first()
    assert isinstance(hypervisor, Probes)
    before = state.read(hyperv.folder)[1]
    faults.set_switch(hyperv.folder, "refuses_same_mac", True)
    answers = {each.id: each for each in hypervisor.probe("", "ab12").answers}
    crux = answers["same-mac-starts"]
    assert (crux.holds, crux.needed, "0x800701E7" in crux.seen) == (False, True, True)
    assert (answers["hand-over"].holds, answers["starts"].holds, answers["removed"].holds) == (None, True, True)
    assert state.read(hyperv.folder)[1] == before
    with pytest.raises(NotFound, match="no store 'D:"):
        hypervisor.probe("D:\\none", "ab12")
    hypervisor.close()


def test_what_passes_and_what_this_workstation_lacks_are_no_answers_of_the_host(
    hyperv: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    hypervisor = hyperv.first()
    assert isinstance(hypervisor, Probes)
    before = state.read(hyperv.folder)[1]
    memory = HostError("ResourceUnavailable", "OutOfMemory,Microsoft.HyperV.StartVM", "Zu wenig", code="0x8007000E")
    for script, error in (("attach", errors.full("AddVMHardDiskDrive")), ("start", memory), ("save", errors.busy("V"))):
        faults.add(hyperv.folder, script, error=error.record)
    answers = {each.id: each for each in hypervisor.probe("", "ab12").answers}
    assert [name for name, each in answers.items() if each.holds is False] == []
    assert [answers[name].holds for name in ("disks", "starts", "same-mac-starts", "removed")] == [None] * 4
    assert "0x8007000E" in answers["starts"].seen
    assert "0x80070070" in answers["disks"].seen
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotSupported, match="qemu-img"):
        hypervisor.probe("", "ab12")
    assert state.read(hyperv.folder)[1] == before
    hypervisor.close()


def _doctor(hyperv: Host, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    for name, value in (("HOST_KEY", hyperv.way.host_key.strip()), ("KEY_FILE", str(hyperv.way.key))):
        monkeypatch.setenv(f"VMMIGRATE_HYPERVISOR__{name}", value)
    told = CliRunner().invoke(app, ["doctor", "--hypervisor", hyperv.way.url, *words])
    return " ".join(told.stdout.split())


def test_what_a_probe_made_that_broke_off_is_removed_at_once(hyperv: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state.read(hyperv.folder)[1]
    faults.add(hyperv.folder, "start", drop="before")
    told = _doctor(hyperv, monkeypatch)
    assert "broke off" in told
    assert "may be left" not in told
    assert state.read(hyperv.folder)[1] == before
    assert not [path for path in hyperv.left() if path.startswith("VMs")]


def test_what_a_probe_could_not_remove_is_named_and_removed_by_one_an_hour_later(
    hyperv: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state.read(hyperv.folder)[1]
    faults.add(hyperv.folder, "start", drop="before")
    faults.add(hyperv.folder, "remove", error=HostError("NotSpecified", "OperationFailed", "Fehler").record)
    told = _doctor(hyperv, monkeypatch)
    assert "what was made there may be left: " in told
    assert "whose names begin with vmmigrate-probe-" in told
    assert len(state.read(hyperv.folder)[1]["vms"]) == len(before["vms"]) + 2
    faults.set_switch(hyperv.folder, "makes_no_machine", True)
    home = windows.home(hyperv.folder)
    (home / answered.FILE).mkdir()  # no file can be written there
    report = home.parent / "report.json"
    at_once = _doctor(hyperv, monkeypatch, "--report", str(report))
    assert "another asks this host now, or was cut off less than an hour ago" in at_once
    assert "the host keeps no answers, so no plan has them" in at_once
    assert [each["holds"] for each in json.loads(report.read_text())["answers"]] == [False] + [None] * (
        len(QUESTIONS) - 1
    )
    assert len(state.read(hyperv.folder)[1]["vms"]) == len(before["vms"]) + 2
    faults.set_switch(hyperv.folder, "clock", 3700)
    hypervisor = hyperv.first()
    assert isinstance(hypervisor, Probes)
    assert hypervisor.probe("", "ab12").others == ()
    assert state.read(hyperv.folder)[1] == before
    assert not [path for path in hyperv.left() if path.startswith("VMs")]
    hypervisor.close()


# ---- checkpoints ---------------------------------------------------------------------------------------------


@contextmanager
def _checkpointed(hyperv: Host, kind: str) -> Iterator[Snapshots]:
    """The old machine, which runs, with checkpoints of that type."""
    lab.as_hyperv(hyperv.folder, hyperv.old, checkpoint_type=kind)
    with closing(hyperv.first()) as hypervisor:
        hypervisor.start(hyperv.old)
        assert isinstance(hypervisor, Snapshots)
        yield hypervisor


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            "Production",
            "of type Production, without its memory; with it: Set-VM -Name 'old' -CheckpointType Standard",
        ),
        ("ProductionOnly", "of type ProductionOnly, without its memory"),
        ("Disabled", "are disabled; this permits them"),
    ],
)
def test_a_checkpoint_without_the_memory_is_refused_before_it_is_made(hyperv: Host, kind: str, why: str) -> None:
    """Going back to it would boot a guest, which begins what was stopped."""
    with _checkpointed(hyperv, kind) as hypervisor:
        before = state.read(hyperv.folder)[1]["vms"]
        assert why in hypervisor.snapshot_fault(hyperv.old)
        with pytest.raises(NotSupported, match="can have no snapshot"):
            hypervisor.create_snapshot(hyperv.old, "before", "")
        assert state.read(hyperv.folder)[1]["vms"] == before


def test_one_that_the_host_made_without_the_memory_is_removed_again(hyperv: Host) -> None:
    """What its type promises is looked at: no documentation says that it holds on every host."""
    with _checkpointed(hyperv, "Standard") as hypervisor:
        faults.set_switch(hyperv.folder, "forgets_memory", True)
        with pytest.raises(NotSupported, match="without its memory, which was removed again"):
            hypervisor.create_snapshot(hyperv.old, "before", "")
        assert hypervisor.snapshots(hyperv.old) == ()


def test_one_of_a_call_whose_answer_was_lost_is_looked_at_too(hyperv: Host) -> None:
    """Such a call is repeated, and finds what it made itself."""
    with _checkpointed(hyperv, "Standard") as hypervisor:
        checkpoints.make_checkpoint(hyperv.folder, {"vm": hyperv.old.id, "name": "one"})
        hypervisor.create_snapshot(hyperv.old, "one", "")
        assert [one.name for one in hypervisor.snapshots(hyperv.old)] == ["one"]
        faults.set_switch(hyperv.folder, "forgets_memory", True)
        checkpoints.make_checkpoint(hyperv.folder, {"vm": hyperv.old.id, "name": "two"})
        with pytest.raises(NotSupported, match="without its memory, which was removed again"):
            hypervisor.create_snapshot(hyperv.old, "two", "")
        assert [one.name for one in hypervisor.snapshots(hyperv.old)] == ["one"]


def test_the_next_checkpoint_waits_for_the_merge_of_the_one_before(hyperv: Host) -> None:
    with _checkpointed(hyperv, "Standard") as hypervisor:
        hypervisor.create_snapshot(hyperv.old, "one", "")
        hypervisor.remove_snapshot(hyperv.old, "one")
        assert state.read(hyperv.folder)[1]["vms"][hyperv.old.id]["hyperv"]["merging"]
        hypervisor.create_snapshot(hyperv.old, "two", "")
        assert [one.name for one in hypervisor.snapshots(hyperv.old)] == ["two"]


def test_of_one_that_is_saved_there_is_none(hyperv: Host) -> None:
    """It would be started by going back."""
    with _checkpointed(hyperv, "Standard") as hypervisor:
        with state.edit(hyperv.folder) as now:
            now["vms"][hyperv.old.id]["power"] = "other"
        assert hypervisor.snapshot_fault(hyperv.old) == "it is Saved, neither running nor off"
