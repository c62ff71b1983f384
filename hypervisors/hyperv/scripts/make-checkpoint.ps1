# A checkpoint of that name, of the type that the machine is set to. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    foreach ($one in @(Get-Checkpoint $vm)) {
        if ("$($one.Name)" -ceq $asked.name) { return @{ found = $true } }
    }
    Hyper-V\Checkpoint-VM -VM $vm -SnapshotName $asked.name -Confirm:$false
    @{ found = $true }
}
