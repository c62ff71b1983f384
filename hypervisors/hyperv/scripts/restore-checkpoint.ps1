# Go back to the newest checkpoint of that name. With the memory in it the machine goes on from there; else it is off.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    $newest = $null
    foreach ($one in @(Get-Checkpoint $vm)) {
        $is_newer = ($null -eq $newest) -or ($one.CreationTime -gt $newest.CreationTime)
        if ("$($one.Name)" -ceq $asked.name -and $is_newer) { $newest = $one }
    }
    if ($null -eq $newest) { return @{ found = $true; restored = $false } }
    Hyper-V\Restore-VMSnapshot -VMSnapshot $newest -Confirm:$false
    $now = Get-Machine $asked.vm   # with its memory it is saved after that
    if (@('Saved', 'FastSaved') -contains "$($now.State)") { Hyper-V\Start-VM -VM $now -Confirm:$false }
    @{ found = $true; restored = $true }
}
