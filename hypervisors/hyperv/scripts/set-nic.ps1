# Connect one NIC to a switch with its VLAN, or disconnect it: running and stored are one definition. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    $nic = Get-Nic $vm $asked.nic
    if ($null -eq $nic) { return @{ found = $true; nic = $false } }
    if (-not [bool]$asked.connected) {
        if ([bool]$nic.Connected) { Hyper-V\Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic -Confirm:$false }
        return @{ found = $true; nic = $true; switch = $true; kept = $true }
    }
    $switch = Get-Switch $asked.switch_id
    if ($null -eq $switch) { return @{ found = $true; nic = $true; switch = $false } }
    Set-Vlan $nic ([int]$asked.vlan)   # before it is connected: never in another network
    if (-not [bool]$nic.Connected -or "$($nic.SwitchId)" -ne $asked.switch_id) {
        Hyper-V\Connect-VMNetworkAdapter -VMNetworkAdapter $nic -VMSwitch $switch -Confirm:$false
    }
    # Whether connecting keeps the VLAN is not documented: set again and read again, of an object that was read after it.
    Set-Vlan (Get-Nic $vm $asked.nic) ([int]$asked.vlan)
    $now = Get-NicFacts (Get-Nic $vm $asked.nic)
    $kept = if ([int]$asked.vlan -eq 0) { $now.vlan_mode -eq 'Untagged' } else { $now.vlan_mode -eq 'Access' -and $now.vlan -eq [int]$asked.vlan }
    if (-not $kept) { Hyper-V\Disconnect-VMNetworkAdapter -VMNetworkAdapter (Get-Nic $vm $asked.nic) -Confirm:$false }
    @{ found = $true; nic = $true; switch = $true; kept = $kept }
}
