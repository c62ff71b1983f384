# Remove the private switch of a probe; nothing where there is none.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    $removed = 0
    foreach ($switch in @(Hyper-V\Get-VMSwitch)) {
        if ("$($switch.Name)" -eq $asked.name -and "$($switch.SwitchType)" -eq 'Private') {
            Hyper-V\Remove-VMSwitch -VMSwitch $switch -Force -Confirm:$false
            $removed++
        }
    }
    @{ removed = $removed }
}
