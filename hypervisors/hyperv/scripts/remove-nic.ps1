# Remove one NIC of a machine of our own; one of generation 1 that runs is disconnected instead, and so reported.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-OwnMachineRequest $RequestFile {
    param($asked, $vm)
    $nic = Get-Nic $vm $asked.nic
    if ($null -eq $nic) { return @{ found = $true; ours = $true; removed = $true } }
    if ([int]$vm.Generation -ne 2 -and "$($vm.State)" -ne 'Off') {
        if ([bool]$nic.Connected) { Hyper-V\Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic -Confirm:$false }
        return @{ found = $true; ours = $true; removed = $false }
    }
    Hyper-V\Remove-VMNetworkAdapter -VMNetworkAdapter $nic -Confirm:$false
    @{ found = $true; ours = $true; removed = $true }
}
