# Switch off by force; nothing where it is off. For the machines of our own alone.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    $vm = Get-Machine $asked.vm
    if ($null -eq $vm) { return @{ found = $false } }
    if (-not "$($vm.Notes)".Contains($asked.tag)) { return @{ found = $true; ours = $false } }
    if (@('Off', 'Saved') -notcontains "$($vm.State)") { Hyper-V\Stop-VM -VM $vm -TurnOff -Force -Confirm:$false }
    @{ found = $true; ours = $true }
}
