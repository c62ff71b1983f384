# Define a machine without a disk, switched off: its folder has the run's id, its notes the tag. Answers its id.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"

function Set-Hardware($Vm, $Asked) {
    $known = @((Microsoft.PowerShell.Core\Get-Command -Name 'Hyper-V\Set-VM').Parameters.Keys)
    $more = @{}
    if ($known -contains 'AutomaticCheckpointsEnabled') { $more['AutomaticCheckpointsEnabled'] = $false }
    if ($Asked.dynamic_memory) {
        $more['DynamicMemory'] = $true
        $more['MemoryMinimumBytes'] = [int64]$Asked.memory_minimum
        $more['MemoryMaximumBytes'] = [int64]$Asked.memory_maximum
    } else {
        $more['StaticMemory'] = $true
    }
    Hyper-V\Set-VM -VM $Vm -ProcessorCount ([int64]$Asked.processors) -AutomaticStartAction Nothing `
        -AutomaticStopAction $Asked.stop_action -CheckpointType $Asked.checkpoint_type -Confirm:$false @more
    Hyper-V\Set-VMProcessor -VM $Vm -CompatibilityForMigrationEnabled ([bool]$Asked.compatible_processor) `
        -ExposeVirtualizationExtensions ([bool]$Asked.nested) -Reserve ([int64]$Asked.reserve) `
        -Maximum ([int64]$Asked.maximum) -RelativeWeight ([int]$Asked.weight) -Confirm:$false
}

function Set-Firmware($Vm, $Asked) {
    if ([int]$Asked.generation -ne 2) { return }
    if ($Asked.secure_boot -eq 'On') {
        Hyper-V\Set-VMFirmware -VM $Vm -EnableSecureBoot On -SecureBootTemplate $Asked.template -Confirm:$false
    } else {
        Hyper-V\Set-VMFirmware -VM $Vm -EnableSecureBoot Off -Confirm:$false
    }
}

# New-VM adds a NIC and, in generation 1, a DVD drive that nobody asked for.
function Remove-Stock($Vm) {
    foreach ($nic in @(Hyper-V\Get-VMNetworkAdapter -VM $Vm)) {
        Hyper-V\Remove-VMNetworkAdapter -VMNetworkAdapter $nic -Confirm:$false
    }
    foreach ($drive in @(Hyper-V\Get-VMDvdDrive -VM $Vm)) {
        Hyper-V\Remove-VMDvdDrive -VMDvdDrive $drive -Confirm:$false
    }
}

function Add-Nic($Vm, $Wanted) {
    $nic = Hyper-V\Add-VMNetworkAdapter -VM $Vm -StaticMacAddress $Wanted.mac -Passthru -Confirm:$false
    Set-Vlan $nic ([int]$Wanted.vlan)
    if ($Wanted.spoofing -ne '') {
        Hyper-V\Set-VMNetworkAdapter -VMNetworkAdapter $nic -MacAddressSpoofing $Wanted.spoofing -Confirm:$false
    }
    if ([bool]$Wanted.connected) {
        $switch = Get-Switch $Wanted.switch_id
        Hyper-V\Connect-VMNetworkAdapter -VMNetworkAdapter $nic -VMSwitch $switch -Confirm:$false
    }
}

# Only an empty one: what New-VM left in it is looked at when the run removes its own.
function Remove-Empty([string]$Folder) {
    if (@(Microsoft.PowerShell.Management\Get-ChildItem -LiteralPath $Folder -Force).Count -eq 0) {
        Microsoft.PowerShell.Management\Remove-Item -LiteralPath $Folder -Force -Confirm:$false
    }
}

Complete-Request $RequestFile {
    param($asked)
    $is_new = -not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $asked.folder -PathType Container)
    if ($is_new) { $made = Microsoft.PowerShell.Management\New-Item -Path $asked.folder -ItemType Directory }
    try {
        $vm = Hyper-V\New-VM -Name $asked.name -Generation ([int]$asked.generation) -NoVHD -Path $asked.folder `
            -MemoryStartupBytes ([int64]$asked.memory) -Confirm:$false
    } catch {
        $failed = $_
        if ($is_new) { try { Remove-Empty $asked.folder } catch { $is_new = $false } }
        throw $failed
    }
    Hyper-V\Set-VM -VM $vm -Notes ($asked.notes -replace '<id>', "$($vm.Id)") -Confirm:$false
    Remove-Stock $vm
    Set-Hardware $vm $asked
    Set-Firmware $vm $asked
    foreach ($nic in @($asked.nics)) { Add-Nic $vm $nic }
    @{ id = "$($vm.Id)"; name = "$($vm.Name)" }
}
