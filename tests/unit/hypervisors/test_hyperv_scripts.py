"""The scripts for a Hyper-V host: they parse, and call what is listed here with documented parameters.

No PowerShell runs here. The parameters are those of Microsoft's pages of each cmdlet (Windows Server 2016 to 2025).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_powershell

from fixtures.hyperv.scripts import SCRIPTS
from hypervisors.hyperv.session import scripts

FOLDER = Path(__file__).parents[3] / "hypervisors" / "hyperv"
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))

CMDLETS = {
    "CimCmdlets": {
        "Get-CimInstance": "Namespace ClassName Filter",
        "Invoke-CimMethod": "InputObject MethodName Arguments",
    },
    "Hyper-V": {
        "Add-VMHardDiskDrive": "VM ControllerType ControllerNumber ControllerLocation Path Passthru Confirm",
        "Add-VMNetworkAdapter": "VM StaticMacAddress Passthru Confirm",
        "Checkpoint-VM": "VM SnapshotName Confirm",
        "Connect-VMNetworkAdapter": "VMNetworkAdapter VMSwitch Confirm",
        "Disconnect-VMNetworkAdapter": "VMNetworkAdapter Confirm",
        "Get-VHD": "Path",
        "Get-VM": "",
        "Get-VMDvdDrive": "VM",
        "Get-VMFirmware": "VM",
        "Get-VMHardDiskDrive": "VM",
        "Get-VMHost": "",
        "Get-VMIntegrationService": "VM",
        "Get-VMNetworkAdapter": "VM",
        "Get-VMNetworkAdapterVlan": "VMNetworkAdapter",
        "Get-VMProcessor": "VM",
        "Get-VMSnapshot": "VM",
        "Get-VMSwitch": "",
        "New-VHD": "Path SizeBytes Dynamic Confirm",
        "New-VMSwitch": "Name SwitchType Confirm",
        "New-VM": "Name Generation NoVHD Path MemoryStartupBytes Confirm",
        "Remove-VM": "VM Force Confirm",
        "Remove-VMDvdDrive": "VMDvdDrive Confirm",
        "Remove-VMNetworkAdapter": "VMNetworkAdapter Confirm",
        "Remove-VMSnapshot": "VMSnapshot Confirm",
        "Remove-VMSwitch": "VMSwitch Force Confirm",
        "Rename-VM": "VM NewName Confirm",
        "Restore-VMSnapshot": "VMSnapshot Confirm",
        "Resume-VM": "VM Confirm",
        "Save-VM": "VM Confirm",
        "Set-VM": "VM Notes ProcessorCount AutomaticStartAction AutomaticStartDelay AutomaticStopAction CheckpointType"
        " Confirm",
        "Set-VMFirmware": "VM EnableSecureBoot SecureBootTemplate FirstBootDevice Confirm",
        "Set-VMNetworkAdapter": "VMNetworkAdapter MacAddressSpoofing Confirm",
        "Set-VMNetworkAdapterVlan": "VMNetworkAdapter Untagged Access VlanId Confirm",
        "Set-VMProcessor": "VM CompatibilityForMigrationEnabled ExposeVirtualizationExtensions Reserve Maximum"
        " RelativeWeight Confirm",
        "Start-VM": "VM Confirm",
        "Stop-VM": "VM TurnOff Force Confirm",
    },
    "Microsoft.PowerShell.Core": {"Get-Command": "Name", "Set-StrictMode": "Version"},
    "Microsoft.PowerShell.Management": {
        "Get-ChildItem": "LiteralPath Force",
        "Get-Content": "LiteralPath Raw Encoding",
        "Get-Item": "LiteralPath",
        "Move-Item": "LiteralPath Destination",
        "New-Item": "Path ItemType",
        "Remove-Item": "LiteralPath Recurse Force Confirm",
        "Split-Path": "Path Parent",
        "Test-Path": "LiteralPath PathType",
    },
    "Microsoft.PowerShell.Utility": {
        "ConvertFrom-Json": "InputObject",
        "ConvertTo-Json": "InputObject Depth Compress",
        "Get-FileHash": "LiteralPath Algorithm",
        "Write-Output": "InputObject",
    },
    "Storage": {"Get-Volume": "FilePath"},
}
# What Windows PowerShell 5.1 does not have, what Constrained Language Mode forbids, what makes code of text.
FORBIDDEN = re.compile(
    r"Invoke-Expression|\biex\b|Add-Type|New-Object|ScriptBlock\]::Create|Get-WmiObject"
    r"|\[(IO|System|Console|Convert|Text)\b|-AsHashtable|-AsByteStream|utf8NoBOM|-LeafBase|Test-Json|-Parallel"
    r"|\?\?|\?\.|&&|\|\|",
    re.IGNORECASE,
)
_TEXTS = scripts()
_BLOCKS = ('"$PSScriptRoot/prelude.ps1"', "$Act", "$ActOnMachine", "$ActOnOwn")  # run with `.` and `&`
_ALL = pytest.mark.parametrize("name", sorted(_TEXTS))


def nodes(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def commands(text: bytes) -> Iterator[tuple[str, set[str]]]:
    """Each command's name, and its parameters without the dash and the value."""
    for node in nodes(PARSER.parse(text).root_node):
        if node.type == "command":
            name = node.child_by_field_name("command_name")
            elements = [each for child in node.children if child.type == "command_elements" for each in child.children]
            given = [each.text.decode() for each in elements if each.type == "command_parameter" and each.text]
            yield (name.text or b"").decode() if name else "", {one[1:].partition(":")[0] for one in given}


@_ALL
def test_a_script_parses_and_is_ascii(name: str) -> None:
    text = _TEXTS[name]
    text.decode("ascii")
    wrong = [each for each in nodes(PARSER.parse(text).root_node) if each.type == "ERROR" or each.is_missing]
    assert [(each.start_point, each.text) for each in wrong] == []


@_ALL
def test_it_calls_what_is_listed_with_documented_parameters(name: str) -> None:
    """A cmdlet is named with its module: another module may have one of that name."""
    own = set(re.findall(r"^function ([\w-]+)", _TEXTS["prelude.ps1"].decode() + _TEXTS[name].decode(), re.MULTILINE))
    for command, given in commands(_TEXTS[name]):
        module, _, cmdlet = command.rpartition("\\")
        if command in own or command in _BLOCKS:
            continue
        assert cmdlet in CMDLETS.get(module, {}), command
        assert given <= set(CMDLETS[module][cmdlet].split()), command


@_ALL
def test_it_has_nothing_that_is_newer_or_forbidden(name: str) -> None:
    assert FORBIDDEN.findall(_TEXTS[name].decode()) == []


@_ALL
def test_force_stands_only_where_it_kills_what_is_ours(name: str) -> None:
    """Stop-VM -Force pulls the plug of a guest that is merely slow."""
    stops = [given for command, given in commands(_TEXTS[name]) if command.endswith("Stop-VM")]
    assert all("TurnOff" in given for given in stops)
    text = _TEXTS[name].decode()
    assert not stops or "ours = $false" in text or "\nComplete-OwnMachineRequest" in text


@_ALL
def test_its_first_line_is_its_one_job(name: str) -> None:
    assert re.match(r"# [A-Z].*[.:,]", _TEXTS[name].decode())


def test_each_frame_runs_a_block_of_its_own_name() -> None:
    """A block sees the variables of whoever runs it: `$Act` in a block that is run as `$Act` is that block."""
    prelude = _TEXTS["prelude.ps1"].decode()
    taken = re.findall(r"\[scriptblock\]\$(\w+)", prelude)
    assert len(taken) == len({name.lower() for name in taken}) == len(_BLOCKS) - 1
    for name in taken:
        assert len(re.findall(rf"& \${name}\b", prelude)) == 1, name


def test_only_a_script_that_needs_no_machine_is_framed_by_itself() -> None:
    """What becomes of one that is gone, or not ours, is said once, in the prelude."""
    for name, text in _TEXTS.items():
        if name != "prelude.ps1":
            assert "if ($null -eq $vm)" not in text.decode(), name


def test_each_script_is_asked_for_and_imitated() -> None:
    there = {name.removesuffix(".ps1") for name in _TEXTS} - {"prelude"}
    source = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    assert set(re.findall(r'\.ask\(\s*"([\w-]+)"', source)) == there == set(SCRIPTS)
