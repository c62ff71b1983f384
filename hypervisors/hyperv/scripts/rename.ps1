# Another name; Hyper-V itself refuses none that is taken, so the caller looks before and after.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    if ("$($vm.Name)" -cne $asked.name) { Hyper-V\Rename-VM -VM $vm -NewName $asked.name -Confirm:$false }
    @{ found = $true }
}
