# A stub of Microsoft's module Hyper-V: functions with the parameters that its pages document, over a host kept in memory.
# Written from that documentation; it proves the scripts' own logic, not the module's behaviour.
Set-StrictMode -Version 3.0
$script:Machines = @()
$script:Switches = @()
$script:Vhds = @{}
$script:Settings = $null

# ---- the host in memory ----

function Set-StubHost($World) {
    $script:Switches = @($World.switches | ForEach-Object {
        [pscustomobject]@{ Id = [guid]$_.id; Name = $_.name; SwitchType = $_.type }
    })
    $script:Vhds = @{}
    $script:Machines = @($World.machines | ForEach-Object { New-StubMachine $_ })
    $script:Settings = $World.host
}

function New-StubMachine($Facts) {
    $vm = [pscustomobject]@{
        Id = [guid]$Facts.id; Name = $Facts.name; State = $Facts.state; Generation = [int]$Facts.generation
        Notes = $Facts.notes; Path = $Facts.path; IsClustered = $false; ReplicationState = 'Disabled'
        ProcessorCount = [int64]$Facts.processors; MemoryStartup = [int64]$Facts.memory; DynamicMemoryEnabled = $false
        MemoryMinimum = [int64]$Facts.memory_minimum; MemoryMaximum = [int64]$Facts.memory_maximum
        AutomaticStartAction = $Facts.start_action; AutomaticStartDelay = [int]$Facts.start_delay
        AutomaticStopAction = $Facts.stop_action; CheckpointType = $Facts.checkpoint_type; ParentSnapshotId = $null
        AutomaticCheckpointsEnabled = $false; Version = $Facts.version; ParentSnapshotName = ''
        Nics = @(); Drives = @(); Dvds = @(); SecureBoot = $Facts.secure_boot; Template = $Facts.template
        Compatible = $false; Nested = $false; Reserve = 0; Maximum = 100; Weight = 100; Services = @($Facts.services)
        Snapshots = @()
    }
    $vm.Nics = @($Facts.nics | ForEach-Object { New-StubNic $vm $_ })
    $vm.Drives = @($Facts.disks | ForEach-Object {
        $script:Vhds[$_.path] = [pscustomobject]@{ VhdFormat = 'VHDX'; VhdType = 'Dynamic'; Size = [uint64]$_.size; ParentPath = '' }
        [pscustomobject]@{
            Path = $_.path; ControllerType = $_.controller; ControllerNumber = [int]$_.number
            ControllerLocation = [int]$_.location; DiskNumber = $null
        }
    })
    return $vm
}

function New-StubNic($Vm, $Facts) {
    $switch = $script:Switches | Where-Object { $_.Name -eq $Facts.switch }
    return [pscustomobject]@{
        Id = $Facts.id; Name = $Facts.name; MacAddress = $Facts.mac; DynamicMacAddressEnabled = [bool]$Facts.dynamic_mac
        Connected = ($null -ne $switch); SwitchId = $(if ($switch) { $switch.Id }); SwitchName = $(if ($switch) { $switch.Name })
        IsLegacy = [bool]$Facts.legacy; MacAddressSpoofing = $Facts.spoofing; IPAddresses = @($Facts.addresses)
        VlanSetting = [pscustomobject]@{ OperationMode = $Facts.vlan_mode; AccessVlanId = [int]$Facts.vlan }; Vm = $Vm
    }
}

# As a Spanish host words it: nobody may match a text.
function Stop-Stub([string]$Category, [string]$Id, [string]$Text) {
    $record = [System.Management.Automation.ErrorRecord]::new([InvalidOperationException]::new($Text), $Id, $Category, $null)
    throw $record
}

# ---- machines ----

function Get-VM {
    [CmdletBinding()] param([string[]]$Name, [guid]$Id)
    if ($Name -or $Id) { Stop-Stub InvalidArgument InvalidParameter 'Aqui nadie pregunta por un nombre.' }
    $script:Machines
}

function New-VM {
    [CmdletBinding(SupportsShouldProcess)]
    param([string]$Name, [int16]$Generation, [switch]$NoVHD, [string]$Path, [int64]$MemoryStartupBytes)
    $vm = New-StubMachine ([pscustomobject]@{
        id = [guid]::NewGuid(); name = $Name; state = 'Off'; generation = $Generation; notes = ''; path = "$Path\$Name"
        processors = 1; memory = $MemoryStartupBytes; memory_minimum = 536870912; memory_maximum = 1099511627776
        start_action = 'StartIfRunning'; start_delay = 0; stop_action = 'Save'; checkpoint_type = 'Production'; version = '9.0'
        secure_boot = $(if ($Generation -eq 2) { 'On' } else { '' }); template = 'MicrosoftWindows'; nics = @(); disks = @(); services = @()
    })
    New-Item -ItemType Directory -Force -Path "$Path\$Name\Virtual Machines" | Out-Null
    $vm.Nics = @(New-StubNic $vm ([pscustomobject]@{
        id = "Microsoft:$($vm.Id)\$([guid]::NewGuid())"; name = 'Adaptador de red'; mac = '000000000000'; dynamic_mac = $true
        switch = ''; legacy = $false; spoofing = 'Off'; addresses = @(); vlan_mode = 'Untagged'; vlan = 0
    }))
    if ($Generation -eq 1) { $vm.Dvds = @([pscustomobject]@{ Vm = $vm }) }
    $script:Machines += $vm
    $vm
}

function Set-VM {
    [CmdletBinding(SupportsShouldProcess)]
    param($VM, [string]$Notes, [int64]$ProcessorCount, [ValidateSet('Nothing', 'StartIfRunning', 'Start')]$AutomaticStartAction,
        [int]$AutomaticStartDelay, [ValidateSet('TurnOff', 'Save', 'ShutDown')]$AutomaticStopAction,
        [ValidateSet('Disabled', 'Production', 'ProductionOnly', 'Standard')]$CheckpointType, [switch]$StaticMemory,
        [switch]$DynamicMemory, [int64]$MemoryMinimumBytes, [int64]$MemoryMaximumBytes, [bool]$AutomaticCheckpointsEnabled)
    $given = $PSBoundParameters
    if ($given.ContainsKey('ProcessorCount') -and $VM.State -ne 'Off') { Stop-Stub InvalidOperation InvalidState 'No en este estado.' }
    foreach ($name in 'ProcessorCount', 'AutomaticStartAction', 'AutomaticStartDelay', 'AutomaticStopAction', 'CheckpointType',
        'AutomaticCheckpointsEnabled') {
        if ($given.ContainsKey($name)) { $VM.$name = $given[$name] }
    }
    if ($given.ContainsKey('Notes')) { $VM.Notes = $Notes -replace "`r?`n", "`r`n" }
    if ($StaticMemory) { $VM.DynamicMemoryEnabled = $false }
    if ($DynamicMemory) { $VM.DynamicMemoryEnabled = $true }
    if ($given.ContainsKey('MemoryMinimumBytes')) { $VM.MemoryMinimum = $MemoryMinimumBytes }
    if ($given.ContainsKey('MemoryMaximumBytes')) { $VM.MemoryMaximum = $MemoryMaximumBytes }
}

function Rename-VM {
    [CmdletBinding(SupportsShouldProcess)] param($VM, [string]$NewName)
    $VM.Name = $NewName
}

# The configuration goes, the disks stay, on a machine that is off or saved.
function Remove-VM {
    [CmdletBinding(SupportsShouldProcess)] param($VM, [switch]$Force)
    if (@('Off', 'Saved') -notcontains $VM.State) { Stop-Stub InvalidOperation InvalidState 'No en este estado.' }
    $script:Machines = @($script:Machines | Where-Object { $_.Id -ne $VM.Id })
}

function Start-VM {
    [CmdletBinding(SupportsShouldProcess)] param($VM)
    if ($VM.State -eq 'Running') { Stop-Stub InvalidOperation InvalidState 'No en este estado.' }
    $VM.State = 'Running'
}

function Resume-VM {
    [CmdletBinding(SupportsShouldProcess)] param($VM)
    $VM.State = 'Running'
}

function Save-VM {
    [CmdletBinding(SupportsShouldProcess)] param($VM)
    $VM.State = 'Saved'
}

# Without -TurnOff it would ask the guest, or pull the plug with -Force: no script may.
function Stop-VM {
    [CmdletBinding(SupportsShouldProcess)] param($VM, [switch]$TurnOff, [switch]$Force, [switch]$Save)
    if (-not $TurnOff) { Stop-Stub InvalidArgument InvalidParameter 'Sin -TurnOff nadie sabe que pasa.' }
    $VM.State = 'Off'
}

# ---- its checkpoints ----

function Get-VMSnapshot {
    [CmdletBinding()] param($VM)
    $VM.Snapshots
}

# Of a running one the memory is in it where the type is Standard; its state says so.
function Checkpoint-VM {
    [CmdletBinding(SupportsShouldProcess)] param($VM, [string]$SnapshotName)
    if ($VM.CheckpointType -eq 'Disabled') { Stop-Stub InvalidOperation InvalidState 'Los puntos de control estan deshabilitados.' }
    $state = if ($VM.State -eq 'Running' -and $VM.CheckpointType -eq 'Standard') { 'Saved' } else { 'Off' }
    $VM.Snapshots = @($VM.Snapshots) + [pscustomobject]@{
        Id = [guid]::NewGuid(); Name = $SnapshotName; CreationTime = [datetime]::Now; State = $state
        SnapshotType = 'Standard'; Vm = $VM
    }
    $VM.ParentSnapshotId = @($VM.Snapshots)[-1].Id
}

function Restore-VMSnapshot {
    [CmdletBinding(SupportsShouldProcess)] param($VMSnapshot)
    $VMSnapshot.Vm.State = $VMSnapshot.State
}

function Remove-VMSnapshot {
    [CmdletBinding(SupportsShouldProcess)] param($VMSnapshot)
    $vm = $VMSnapshot.Vm
    $vm.Snapshots = @($vm.Snapshots | Where-Object { $_.Id -ne $VMSnapshot.Id })
    $vm.ParentSnapshotId = $null
}

# ---- its parts ----

function Get-VMNetworkAdapter {
    [CmdletBinding()] param($VM)
    $VM.Nics
}
function Get-VMHardDiskDrive {
    [CmdletBinding()] param($VM)
    $VM.Drives
}
function Get-VMDvdDrive {
    [CmdletBinding()] param($VM)
    $VM.Dvds
}
function Get-VMIntegrationService {
    [CmdletBinding()] param($VM)
    $VM.Services | ForEach-Object { [pscustomobject]@{ Id = $_.id; Enabled = [bool]$_.enabled } }
}

function Get-VMFirmware {
    [CmdletBinding()] param($VM)
    if ($VM.Generation -ne 2) { Stop-Stub InvalidArgument InvalidParameter 'Solo la generacion 2.' }
    [pscustomobject]@{ SecureBoot = $VM.SecureBoot; SecureBootTemplate = $VM.Template }
}

function Set-VMFirmware {
    [CmdletBinding(SupportsShouldProcess)]
    param($VM, [ValidateSet('On', 'Off')]$EnableSecureBoot, [string]$SecureBootTemplate, $FirstBootDevice)
    if ($VM.Generation -ne 2) { Stop-Stub InvalidArgument InvalidParameter 'Solo la generacion 2.' }
    if ($EnableSecureBoot) { $VM.SecureBoot = $EnableSecureBoot }
    if ($SecureBootTemplate) { $VM.Template = $SecureBootTemplate }
}

function Get-VMProcessor {
    [CmdletBinding()] param($VM)
    [pscustomobject]@{
        CompatibilityForMigrationEnabled = $VM.Compatible; ExposeVirtualizationExtensions = $VM.Nested
        Reserve = $VM.Reserve; Maximum = $VM.Maximum; RelativeWeight = $VM.Weight
    }
}

function Set-VMProcessor {
    [CmdletBinding(SupportsShouldProcess)]
    param($VM, [bool]$CompatibilityForMigrationEnabled, [bool]$ExposeVirtualizationExtensions, [int64]$Reserve, [int64]$Maximum,
        [int]$RelativeWeight)
    $VM.Compatible = $CompatibilityForMigrationEnabled
    $VM.Nested = $ExposeVirtualizationExtensions
    $VM.Reserve, $VM.Maximum, $VM.Weight = $Reserve, $Maximum, $RelativeWeight
}

function Add-VMNetworkAdapter {
    [CmdletBinding(SupportsShouldProcess)] param($VM, [string]$StaticMacAddress, [switch]$Passthru)
    $nic = New-StubNic $VM ([pscustomobject]@{
        id = "Microsoft:$($VM.Id)\$([guid]::NewGuid())"; name = 'Adaptador de red'; mac = $StaticMacAddress; dynamic_mac = $false
        switch = ''; legacy = $false; spoofing = 'Off'; addresses = @(); vlan_mode = 'Untagged'; vlan = 0
    })
    $VM.Nics = @($VM.Nics) + $nic
    if ($Passthru) { $nic }
}

function Remove-VMNetworkAdapter {
    [CmdletBinding(SupportsShouldProcess)] param($VMNetworkAdapter)
    $vm = $VMNetworkAdapter.Vm
    if ($vm.Generation -ne 2 -and $vm.State -ne 'Off') { Stop-Stub InvalidOperation InvalidState 'No en este estado.' }
    $vm.Nics = @($vm.Nics | Where-Object { $_.Id -ne $VMNetworkAdapter.Id })
}

function Remove-VMDvdDrive {
    [CmdletBinding(SupportsShouldProcess)] param($VMDvdDrive)
    $VMDvdDrive.Vm.Dvds = @()
}

function Set-VMNetworkAdapter {
    [CmdletBinding(SupportsShouldProcess)] param($VMNetworkAdapter, [ValidateSet('On', 'Off')]$MacAddressSpoofing)
    $VMNetworkAdapter.MacAddressSpoofing = $MacAddressSpoofing
}

function Connect-VMNetworkAdapter {
    [CmdletBinding(SupportsShouldProcess)] param($VMNetworkAdapter, $VMSwitch)
    $VMNetworkAdapter.Connected = $true
    $VMNetworkAdapter.SwitchId = $VMSwitch.Id
    $VMNetworkAdapter.SwitchName = $VMSwitch.Name
}

function Disconnect-VMNetworkAdapter {
    [CmdletBinding(SupportsShouldProcess)] param($VMNetworkAdapter)
    $VMNetworkAdapter.Connected = $false
    $VMNetworkAdapter.SwitchId = $null
    $VMNetworkAdapter.SwitchName = $null
}

function Get-VMNetworkAdapterVlan {
    [CmdletBinding()] param($VMNetworkAdapter)
    $VMNetworkAdapter.VlanSetting
}

function Set-VMNetworkAdapterVlan {
    [CmdletBinding(SupportsShouldProcess)] param($VMNetworkAdapter, [switch]$Untagged, [switch]$Access, [int]$VlanId)
    $VMNetworkAdapter.VlanSetting = [pscustomobject]@{
        OperationMode = $(if ($Access) { 'Access' } else { 'Untagged' }); AccessVlanId = $(if ($Access) { $VlanId } else { 0 })
    }
}

function Add-VMHardDiskDrive {
    [CmdletBinding(SupportsShouldProcess)]
    param($VM, [ValidateSet('IDE', 'SCSI')]$ControllerType, [int]$ControllerNumber, [int]$ControllerLocation, [string]$Path,
        [switch]$Passthru)
    if ($ControllerType -eq 'IDE' -and $ControllerLocation -gt 1) { Stop-Stub InvalidArgument InvalidParameter 'IDE tiene dos.' }
    if (-not (Test-Path -LiteralPath $Path)) { Stop-Stub ObjectNotFound ObjectNotFound 'No existe.' }
    $drive = [pscustomobject]@{
        Path = $Path; ControllerType = $ControllerType; ControllerNumber = $ControllerNumber
        ControllerLocation = $ControllerLocation; DiskNumber = $null
    }
    $VM.Drives = @($VM.Drives) + $drive
    if ($Passthru) { $drive }
}

# ---- the host's own ----

function Get-VHD {
    [CmdletBinding()] param([string[]]$Path)
    if (-not $script:Vhds.ContainsKey($Path[0])) { Stop-Stub ObjectNotFound ObjectNotFound 'No existe.' }
    $script:Vhds[$Path[0]]
}

function New-VHD {
    [CmdletBinding(SupportsShouldProcess)] param([string[]]$Path, [uint64]$SizeBytes, [switch]$Dynamic)
    Set-Content -LiteralPath $Path[0] -Value 'vhdxfile'
    $script:Vhds[$Path[0]] = [pscustomobject]@{ VhdFormat = 'VHDX'; VhdType = 'Dynamic'; Size = $SizeBytes; ParentPath = '' }
    $script:Vhds[$Path[0]]
}

function Get-VMHost {
    [CmdletBinding()] param()
    [pscustomobject]@{
        ComputerName = $script:Settings.name; VirtualHardDiskPath = $script:Settings.store
        VirtualMachinePath = $script:Settings.store; MacAddressMinimum = $script:Settings.mac_minimum
        MacAddressMaximum = $script:Settings.mac_maximum
    }
}

function Get-VMSwitch {
    [CmdletBinding()] param()
    $script:Switches
}

function New-VMSwitch {
    [CmdletBinding(SupportsShouldProcess)] param([string]$Name, [ValidateSet('Internal', 'Private')]$SwitchType)
    $switch = [pscustomobject]@{ Id = [guid]::NewGuid(); Name = $Name; SwitchType = $SwitchType }
    $script:Switches += $switch
    $switch
}

function Remove-VMSwitch {
    [CmdletBinding(SupportsShouldProcess)] param($VMSwitch, [switch]$Force)
    $script:Switches = @($script:Switches | Where-Object { $_.Id -ne $VMSwitch.Id })
}

Export-ModuleMember -Function '*'
