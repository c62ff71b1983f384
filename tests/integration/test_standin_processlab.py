"""The process lab's watcher: links, power, leases, and what it leaves behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fixtures import processlab
from fixtures.appliance import seed, state
from fixtures.processlab import ProcessLab, process_lab

NEW = "00000000-0000-4000-8000-00000000000a"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ProcessLab]:
    with process_lab(tmp_path / "lab") as made:
        yield made


def listens(address: str, port: int = 2222) -> bool:
    try:
        socket.create_connection((address, port), 2).close()
    except OSError:
        return False
    return True


def was_cut(session: socket.socket) -> bool:
    """Reads what is still to come."""
    try:
        while session.recv(1000):
            pass
    except ConnectionResetError:
        pass
    return True


def eventually(what: Callable[[], bool], timeout: float = 60.0) -> bool:
    deadline = time.monotonic() + timeout
    while not what() and time.monotonic() < deadline:
        time.sleep(0.01)
    return what()


def guest_of(lab: ProcessLab) -> int:
    """The process that listens at the gateway's address."""
    (pid,) = {
        process.pid
        for process in psutil.Process().children(recursive=True)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN and connection.laddr[0] == lab.address
    }
    return pid


def set_link(lab: ProcessLab, name: str, number: int, up: bool) -> None:
    with state.edit(lab.folder) as now:
        now["vms"][lab.vm(name)["id"]]["nics"][number]["link_up"] = up
    lab.settle()


def add_new_vm(lab: ProcessLab) -> None:
    """Two NICs: the old MAC on the live network with its link down, another one on staging."""
    old = lab.vm(lab.old_name)
    old.pop("id")
    live = {**old["nics"][0], "link_up": False}
    staging = {**old["nics"][0], "mac": "52:54:00:0b:00:02", "network": "staging"}
    disk = lab.folder / "vms" / NEW / "disk.img"
    disk.parent.mkdir()
    shutil.copyfile(lab.image, disk)
    with state.edit(lab.folder) as now:
        now["vms"][NEW] = {**old, "name": "new", "nics": [live, staging], "disk": str(disk), "booted": False}
    lab.settle()


def test_a_lab_is_there_while_another_is(lab: ProcessLab, tmp_path: Path) -> None:
    with process_lab(tmp_path / "another") as other:
        assert other.address != lab.address
        assert listens(other.address)
    assert not listens(other.address)
    assert listens(lab.address)


def test_a_link_down_closes_listeners_and_cuts_connections(lab: ProcessLab) -> None:
    with socket.create_connection((lab.address, lab.ssh_port), 2) as session:
        assert session.recv(4) == b"SSH-"
        set_link(lab, lab.old_name, 0, up=False)
        assert not any(listens(lab.address, port) for port in (lab.ssh_port, lab.console_port, lab.smtp_port))
        session.settimeout(60)
        assert was_cut(session)
    set_link(lab, lab.old_name, 0, up=True)
    assert all(listens(lab.address, port) for port in (lab.ssh_port, lab.console_port, lab.smtp_port))


def test_a_new_vm_boots_from_its_disk_and_listens_at_its_lease_alone(lab: ProcessLab) -> None:
    add_new_vm(lab)
    new = lab.vm("new")
    assert new["booted"]
    assert new["leases"] == {"52:54:00:0b:00:02": f"{lab.staging_net}100"}
    assert listens(f"{lab.staging_net}100", 8443)
    assert lab.root_of(NEW).has("/etc/ssh/ssh_host_ed25519_key.pub")
    assert listens(lab.address)


def test_the_address_moves_with_two_link_flips(lab: ProcessLab) -> None:
    add_new_vm(lab)
    new = lab.root_of(NEW)
    stanza = f"auto eth0\niface eth0 inet static\n address {lab.address}/24\n"
    new.write("/etc/network/interfaces", (stanza + "auto eth1\niface eth1 inet dhcp\n").encode())
    with state.edit(lab.folder) as now:
        now["vms"][NEW]["power"] = "off"
    lab.settle()
    with state.edit(lab.folder) as now:
        now["vms"][NEW]["power"] = "running"
    lab.settle()
    set_link(lab, lab.old_name, 0, up=False)
    set_link(lab, "new", 0, up=True)
    with socket.create_connection((lab.address, lab.smtp_port), 30) as session:
        assert session.recv(100) == b"220 ciphermail.localdomain ESMTP CipherMail\r\n"
    assert lab.conflicts() == []


def test_two_live_guests_with_one_mac_are_written_down(lab: ProcessLab) -> None:
    add_new_vm(lab)
    set_link(lab, "new", 0, up=True)
    (line,) = lab.conflicts()
    assert line.startswith(f"{processlab.OLD_MAC} twice on lan: ")


def test_a_guest_shuts_down_when_asked(lab: ProcessLab) -> None:
    with state.edit(lab.folder) as now:
        now["vms"][lab.old_id]["shutdown_requested"] = True
    assert eventually(lambda: lab.vm(lab.old_name)["power"] == "off")
    now = lab.vm(lab.old_name)
    assert (now["shutdown_requested"], now["booted"]) == (False, False)
    assert not listens(lab.address)


def test_a_vm_that_vanishes_takes_its_process_along(lab: ProcessLab) -> None:
    add_new_vm(lab)
    with state.edit(lab.folder) as now:
        del now["vms"][NEW]
    lab.settle()
    shutil.rmtree(lab.folder / "vms" / NEW)
    assert not listens(f"{lab.staging_net}100")
    assert listens(lab.address)


def test_a_disk_that_is_no_system_never_boots_and_hurts_nobody(lab: ProcessLab) -> None:
    lab.image.write_bytes(bytes(4096))
    add_new_vm(lab)
    assert not lab.vm("new")["booted"]
    assert listens(lab.address)


def test_a_folder_has_one_watcher(lab: ProcessLab) -> None:
    with pytest.raises(RuntimeError, match="has a watcher already"):
        processlab.start(lab.folder)


@pytest.mark.slow
def test_nothing_is_left_when_the_process_that_made_labs_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from fixtures.processlab import process_lab\n"
        "with process_lab(Path(sys.argv[1])) as lab: print(lab.address, flush=True); time.sleep(60)\n"
    )
    maker = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "lab")], stdout=subprocess.PIPE, text=True)
    assert maker.stdout is not None
    address = maker.stdout.readline().strip()
    family = [maker.pid, *(child.pid for child in psutil.Process(maker.pid).children(recursive=True))]
    assert len(family) == 4  # the maker, the nursery, the watcher, the guest
    assert listens(address)
    maker.kill()
    maker.wait()
    maker.stdout.close()
    assert eventually(lambda: not any(_runs(pid) for pid in family))
    assert not listens(address)


def test_a_guest_that_dies_is_off(lab: ProcessLab) -> None:
    os.kill(guest_of(lab), signal.SIGKILL)
    assert eventually(lambda: lab.vm(lab.old_name)["power"] == "off")


def test_by_hand_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fixtures.processlab", "demo", str(tmp_path / "lab")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("old VM mailgw at 127.")
        address = first.split(" at ")[1].split(":")[0]
        assert eventually(lambda: listens(address))
        process.terminate()
    assert process.returncode == 0
    assert not listens(address)


def test_the_secrets_are_told() -> None:
    assert seed.SECRETS["console password, old"] == seed.ADMIN_OLD.password
    assert all(len(text) >= 12 for text in seed.SECRETS.values())


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
