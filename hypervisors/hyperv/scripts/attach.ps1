# Move an uploaded disk into its place, attach it, and boot from it. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    if (Microsoft.PowerShell.Management\Test-Path -LiteralPath $asked.uploaded -PathType Leaf) {
        Microsoft.PowerShell.Management\Move-Item -LiteralPath $asked.uploaded -Destination $asked.path
    }
    $drive = $null
    foreach ($one in @(Hyper-V\Get-VMHardDiskDrive -VM $vm)) {
        if ("$($one.Path)" -eq $asked.path) { $drive = $one }
    }
    if ($null -eq $drive) {
        $drive = Hyper-V\Add-VMHardDiskDrive -VM $vm -ControllerType $asked.controller -ControllerNumber 0 `
            -ControllerLocation ([int]$asked.location) -Path $asked.path -Passthru -Confirm:$false
    }
    if ([int]$vm.Generation -eq 2 -and [int]$asked.location -eq 0) {
        Hyper-V\Set-VMFirmware -VM $vm -FirstBootDevice $drive -Confirm:$false
    }
    @{ found = $true }
}
