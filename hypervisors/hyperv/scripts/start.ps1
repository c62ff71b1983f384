# Switch on, or let one go on that is paused; nothing where it runs.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    $vm = Get-Machine $asked.vm
    if ($null -eq $vm) { return @{ found = $false } }
    $state = "$($vm.State)"
    if ($state -eq 'Paused') {
        Hyper-V\Resume-VM -VM $vm -Confirm:$false
    } elseif ($state -ne 'Running' -and $state -ne 'Starting') {
        Hyper-V\Start-VM -VM $vm -Confirm:$false
    }
    @{ found = $true }
}
