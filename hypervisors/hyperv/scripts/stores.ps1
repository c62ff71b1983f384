# The folders that disks may go to, with the room of their volumes: those of the host's settings, and of the disks it has.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"

function Get-StoreFacts([string]$Path) {
    $facts = @{ path = $Path; size = [int64]0; room = [int64]0; is_there = $false }
    if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $Path -PathType Container)) { return $facts }
    $volume = Storage\Get-Volume -FilePath $Path
    $facts.size = [int64]$volume.Size
    $facts.room = [int64]$volume.SizeRemaining
    $facts.is_there = $true
    return $facts
}

Complete-Request $RequestFile {
    param($asked)
    $vmHost = Hyper-V\Get-VMHost
    $paths = @("$($vmHost.VirtualHardDiskPath)", "$($vmHost.VirtualMachinePath)")
    foreach ($vm in @(Hyper-V\Get-VM)) {
        foreach ($drive in @(Hyper-V\Get-VMHardDiskDrive -VM $vm)) {
            # of a machine that a run made, the folder above the run's
            if ("$($drive.Path)" -match '^(.+?)([\\/]vmmigrate-[^\\/]+[\\/][^\\/]+)?[\\/][^\\/]+$') { $paths += $Matches[1] }
        }
    }
    if ($asked.store -ne '') { $paths = @($asked.store) }
    $seen = @{}
    $found = foreach ($path in $paths) {
        $plain = $path.TrimEnd('\', '/')
        if ($plain -ne '' -and -not $seen.ContainsKey($plain.ToLowerInvariant())) {
            $seen[$plain.ToLowerInvariant()] = $true
            Get-StoreFacts $plain
        }
    }
    @{ stores = @($found) }
}
