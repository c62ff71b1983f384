# All machines of this host with their NICs; with `vm`, that one alone, or none.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    $found = foreach ($vm in @(Hyper-V\Get-VM)) {
        if ($asked.vm -eq '' -or "$($vm.Id)" -eq $asked.vm) { Get-MachineFacts $vm }
    }
    @{ machines = @($found) }
}
