"""What a person types where no program gets through: each hypervisor's own commands. No SDK is loaded for it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from hypervisors.types import VmRef


@dataclass(frozen=True)
class _Words:
    """Templates of {url}, {vm}, {mac}, which `quoted` makes safe; `up`: plugs in, running and stored."""

    up: tuple[str, ...]
    down: tuple[str, ...]
    start: str
    autostart: str
    resume: str  # of one that is paused
    quoted: Callable[[str], str]
    beside: str = ""  # how else it is done


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
    resume="virsh -c {url} resume {vm} (of one that sleeps: dompmwakeup in place of resume)",
    quoted=shlex.quote,
)


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# PowerCLI finds a NIC by its MAC; govc only by its number.
_ADAPTER = "Get-VM {vm} | Get-NetworkAdapter | Where-Object MacAddress -eq {mac} | Set-NetworkAdapter -Confirm:$false"
_VSPHERE = _Words(
    up=(f"{_ADAPTER} -Connected:$true -StartConnected:$true",),
    down=(f"{_ADAPTER} -Connected:$false -StartConnected:$false",),
    start="Start-VM {vm}",
    autostart="Get-VM {vm} | Get-VMStartPolicy | Set-VMStartPolicy -StartAction PowerOn",
    resume="Start-VM {vm}",  # it resumes one that is suspended
    quoted=_powershell,
    beside=" (in the vSphere client: Edit Settings, that network adapter, Connected and Connect At Power On)",
)


def plug_by_hand(url: str, vm: VmRef, mac: str, *, up: bool) -> tuple[str, ...]:
    """The commands that plug one NIC in or out, in the running and in the stored definition."""
    words = _words(url)
    *before, last = (_filled(words, line, url, vm, mac) for line in (words.up if up else words.down))
    return (*before, last + words.beside)


def start_by_hand(url: str, vm: VmRef) -> str:
    words = _words(url)
    return _filled(words, words.start, url, vm, "")


def autostart_by_hand(url: str, vm: VmRef) -> str:
    """Have its host start it at boot."""
    words = _words(url)
    return _filled(words, words.autostart, url, vm, "")


def resume_by_hand(url: str, vm: VmRef) -> str:
    """Let one go on that is paused or suspended."""
    words = _words(url)
    return _filled(words, words.resume, url, vm, "")


def _words(url: str) -> _Words:
    return _VSPHERE if url.lower().startswith("vsphere:") else _VIRSH


def _filled(words: _Words, line: str, url: str, vm: VmRef, mac: str) -> str:
    return line.format(url=words.quoted(url), vm=words.quoted(vm.name), mac=words.quoted(mac))
