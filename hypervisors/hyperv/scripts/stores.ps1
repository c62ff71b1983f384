# The folders that disks may go to, with the room of their volumes: those of the host's settings, and of the disks it has.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"

function Get-StoreFacts([string]$Path) {
    $facts = @{ path = $Path; size = [int64]0; room = [int64]0; is_there = $false }
    try {
        if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $Path -PathType Container)) { return $facts }
        $volume = Storage\Get-Volume -FilePath $Path
        $facts.size = [int64]$volume.Size
        $facts.room = [int64]$volume.SizeRemaining
        $facts.is_there = $true
    } catch {
        $facts.is_there = $false   # a share, or no right: its room is not known
    }
    return $facts
}

Complete-Request $RequestFile {
    param($asked)
    $vmHost = Hyper-V\Get-VMHost
    $paths = @("$($vmHost.VirtualHardDiskPath)", "$($vmHost.VirtualMachinePath)")
    foreach ($vm in @(Hyper-V\Get-VM)) {
        foreach ($drive in @(Hyper-V\Get-VMHardDiskDrive -VM $vm)) {
            # of a machine that a run made, the folder above the run's
            if ("$($drive.Path)" -match '^(.+?)([\\/]vmmigrate-[^\\/]+[\\/][^\\/]+)?[\\/][^\\/]+$') {
                $folder = $Matches[1]
                # beside a machine's own folder, not within it: that one may be deleted some day
                if ($folder -eq "$($vm.Path)" -or $folder.StartsWith("$($vm.Path)\")) {
                    $folder = Microsoft.PowerShell.Management\Split-Path -Path "$($vm.Path)" -Parent
                }
                $paths += $folder
            }
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
