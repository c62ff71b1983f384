# Remove each checkpoint of that name; the host merges its disks after that, in its own time.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    foreach ($one in @(Get-Checkpoint $vm)) {
        if ("$($one.Name)" -ceq $asked.name) { Hyper-V\Remove-VMSnapshot -VMSnapshot $one -Confirm:$false }
    }
    @{ found = $true }
}
