# What this host is: versions, the language mode, and how many machines are seen.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    $vmHost = Hyper-V\Get-VMHost
    @{
        name = "$($vmHost.ComputerName)"
        powershell = "$($PSVersionTable.PSVersion)"
        language_mode = "$($ExecutionContext.SessionState.LanguageMode)"
        machines = @(Hyper-V\Get-VM).Count
        mac_minimum = "$($vmHost.MacAddressMinimum)"
        mac_maximum = "$($vmHost.MacAddressMaximum)"
    }
}
