# Switch off and remove a machine of our own, then its folders. Convergent: also where the machine is gone already.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"

# Not the folder of another machine, and none that this run did not make.
function Remove-Folder([string]$Folder, [string]$Above) {
    if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $Folder -PathType Container)) { return $false }
    if ($Folder -notmatch ('[\\/]' + [regex]::Escape($Above) + '[\\/][^\\/]+$')) { return $false }
    foreach ($vm in @(Hyper-V\Get-VM)) {
        if ("$($vm.Path)" -eq $Folder) { return $false }
    }
    Microsoft.PowerShell.Management\Remove-Item -LiteralPath $Folder -Recurse -Force -Confirm:$false
    $parent = Microsoft.PowerShell.Management\Split-Path -Path $Folder -Parent
    if (@(Microsoft.PowerShell.Management\Get-ChildItem -LiteralPath $parent -Force).Count -eq 0) {
        Microsoft.PowerShell.Management\Remove-Item -LiteralPath $parent -Force -Confirm:$false
    }
    return (Microsoft.PowerShell.Management\Test-Path -LiteralPath $Folder)
}

Complete-Request $RequestFile {
    param($asked)
    $folders = @($asked.folders)
    $disks = @()
    $vm = Get-Machine $asked.vm
    if ($null -ne $vm) {
        $unnamed = (Test-Unnamed $vm) -and "$($vm.Path)" -match ('[\\/]' + [regex]::Escape($asked.above) + '[\\/][^\\/]+$')
        if (-not "$($vm.Notes)".Contains($asked.tag) -and -not $unnamed) { return @{ ours = $false } }
        $disks = @(foreach ($drive in @(Hyper-V\Get-VMHardDiskDrive -VM $vm)) { "$($drive.Path)" })
        if (@('Off', 'Saved') -notcontains "$($vm.State)") { Hyper-V\Stop-VM -VM $vm -TurnOff -Force -Confirm:$false }
        Hyper-V\Remove-VM -VM $vm -Force -Confirm:$false
    }
    $left = @(foreach ($folder in $folders) { if (Remove-Folder $folder $asked.above) { $folder } })
    $left += @(foreach ($disk in $disks) { if (Microsoft.PowerShell.Management\Test-Path -LiteralPath $disk) { $disk } })
    @{ ours = $true; left = @($left) }
}
