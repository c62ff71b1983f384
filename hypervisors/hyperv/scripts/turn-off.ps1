# Switch off by force; nothing where it is off. For the machines of our own alone.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-OwnMachineRequest $RequestFile {
    param($asked, $vm)
    if (@('Off', 'Saved') -notcontains "$($vm.State)") { Hyper-V\Stop-VM -VM $vm -TurnOff -Force -Confirm:$false }
    @{ found = $true; ours = $true }
}
