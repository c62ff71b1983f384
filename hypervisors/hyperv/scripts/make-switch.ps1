# A private switch under a name of ours, for the machines of a probe: nothing leaves it. Convergent. Answers its id.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    foreach ($switch in @(Hyper-V\Get-VMSwitch)) {
        if ("$($switch.Name)" -eq $asked.name) { return @{ id = "$($switch.Id)" } }
    }
    $switch = Hyper-V\New-VMSwitch -Name $asked.name -SwitchType Private -Confirm:$false
    @{ id = "$($switch.Id)" }
}
