# Save a machine of our own with its memory, as a host does at its reboot. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    $vm = Get-Machine $asked.vm
    if ($null -eq $vm) { return @{ found = $false } }
    if (-not "$($vm.Notes)".Contains($asked.tag)) { return @{ found = $true; ours = $false } }
    if ("$($vm.State)" -eq 'Running') { Hyper-V\Save-VM -VM $vm -Confirm:$false }
    @{ found = $true; ours = $true }
}
