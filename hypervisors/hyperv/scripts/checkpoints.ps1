# The checkpoints of one machine, each with its time (Unix milliseconds: it orders them) and the state that it holds: Off has no memory.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    $found = foreach ($one in @(Get-Checkpoint $vm)) {
        @{
            name = "$($one.Name)"
            taken = [int64]($one.CreationTime.ToUniversalTime() - [datetime]'1970-01-01').TotalMilliseconds
            state = "$($one.State)"
        }
    }
    @{ found = $true; checkpoints = @($found) }
}
