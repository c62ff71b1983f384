# Save a machine of our own with its memory, as a host does at its reboot. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-OwnMachineRequest $RequestFile {
    param($asked, $vm)
    if ("$($vm.State)" -eq 'Running') { Hyper-V\Save-VM -VM $vm -Confirm:$false }
    @{ found = $true; ours = $true }
}
