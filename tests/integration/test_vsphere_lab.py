"""The lab, VMware side: its proxy keeps, counts and fails as it is told; its guests live as the simulator says."""

import hashlib
import http.client
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim

from fixtures.vsphere import inventory
from fixtures.vsphere.lab import VsphereLab, vsphere_lab
from fixtures.vsphere.proxy import HostBehind, cut

pytestmark = pytest.mark.vsphere

LIVE_MAC, STAGING_MAC = "00:50:56:0a:00:02", "00:50:56:0a:00:03"
CARDS = ((LIVE_MAC, inventory.LAN, False), (STAGING_MAC, inventory.STAGING, True))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[VsphereLab]:
    with vsphere_lab(tmp_path, "vpx") as lab:
        yield lab


@pytest.fixture
def service(lab: VsphereLab) -> Iterator[vim.ServiceInstance]:
    """Logged in through the proxy."""
    with inventory.administrator(lab.simulator, lab.proxy.api) as service:
        yield service


def place_of(lease: vim.HttpNfcLease, lab: VsphereLab) -> str:
    """Where the disk goes, as a client understands it."""
    return str(lease.info.deviceUrl[0].url).replace("*", lab.proxy.api)


def upload(url: str, body: Any, lab: VsphereLab, timeout: float = 30, **headers: str) -> int:
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=lab.ca_file)
    with closing(
        http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=timeout)
    ) as there:
        there.request("POST", parts.path, body, headers)
        return there.getresponse().status


def imported(service: vim.ServiceInstance, lab: VsphereLab, body: bytes) -> vim.VirtualMachine:
    lease = inventory.begin_import(service, "new", CARDS)
    assert upload(place_of(lease, lab), body, lab) == 200
    machine = lease.info.entity
    lease.HttpNfcLeaseComplete()
    return machine


def seen(what: Callable[[], Any], wanted: Any) -> None:
    """At once, or on a busy machine soon."""
    deadline = time.monotonic() + 30
    while (now := what()) != wanted:
        assert time.monotonic() < deadline, f"{now!r}, never {wanted!r}"
        time.sleep(0.005)


def takes_mail(address: str, lab: VsphereLab) -> bool:
    try:
        with smtplib.SMTP(address, lab.smtp_port, "localhost", 2) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


# ---- the proxy -----------------------------------------------------------------------------------------------


def test_calls_are_counted_by_method_and_those_that_write_are_told(lab: VsphereLab, service: Any) -> None:
    lab.proxy.forget_calls()
    service.CurrentTime()
    inventory.machine_of(service, lab.old_id).Rename_Task("other")
    assert dict(lab.proxy.calls) == {"CurrentTime": 1, "Rename_Task": 1}
    assert dict(lab.proxy.writes()) == {"Rename_Task": 1}


def test_one_call_of_one_method_is_answered_with_503(lab: VsphereLab, service: Any) -> None:
    lab.proxy.answer_503("CurrentTime")
    assert service.content.about.name
    with pytest.raises(http.client.HTTPException, match="503"):
        service.CurrentTime()
    assert service.CurrentTime()


@pytest.mark.parametrize("chunked", [False, True])
def test_uploaded_bytes_are_kept_by_lease_and_file(lab: VsphereLab, service: Any, chunked: bool) -> None:
    data = hashlib.shake_256(b"disk").digest(1_000_000)
    lease = inventory.begin_import(service, "new", CARDS)
    assert upload(place_of(lease, lab), iter([data]) if chunked else data, lab) == 200
    (kept,) = lab.proxy.uploads.all
    assert (kept.name, kept.complete, kept.path.read_bytes()) == ("new.vmdk", True, data)
    assert lab.proxy.uploads.of_machine(lease.info.entity._moId) is kept
    assert lab.proxy.uploads.leases == {kept.lease: "open"}
    lease.HttpNfcLeaseAbort()
    assert lab.proxy.uploads.leases == {kept.lease: "aborted"}


def test_an_upload_is_cut_where_it_was_asked_for(lab: VsphereLab, service: Any) -> None:
    lease = inventory.begin_import(service, "new", CARDS)
    lab.proxy.in_upload(300_000, cut)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        upload(place_of(lease, lab), bytes(50_000_000), lab)
    (kept,) = lab.proxy.uploads.all
    assert not kept.complete
    assert 300_000 <= kept.done < 400_000
    assert lab.proxy.uploads.of_machine(lease.info.entity._moId) is None


def test_an_upload_can_stall(lab: VsphereLab, service: Any) -> None:
    lease = inventory.begin_import(service, "new", CARDS)
    lab.proxy.in_upload(0, lab.proxy.stall)
    with pytest.raises(TimeoutError):
        upload(place_of(lease, lab), bytes(50_000_000), lab, timeout=1.5)
    assert lab.proxy.uploads.all[0].done < 100_000


@pytest.mark.parametrize("trusted", [True, False])
def test_the_host_behind_a_lease_has_a_certificate_of_its_own(lab: VsphereLab, service: Any, trusted: bool) -> None:
    pin = lab.proxy.put_host_behind(HostBehind(trusted=trusted))
    told = inventory.begin_import(service, "new", CARDS).info.deviceUrl[0]
    parts = urlsplit(told.url)
    assert f"{parts.hostname}:{parts.port}" != lab.proxy.api
    leaf = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((parts.hostname or "", parts.port or 0)))
    assert hashlib.sha256(leaf).hexdigest() == pin != lab.fingerprint
    assert hashlib.sha1(leaf).hexdigest() == told.sslThumbprint.replace(":", "").lower()  # noqa: S324
    if trusted:
        assert upload(told.url, b"disk", lab) == 200
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            upload(told.url, b"disk", lab)


# ---- the guests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["vpx", "esx"])
def test_the_old_gateway_lives_and_tools_tell_its_address(tmp_path: Path, kind: str) -> None:
    with vsphere_lab(tmp_path, kind) as lab, inventory.administrator(lab.simulator) as service:
        assert takes_mail(lab.address, lab)
        guest = inventory.machine_of(service, lab.old_id).guest
        assert [(card.macAddress, list(card.ipAddress)) for card in guest.net] == [("00:50:56:0a:00:01", [lab.address])]
        assert (guest.toolsRunningStatus, guest.ipAddress) == ("guestToolsRunning", lab.address)


def test_a_new_machine_boots_from_the_bytes_that_were_uploaded(lab: VsphereLab, service: Any) -> None:
    machine = imported(service, lab, lab.image.read_bytes())
    inventory.switch_on(machine)
    seen(lambda: machine.guest.toolsRunningStatus, "guestToolsRunning")
    addresses = {card.macAddress: list(card.ipAddress) for card in machine.guest.net}
    assert addresses == {LIVE_MAC: [], STAGING_MAC: [f"{lab.staging_net}100"]}
    assert takes_mail(f"{lab.staging_net}100", lab)


@pytest.mark.parametrize("length", [0, 600_000])
def test_a_machine_without_the_whole_disk_does_not_boot(lab: VsphereLab, service: Any, length: int) -> None:
    machine = imported(service, lab, lab.image.read_bytes()[:length])
    inventory.switch_on(machine)
    lab.settle()
    assert machine.guest.toolsRunningStatus == "guestToolsNotRunning"
    assert not lab.vm("new")["booted"]


def test_a_card_that_is_disconnected_is_a_cable_that_is_pulled(lab: VsphereLab, service: Any) -> None:
    old = inventory.machine_of(service, lab.old_id)
    inventory.connect_card(old, "00:50:56:0a:00:01", connected=False)
    lab.settle()
    assert not takes_mail(lab.address, lab)
    inventory.connect_card(old, "00:50:56:0a:00:01", connected=True)
    lab.settle()
    assert takes_mail(lab.address, lab)


def test_a_guest_that_is_shut_down_is_gone(lab: VsphereLab, service: Any) -> None:
    old = inventory.machine_of(service, lab.old_id)
    old.ShutdownGuest()
    lab.settle()
    assert not takes_mail(lab.address, lab)
    assert old.guest.toolsRunningStatus == "guestToolsNotRunning"
    inventory.switch_on(old)
    seen(lambda: takes_mail(lab.address, lab), True)


def test_a_guest_that_shuts_itself_down_is_switched_off(lab: VsphereLab, service: Any) -> None:
    from fixtures.appliance import state

    with state.edit(lab.folder) as now:
        now["vms"][lab.old_id]["shutdown_requested"] = True
    seen(lambda: inventory.machine_of(service, lab.old_id).runtime.powerState, "poweredOff")
    lab.settle()
    assert lab.vm(lab.old_id)["power"] == "off"


def test_a_machine_that_is_deleted_leaves_nothing(lab: VsphereLab, service: Any) -> None:
    machine = imported(service, lab, lab.image.read_bytes())
    inventory.switch_on(machine)
    lab.settle()
    machine.PowerOffVM_Task()
    machine.Destroy_Task()
    lab.settle()
    assert [path.name for path in (lab.folder / "vms").iterdir()] == [lab.old_id]
    assert not takes_mail(f"{lab.staging_net}100", lab)
