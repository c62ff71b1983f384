"""What a person types where no program gets through: each hypervisor's own commands. No SDK is loaded for it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from hypervisors.types import NOWHERE, Network, VmRef


@dataclass(frozen=True)
class _Words:
    """Templates of {url}, {vm}, {mac}, {switch}, {vlan}, {snapshot}, which `quoted` makes safe.

    `up`: plugs in, running and stored.

    {vm} is the machine's id: its name may be another one's by now. It is added for whoever reads it.
    """

    up: tuple[str, ...]
    down: tuple[str, ...]
    start: str
    autostart: str
    resume: str  # of one that is paused
    revert: tuple[str, ...]  # to {snapshot}, and on from there
    quoted: Callable[[str], str]
    beside: str = ""  # how else it is done
    resumed_else: str = ""  # the same of one that is paused
    bare_mac: bool = False  # as 00155D012345


_VIRSH = _Words(
    up=(
        "virsh -c {url} domif-setlink {vm} {mac} up",
        "virsh -c {url} domif-setlink {vm} {mac} up --config",
    ),
    down=(
        "virsh -c {url} domif-setlink {vm} {mac} down --config",
        "virsh -c {url} domif-setlink {vm} {mac} down",
    ),
    start="virsh -c {url} start {vm}",
    autostart="virsh -c {url} autostart {vm}",
    resume="virsh -c {url} resume {vm}",
    revert=("virsh -c {url} snapshot-revert {vm} {snapshot}",),
    quoted=shlex.quote,
    resumed_else="; of one that sleeps: dompmwakeup in place of resume",
)


@dataclass(frozen=True)
class _At:
    """What the commands are about."""

    url: str
    vm: VmRef
    mac: str = ""
    network: Network = NOWHERE
    snapshot: str = ""

    @property
    def vlan(self) -> str:
        return f"-Access -VlanId {self.network.vlan}" if self.network.vlan else "-Untagged"


def powershell(text: str) -> str:
    """As one word of PowerShell's."""
    return "'" + text.replace("'", "''") + "'"


# PowerCLI finds a NIC by its MAC; govc only by its number. A VM's id is its instance UUID.
_VM = "Get-VM | Where-Object {{ $_.ExtensionData.Config.InstanceUuid -eq {vm} }}"
_ADAPTER = f"{_VM} | Get-NetworkAdapter | Where-Object MacAddress -eq {{mac}} | Set-NetworkAdapter -Confirm:$false"
_VSPHERE = _Words(
    up=(f"{_ADAPTER} -Connected:$true -StartConnected:$true",),
    down=(f"{_ADAPTER} -Connected:$false -StartConnected:$false",),
    start=f"{_VM} | Start-VM",
    autostart=f"{_VM} | Get-VMStartPolicy | Set-VMStartPolicy -StartAction PowerOn",
    resume=f"{_VM} | Start-VM",  # it resumes one that is suspended
    revert=(
        f"{_VM} | ForEach-Object {{{{ Set-VM $_ -Snapshot (Get-Snapshot $_ -Name {{snapshot}}) -Confirm:$false }}}}",
    ),
    quoted=powershell,
    beside="; in the vSphere client: Edit Settings, that network adapter, Connected and Connect At Power On",
)


# Microsoft's cmdlets, as documented. A NIC that is disconnected has no switch: where it is to go is named beside it.
_HYPERV_VM = "Get-VM | Where-Object {{ $_.Id -eq {vm} }}"
_HYPERV_NIC = f"{_HYPERV_VM} | Get-VMNetworkAdapter | Where-Object MacAddress -eq {{mac}}"
_HYPERV = _Words(
    up=(
        f"{_HYPERV_NIC} | Set-VMNetworkAdapterVlan {{vlan}}",
        f"{_HYPERV_NIC} | Connect-VMNetworkAdapter -VMSwitch (Get-VMSwitch -Id {{switch}})",
    ),
    down=(f"{_HYPERV_NIC} | Disconnect-VMNetworkAdapter",),
    start=f"{_HYPERV_VM} | Start-VM",
    autostart=f"{_HYPERV_VM} | Set-VM -AutomaticStartAction Start",
    resume=f"{_HYPERV_VM} | Resume-VM",
    revert=(
        f"{_HYPERV_VM} | Get-VMSnapshot -Name {{snapshot}} | Restore-VMSnapshot -Confirm:$false",
        f"{_HYPERV_VM} | Start-VM",  # with its memory it is saved after that
    ),
    quoted=powershell,
    beside="; in Hyper-V Manager: Settings, Network Adapter, Virtual switch",
    bare_mac=True,
)


def plug_by_hand(url: str, vm: VmRef, mac: str, *, up: bool, network: Network | None = None) -> tuple[str, ...]:
    """The commands that plug one NIC in or out, in the running and in the stored definition.

    `network`: where it is plugged into, which only Hyper-V asks for.
    """
    words = _words(url)
    *before, last = words.up if up else words.down
    at = _At(url, vm, mac, network or NOWHERE)
    return (*(_filled(words, line, at) for line in before), _filled(words, last, at, words.beside))


def start_by_hand(url: str, vm: VmRef) -> str:
    words = _words(url)
    return _filled(words, words.start, _At(url, vm))


def autostart_by_hand(url: str, vm: VmRef) -> str:
    """Have its host start it at boot."""
    words = _words(url)
    return _filled(words, words.autostart, _At(url, vm))


def resume_by_hand(url: str, vm: VmRef) -> str:
    """Let one go on that is paused or suspended."""
    words = _words(url)
    return _filled(words, words.resume, _At(url, vm), words.resumed_else)


def revert_by_hand(url: str, vm: VmRef, snapshot: str) -> tuple[str, ...]:
    """The commands that go back to a snapshot and on from there: what came since is lost."""
    words = _words(url)
    return tuple(_filled(words, line, _At(url, vm, snapshot=snapshot)) for line in words.revert)


def _words(url: str) -> _Words:
    return _BY_SCHEME.get(url.partition(":")[0].lower(), _VIRSH)


_BY_SCHEME = {"vsphere": _VSPHERE, "hyperv+ssh": _HYPERV}


def _filled(words: _Words, line: str, at: _At, else_: str = "") -> str:
    """`else_`: another way to do it, in words."""
    mac = at.mac.replace(":", "").upper() if words.bare_mac else at.mac
    named = {"url": at.url, "vm": at.vm.id, "mac": mac, "switch": at.network.id, "snapshot": at.snapshot}
    command = line.format(**{name: words.quoted(value) for name, value in named.items()}, vlan=at.vlan)
    return f"{command} ({at.vm.name}{else_})"
