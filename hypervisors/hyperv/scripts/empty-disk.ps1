# Make an empty disk and attach it. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $asked.path -PathType Leaf)) {
        $made = Hyper-V\New-VHD -Path $asked.path -SizeBytes ([int64]$asked.size) -Dynamic -Confirm:$false
    }
    foreach ($one in @(Hyper-V\Get-VMHardDiskDrive -VM $vm)) {
        if ("$($one.Path)" -eq $asked.path) { return @{ found = $true } }
    }
    Hyper-V\Add-VMHardDiskDrive -VM $vm -ControllerType $asked.controller -ControllerNumber 0 `
        -ControllerLocation ([int]$asked.location) -Path $asked.path -Confirm:$false
    @{ found = $true }
}
