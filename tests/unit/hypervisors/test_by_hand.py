"""The commands that a person types: one's own hypervisor's, safe for its shell, without loading an SDK."""

import subprocess
import sys
from dataclasses import replace

from hypervisors import (
    Network,
    VmRef,
    autostart_by_hand,
    plug_by_hand,
    resume_by_hand,
    revert_by_hand,
    start_by_hand,
)

VM = VmRef("id-1", "mail gw")
MAC = "52:54:00:00:00:01"


def test_virsh_plugs_the_running_one_and_the_stored_one() -> None:
    url = "qemu+ssh://root@host/system?no_verify=1&x"
    quoted = f"virsh -c '{url}' domif-setlink id-1 {MAC}"
    assert plug_by_hand(url, VM, MAC, up=True) == (f"{quoted} up (mail gw)", f"{quoted} up --config (mail gw)")
    assert plug_by_hand(url, VM, MAC, up=False) == (f"{quoted} down --config (mail gw)", f"{quoted} down (mail gw)")
    assert start_by_hand(url, VM) == f"virsh -c '{url}' start id-1 (mail gw)"
    assert resume_by_hand(url, VM).startswith(f"virsh -c '{url}' resume id-1 (mail gw; ")
    assert autostart_by_hand(url, VM) == f"virsh -c '{url}' autostart id-1 (mail gw)"


def test_powercli_and_the_client_on_vsphere() -> None:
    found = "Get-VM | Where-Object {{ $_.ExtensionData.Config.InstanceUuid -eq '{}' }} | "
    [line] = plug_by_hand("vsphere://admin@vc/DC/C", VmRef("it's", "name"), MAC, up=True)
    nic = f"Get-NetworkAdapter | Where-Object MacAddress -eq '{MAC}'"
    assert line.startswith(found.format("it''s") + nic)
    assert "-Connected:$true -StartConnected:$true" in line
    assert "in the vSphere client" in line
    [line] = plug_by_hand("vsphere://admin@vc/DC/C", VM, MAC, up=False)
    assert "-Connected:$false -StartConnected:$false" in line
    by_id = found.format("id-1")
    assert start_by_hand("vsphere://admin@vc", VM) == f"{by_id}Start-VM (mail gw)"
    assert resume_by_hand("vsphere://admin@vc", VM) == f"{by_id}Start-VM (mail gw)"
    assert autostart_by_hand("vsphere://admin@vc", VM).startswith(f"{by_id}Get-VMStartPolicy | ")


def test_no_sdk_is_loaded_for_it() -> None:
    """Where it is needed an SDK may be what fails."""
    code = (
        "import sys, hypervisors as h; h.plug_by_hand('qemu:///system', h.VmRef('1', 'a'), 'x', up=True);"
        "sys.exit('libvirt' in sys.modules or 'pyVmomi' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_hyper_v_is_told_the_switch_and_a_bare_mac() -> None:
    url = "hyperv+ssh://admin@hv1"
    lan = Network("LAN", "switch", id="5e'1", vlan=30)
    vlan, up = plug_by_hand(url, VM, MAC, up=True, network=lan)
    assert f"-eq '{VM.id}'" in up
    assert f"-eq '{MAC.replace(':', '').upper()}' | Set-VMNetworkAdapterVlan -Access -VlanId 30 (mail gw)" in vlan
    assert "| Connect-VMNetworkAdapter -VMSwitch (Get-VMSwitch -Id '5e''1') (mail gw;" in up
    assert "-Untagged" in plug_by_hand(url, VM, MAC, up=True, network=replace(lan, vlan=0))[0]
    [down] = plug_by_hand(url, VM, MAC, up=False)
    assert "| Disconnect-VMNetworkAdapter (" in down
    assert start_by_hand(url, VM).startswith("Get-VM | Where-Object { $_.Id -eq ")


def test_each_goes_back_to_a_snapshot_and_on_from_there() -> None:
    """Hyper-V leaves a machine saved whose checkpoint has its memory: without a start nobody serves."""
    vm = VmRef("id-1", "mail gw")
    assert revert_by_hand("qemu:///system", vm, "it's 1") == (
        """virsh -c qemu:///system snapshot-revert id-1 'it'"'"'s 1' (mail gw)""",
    )
    [back] = revert_by_hand("vsphere://admin@vc", vm, "it's 1")
    found = "Get-VM | Where-Object { $_.ExtensionData.Config.InstanceUuid -eq 'id-1' } | ForEach-Object { "
    assert back == f"{found}Set-VM $_ -Snapshot (Get-Snapshot $_ -Name 'it''s 1') -Confirm:$false }} (mail gw)"
    url = "hyperv+ssh://admin@hv1"
    back, on = revert_by_hand(url, vm, "it's 1")
    by_id = "Get-VM | Where-Object { $_.Id -eq 'id-1' } | "
    assert back == f"{by_id}Get-VMSnapshot -Name 'it''s 1' | Restore-VMSnapshot -Confirm:$false (mail gw)"
    assert on == start_by_hand(url, vm) == f"{by_id}Start-VM (mail gw)"
