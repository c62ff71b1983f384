# The virtual switches of this host.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    $found = foreach ($switch in @(Hyper-V\Get-VMSwitch)) {
        @{ id = "$($switch.Id)"; name = "$($switch.Name)"; type = "$($switch.SwitchType)" }
    }
    @{ switches = @($found) }
}
