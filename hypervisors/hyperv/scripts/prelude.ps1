# What all scripts share: the request, one marked answer, errors by category and code, machines by their Id.
# For Windows PowerShell 5.1 and PowerShell 7, also in Constrained Language Mode. ASCII only.
Microsoft.PowerShell.Core\Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

function Complete-Request([string]$File, [scriptblock]$Act) {
    $mark = ''
    try {
        $text = Microsoft.PowerShell.Management\Get-Content -LiteralPath $File -Raw -Encoding UTF8
        $asked = Microsoft.PowerShell.Utility\ConvertFrom-Json -InputObject $text
        $mark = $asked.mark
        $value = @(& $Act $asked)[-1]   # whatever else a cmdlet may have put out
        Write-Answer $mark @{ ok = $true; value = $value }
    } catch {
        Write-Answer $mark @{ ok = $false; error = (Get-Fault $_) }
    }
}

# The same for what is asked of one machine, which is looked up by its id. Its parameter has a name of its own: a block
# sees the variables of whoever runs it, so within $Act another $Act would be that block itself.
function Complete-MachineRequest([string]$File, [scriptblock]$ActOnMachine) {
    Complete-Request $File {
        param($asked)
        $vm = Get-Machine $asked.vm
        if ($null -eq $vm) { return @{ found = $false } }
        & $ActOnMachine $asked $vm
    }
}

# The same for what only a machine of our own suffers: its notes have the tag.
function Complete-OwnMachineRequest([string]$File, [scriptblock]$ActOnOwn) {
    Complete-MachineRequest $File {
        param($asked, $vm)
        if (-not "$($vm.Notes)".Contains($asked.tag)) { return @{ found = $true; ours = $false } }
        & $ActOnOwn $asked $vm
    }
}

# One line between marks: a console may wrap it, and other programs may write around it.
function Write-Answer([string]$Mark, $Answer) {
    $json = Microsoft.PowerShell.Utility\ConvertTo-Json -InputObject $Answer -Depth 8 -Compress
    Microsoft.PowerShell.Utility\Write-Output -InputObject "<vmmigrate:$Mark>$(ConvertTo-Ascii $json)</vmmigrate:$Mark>"
}

# The console's code page is not known: what is not ASCII goes as \uXXXX.
function ConvertTo-Ascii([string]$Text) {
    if ($Text -notmatch '[^\x20-\x7e]') { return $Text }
    $pieces = foreach ($char in $Text.ToCharArray()) {
        $code = [int]$char
        if ($code -ge 32 -and $code -le 126) { $char } else { '\u{0:x4}' -f $code }
    }
    return ($pieces -join '')
}

# Texts are localised; categories, ids and codes are not.
function Get-Fault($Record) {
    $message = "$($Record.Exception.Message)"
    @{
        category = "$($Record.CategoryInfo.Category)"
        reason = "$($Record.CategoryInfo.Reason)"
        id = "$($Record.FullyQualifiedErrorId)"
        hresult = '0x{0:X8}' -f $Record.Exception.HResult
        codes = @(foreach ($found in [regex]::Matches($message, '0x[0-9A-Fa-f]{8}')) { "$($found.Value)" })
        message = $message
    }
}

# Of a whole listing: -Name takes wildcards, names are no identities, and an error may mean many things.
function Get-Machine([string]$Id) {
    foreach ($vm in @(Hyper-V\Get-VM)) {
        if ("$($vm.Id)" -eq $Id) { return $vm }
    }
    return $null
}

function Get-Nic($Vm, [string]$Id) {
    foreach ($nic in @(Hyper-V\Get-VMNetworkAdapter -VM $Vm)) {
        if ("$($nic.Id)" -eq $Id) { return $nic }
    }
    return $null
}

# Not those that a backup or a replication keeps for itself.
function Get-Checkpoint($Vm) {
    foreach ($one in @(Hyper-V\Get-VMSnapshot -VM $Vm)) {
        if ("$($one.SnapshotType)" -eq 'Standard') { $one }
    }
}

# Names of switches may be given twice; their ids may not.
function Get-Switch([string]$Id) {
    foreach ($switch in @(Hyper-V\Get-VMSwitch)) {
        if ("$($switch.Id)" -eq $Id) { return $switch }
    }
    return $null
}

function Get-NicFacts($Nic) {
    $vlan = $Nic.VlanSetting   # in the object already: no call for each NIC of a whole host
    @{
        id = "$($Nic.Id)"
        name = "$($Nic.Name)"
        mac = "$($Nic.MacAddress)"
        dynamic_mac = [bool]$Nic.DynamicMacAddressEnabled
        connected = [bool]$Nic.Connected
        switch_id = "$($Nic.SwitchId)"
        switch = "$($Nic.SwitchName)"
        legacy = [bool]$Nic.IsLegacy
        vlan_mode = "$($vlan.OperationMode)"
        vlan = [int]$vlan.AccessVlanId
        spoofing = "$($Nic.MacAddressSpoofing)"
    }
}

# New-VM takes no notes: one in a folder of ours that has neither notes nor a disk was left in the act.
function Test-Unnamed($Vm) {
    if ("$($Vm.Notes)" -ne '' -or "$($Vm.Path)" -notmatch '[\\/]vmmigrate-[^\\/]+[\\/][^\\/]+$') { return $false }
    return (@(Hyper-V\Get-VMHardDiskDrive -VM $Vm).Count -eq 0)
}

function Get-MachineFacts($Vm) {
    @{
        id = "$($Vm.Id)"
        name = "$($Vm.Name)"
        state = "$($Vm.State)"
        notes = "$($Vm.Notes)"
        path = "$($Vm.Path)"
        unnamed = (Test-Unnamed $Vm)
        clustered = [bool]$Vm.IsClustered
        replication = "$($Vm.ReplicationState)"
        nics = @(foreach ($nic in @(Hyper-V\Get-VMNetworkAdapter -VM $Vm)) { Get-NicFacts $nic })
    }
}

# What Set-VMNetworkAdapterVlan is given; 0: no VLAN.
function Set-Vlan($Nic, [int]$Vlan) {
    $now = Hyper-V\Get-VMNetworkAdapterVlan -VMNetworkAdapter $Nic
    if ($Vlan -eq 0 -and "$($now.OperationMode)" -ne 'Untagged') {
        Hyper-V\Set-VMNetworkAdapterVlan -VMNetworkAdapter $Nic -Untagged -Confirm:$false
    } elseif ($Vlan -ne 0 -and -not ("$($now.OperationMode)" -eq 'Access' -and [int]$now.AccessVlanId -eq $Vlan)) {
        Hyper-V\Set-VMNetworkAdapterVlan -VMNetworkAdapter $Nic -Access -VlanId $Vlan -Confirm:$false
    }
}
