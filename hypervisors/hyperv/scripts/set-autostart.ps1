# How the host starts a machine at boot, and after how many seconds. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    if ("$($vm.AutomaticStartAction)" -ne $asked.action -or [int]$vm.AutomaticStartDelay -ne [int]$asked.delay) {
        Hyper-V\Set-VM -VM $vm -AutomaticStartAction $asked.action -AutomaticStartDelay ([int]$asked.delay) `
            -Confirm:$false
    }
    @{ found = $true }
}
