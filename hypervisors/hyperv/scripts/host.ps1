# What this host is: versions, the language mode, its clock (Unix seconds), and how many machines are seen.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"

# '' where the account may not ask.
function Get-WindowsVersion {
    try {
        return "$((CimCmdlets\Get-CimInstance -Namespace 'root/cimv2' -ClassName 'Win32_OperatingSystem').Version)"
    } catch {
        return ''
    }
}

Complete-Request $RequestFile {
    $vmHost = Hyper-V\Get-VMHost
    @{
        name = "$($vmHost.ComputerName)"
        windows = (Get-WindowsVersion)
        powershell = "$($PSVersionTable.PSVersion)"
        language_mode = "$($ExecutionContext.SessionState.LanguageMode)"
        time = [int64]([datetime]::UtcNow - [datetime]'1970-01-01').TotalSeconds
        machines = @(Hyper-V\Get-VM).Count
        mac_minimum = "$($vmHost.MacAddressMinimum)"
        mac_maximum = "$($vmHost.MacAddressMaximum)"
    }
}
