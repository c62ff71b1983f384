# Switch on, or let one go on that is paused; nothing where it runs.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    $state = "$($vm.State)"
    if ($state -eq 'Paused') {
        Hyper-V\Resume-VM -VM $vm -Confirm:$false
    } elseif ($state -ne 'Running' -and $state -ne 'Starting') {
        Hyper-V\Start-VM -VM $vm -Confirm:$false
    }
    @{ found = $true }
}
