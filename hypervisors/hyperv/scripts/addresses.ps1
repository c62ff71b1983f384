# The addresses that the guest's own daemon reports, NIC by NIC; none where it has no such daemon.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    $found = foreach ($nic in @(Hyper-V\Get-VMNetworkAdapter -VM $vm)) {
        foreach ($address in @($nic.IPAddresses)) {
            if ("$address" -ne '') { @{ mac = "$($nic.MacAddress)"; address = "$address" } }
        }
    }
    @{ found = $true; addresses = @($found) }
}
