# Replace the notes, if they are what they were, or already what they are to be.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    $now = "$($vm.Notes)" -replace "`r`n", "`n"
    if ($now -ceq $asked.notes) { return @{ found = $true; changed = $false } }
    if ($now -cne $asked.over) { return @{ found = $true; changed = $true } }
    Hyper-V\Set-VM -VM $vm -Notes $asked.notes -Confirm:$false
    @{ found = $true; changed = $false }
}
