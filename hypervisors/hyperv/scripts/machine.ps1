# All that is read of one machine: hardware, disks, firmware, how its host starts and stops it.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"

function Get-DiskFacts($Drive) {
    $facts = @{
        path = "$($Drive.Path)"
        controller = "$($Drive.ControllerType)"
        number = [int]$Drive.ControllerNumber
        location = [int]$Drive.ControllerLocation
        pass_through = ($null -ne $Drive.DiskNumber)
        format = ''
        type = ''
        size = [int64]0
        parent = ''
    }
    try {
        $vhd = Hyper-V\Get-VHD -Path $Drive.Path
        $facts.format = "$($vhd.VhdFormat)"
        $facts.type = "$($vhd.VhdType)"
        $facts.size = [int64]$vhd.Size
        $facts.parent = "$($vhd.ParentPath)"
    } catch {
        $facts.size = [int64]0   # in use by another node, or gone: its size is not known
    }
    return $facts
}

function Get-FirmwareFacts($Vm) {
    if ($Vm.Generation -ne 2) { return @{ secure_boot = ''; template = '' } }
    $firmware = Hyper-V\Get-VMFirmware -VM $Vm
    @{ secure_boot = "$($firmware.SecureBoot)"; template = "$($firmware.SecureBootTemplate)" }
}

Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    $processor = Hyper-V\Get-VMProcessor -VM $vm
    $services = foreach ($service in @(Hyper-V\Get-VMIntegrationService -VM $vm)) {
        @{ id = "$($service.Id)"; enabled = [bool]$service.Enabled }
    }
    @{
        found = $true
        machine = (Get-MachineFacts $vm)
        generation = [int]$vm.Generation
        version = "$($vm.Version)"
        processors = [int]$vm.ProcessorCount
        memory = [int64]$vm.MemoryStartup
        dynamic_memory = [bool]$vm.DynamicMemoryEnabled
        memory_minimum = [int64]$vm.MemoryMinimum
        memory_maximum = [int64]$vm.MemoryMaximum
        start_action = "$($vm.AutomaticStartAction)"
        start_delay = [int]$vm.AutomaticStartDelay
        stop_action = "$($vm.AutomaticStopAction)"
        checkpoint_type = "$($vm.CheckpointType)"
        has_checkpoints = ("$($vm.ParentSnapshotId)" -ne '')
        firmware = (Get-FirmwareFacts $vm)
        compatible_processor = [bool]$processor.CompatibilityForMigrationEnabled
        nested = [bool]$processor.ExposeVirtualizationExtensions
        reserve = [int]$processor.Reserve
        maximum = [int]$processor.Maximum
        weight = [int]$processor.RelativeWeight
        dvd_drives = @(Hyper-V\Get-VMDvdDrive -VM $vm).Count
        services = @($services)
        disks = @(foreach ($drive in @(Hyper-V\Get-VMHardDiskDrive -VM $vm)) { Get-DiskFacts $drive })
    }
}
