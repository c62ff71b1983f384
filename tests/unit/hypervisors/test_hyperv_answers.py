"""What a Hyper-V host answers: marked, wrapped, mixed with other output, odd, in another language."""

import json
from typing import Any

import pytest

from hypervisors import (
    NOWHERE,
    BadImage,
    Busy,
    HypervisorError,
    NoRoom,
    NotPermitted,
    NotSupported,
    PowerState,
    Unreachable,
)
from hypervisors.hyperv import faults, notes, reading, requests, target
from hypervisors.hyperv.requests import Failed, Fault

MARK = "0123456789abcdef"


def printed(answer: object) -> bytes:
    return f"<vmmigrate:{MARK}>{json.dumps(answer)}</vmmigrate:{MARK}>".encode()


def test_a_request_is_ascii_and_has_its_mark() -> None:
    sent = requests.request(MARK, {"vm": "1", "notes": "Grüße"})
    assert json.loads(sent.decode("ascii")) == {"mark": MARK, "vm": "1", "notes": "Grüße"}
    assert requests.new_mark() != requests.new_mark()


@pytest.mark.parametrize("before", [b"", b"\r\n", b"Vorg\x84nge\r\n", b"<vmmigrate:fedcba>{}</vmmigrate:fedcba>\r\n"])
def test_an_answer_is_found_wherever_it_stands(before: bytes) -> None:
    value = {"machines": [{"name": "Grüße" * 40}]}
    whole = printed({"ok": True, "value": value})
    wrapped = b"\r\n".join(whole[at : at + 80] for at in range(0, len(whole), 80))
    for one in (whole, wrapped):
        assert requests.answer(MARK, before + one + b"\r\n", b"#< CLIXML") == value


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff\xfe",
        printed([]),
        printed({"ok": True}),
        printed({"ok": True, "value": []}),
        printed({"ok": False, "error": "no"}),
        printed("[" * 40),
        f"<vmmigrate:{MARK}>{'[' * 100_000}</vmmigrate:{MARK}>".encode(),
        f"<vmmigrate:{MARK}>not json</vmmigrate:{MARK}>".encode(),
    ],
    ids=["nothing", "UTF-16", "a list", "no value", "a list for a value", "an odd error", "a text", "deep", "no JSON"],
)
def test_what_is_no_answer_is_said_so(said: bytes) -> None:
    with pytest.raises(HypervisorError) as caught:
        requests.answer(MARK, said, "Die Richtlinie verbietet Skripts.".encode("cp850"))
    assert caught.value.hint


def fault(**given: Any) -> Fault:
    usual = {"category": "NotSpecified", "reason": "VirtualizationException", "id": "", "codes": (), "message": "¡ay!"}
    return Fault(**{**usual, **given})


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"reason": "CommandNotFoundException", "id": "CommandNotFoundException"}, NotSupported),
        ({"id": "CouldNotAutoLoadModule", "reason": "CommandNotFoundException"}, NotSupported),
        ({"codes": ("0X8004100E",)}, NotSupported),
        ({"category": "SecurityError", "reason": "PSSecurityException", "id": "UnauthorizedAccess"}, NotPermitted),
        (
            {"category": "PermissionDenied", "id": "AccessDenied,Microsoft.HyperV.PowerShell.Commands.GetVM"},
            NotPermitted,
        ),
        ({"codes": ("0X80041003",)}, NotPermitted),
        (
            {"codes": ("0X80070005",), "id": "OperationFailed,Microsoft.HyperV.PowerShell.Commands.StartVM"},
            HypervisorError,
        ),
        ({"codes": ("0X80070070",)}, NoRoom),
        ({"codes": ("0X80070299",)}, NoRoom),
        ({"codes": ("0X80070020",)}, Busy),
        ({"codes": ("0X800700AA",)}, Busy),
        ({"category": "InvalidOperation", "id": "InvalidState,Microsoft.HyperV.PowerShell.Commands.SetVM"}, Busy),
        ({"codes": ("0XC03A001A",)}, BadImage),
        (
            {"category": "ObjectNotFound", "id": "ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM"},
            Unreachable,
        ),
        ({"category": "FromStdErr", "id": "OutOfMemory,Microsoft.HyperV.PowerShell.Commands.StartVM"}, HypervisorError),
        ({"codes": ("0X800705AA",)}, HypervisorError),
        ({}, HypervisorError),
    ],
)
def test_an_error_is_known_by_its_category_id_and_code(given: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(Exception, match="¡ay!") as caught, faults.door("start of gw"):
        raise Failed(fault(**given))
    assert type(caught.value) is kind
    assert str(caught.value).startswith("start of gw: ¡ay!")
    assert caught.value.hint  # type: ignore[attr-defined]


def test_memory_that_the_host_lacks_is_named() -> None:
    assert (
        "memory" in faults.problem("start", fault(id="OutOfMemory,Microsoft.HyperV.PowerShell.Commands.StartVM")).hint
    )


# ---- notes ---------------------------------------------------------------------------------------------------


def test_our_tag_is_kept_and_hidden() -> None:
    line = notes.line_of("run-1", "0A-b", complete=False)
    both = notes.with_text(line, "Owner:\nmail team")
    assert notes.text_of(both.replace("\n", "\r\n")) == "Owner:\nmail team"
    assert notes.with_text(both, "another") == f"another\n{line}"
    assert notes.with_text("only theirs", "") == ""
    tag = notes.tag_of(notes.completed(both), "", unnamed=False)
    assert tag is not None
    assert (tag.run_id, tag.vm, tag.complete) == ("run-1", "0a-b", True)
    assert both.find(notes.prefix_of("run-1", "0A-b")) > 0


@pytest.mark.parametrize(
    ("path", "run"),
    [
        ("C:\\VMs\\vmmigrate-run-1\\gw", "run-1"),
        ("C:/VMs/vmmigrate-run-1/gw/", "run-1"),
        ("C:\\VMs\\gw", ""),
        ("vmmigrate-run-1", ""),
        ("", ""),
    ],
)
def test_before_there_are_notes_the_folder_is_the_tag(path: str, run: str) -> None:
    assert notes.tag_of("", path, unnamed=False) is None
    tag = notes.tag_of("", path, unnamed=True)
    assert (tag.run_id if tag else "") == run
    assert tag is None or (tag.vm == "" and not tag.complete)


# ---- values --------------------------------------------------------------------------------------------------

NIC = {
    "id": "Microsoft:A\\B",
    "mac": "00155D0A0101",
    "connected": True,
    "switch": "LAN",
    "switch_id": "5E-1",
    "legacy": False,
    "vlan_mode": "Access",
    "vlan": 30,
}


def test_a_nic_has_switch_and_vlan_only_while_it_is_connected() -> None:
    nic = reading.nic_of(NIC)
    assert (nic.mac, str(nic.network), nic.network.id) == ("00:15:5d:0a:01:01", "switch:LAN, VLAN 30", "5e-1")
    down = reading.nic_of({**NIC, "connected": False})
    assert (down.network, down.link_up, down.stored_link_up, str(down.network)) == (NOWHERE, False, False, "no network")
    assert reading.nic_of({**NIC, "vlan_mode": "Untagged"}).network.vlan == 0


@pytest.mark.parametrize("change", [{"mac": "00-15-5D-0A-01-01"}, {"mac": None}, {"connected": "True"}, {"vlan": True}])
def test_a_field_of_another_kind_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(HypervisorError, match="Hyper-V host answered"):
        reading.nic_of({**NIC, **change})


def test_a_list_of_one_may_come_unwrapped() -> None:
    assert reading.each({"nics": NIC}, "nics") == (NIC,)
    assert reading.each({}, "nics") == reading.each({"nics": None}, "nics") == ()
    with pytest.raises(HypervisorError):
        reading.each({"nics": ["LAN"]}, "nics")


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("Running", "running"),
        ("Off", "off"),
        ("Stopping", "running"),
        ("Saved", "off"),
        ("Paused", "other"),
        ("OffCritical", "other"),
    ],
)
def test_what_is_neither_running_nor_off_is_neither(state: str, power: str) -> None:
    assert reading.power_of({"state": state}) is PowerState(power)


@pytest.mark.parametrize(
    ("path", "machine", "folder"),
    [
        ("D:\\disks\\gw.vhdx", "C:\\VMs\\gw", "D:\\disks"),
        ("C:\\VMs\\gw\\Virtual Hard Disks\\gw.vhdx", "C:\\VMs\\gw", "C:\\VMs"),
        ("C:\\VMs\\gw\\gw.vhdx", "C:\\VMs\\gw", "C:\\VMs"),
        ("C:\\VMs\\gw-2\\gw.vhdx", "C:\\VMs\\gw", "C:\\VMs\\gw-2"),
        ("C:\\VMs\\vmmigrate-run-1\\gw\\gw.vhdx", "C:\\VMs\\vmmigrate-run-1\\gw", "C:\\VMs"),
        ("D:\\gw.vhdx", "", "D:"),
        ("", "", ""),
    ],
)
def test_the_store_of_a_disk_is_the_folder_that_could_hold_another(path: str, machine: str, folder: str) -> None:
    assert reading.folder_of(path, machine) == folder


# ---- the URL -------------------------------------------------------------------------------------------------


def test_a_url_names_account_and_host() -> None:
    assert target.parsed("hyperv+ssh://CORP%5Cadmin@hv1:2222/") == target.Target("CORP\\admin", "hv1", 2222)
    assert target.parsed("hyperv+ssh://admin@[2001:db8::1]").port == 22


@pytest.mark.parametrize(
    "url",
    [
        "hyperv://admin@hv1",
        "hyperv+winrm://admin@hv1",
        "hyperv+ssh://hv1",
        "hyperv+ssh://admin@",
        "hyperv+ssh://admin@-oProxyCommand=x",
        "hyperv+ssh://admin:hunter2@hv1",
        "hyperv+ssh://admin@hv1/folder",
        "hyperv+ssh://admin@hv1?x=1",
        "hyperv+ssh://admin@hv1:99999",
        "hyperv+ssh://admin@[::1",
    ],
)
def test_another_url_is_refused_with_the_form(url: str) -> None:
    with pytest.raises(NotSupported) as caught:
        target.parsed(url)
    assert "hyperv+ssh://USER@HOST" in caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_what_a_guest_reports_is_an_address_or_left_out() -> None:
    """It is where we connect, and stands in a console's URL."""
    reported = (
        "10.0.0.7",
        "fe80::1",
        "0.0.0.0",
        "2001:db8::7",
        "old-gateway.example.org",
        "10.0.0.7/../x",
        "-oProxyCommand=x",
        "",
    )
    listed = [{"mac": "00155D0A0101", "address": address} for address in reported]
    found = reading.addresses_of({"addresses": listed})
    assert [each.address for each in found] == ["10.0.0.7", "2001:db8::7"]
