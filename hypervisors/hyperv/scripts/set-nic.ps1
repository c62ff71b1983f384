# Connect one NIC to a switch with its VLAN, or disconnect it: running and stored are one definition. Convergent.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    $vm = Get-Machine $asked.vm
    if ($null -eq $vm) { return @{ found = $false } }
    $nic = Get-Nic $vm $asked.nic
    if ($null -eq $nic) { return @{ found = $true; nic = $false } }
    if (-not [bool]$asked.connected) {
        if ([bool]$nic.Connected) { Hyper-V\Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic -Confirm:$false }
        return @{ found = $true; nic = $true; switch = $true }
    }
    $switch = Get-Switch $asked.switch_id
    if ($null -eq $switch) { return @{ found = $true; nic = $true; switch = $false } }
    Set-Vlan $nic ([int]$asked.vlan)   # before it is connected: never in another network
    if (-not [bool]$nic.Connected -or "$($nic.SwitchId)" -ne $asked.switch_id) {
        Hyper-V\Connect-VMNetworkAdapter -VMNetworkAdapter $nic -VMSwitch $switch -Confirm:$false
    }
    Set-Vlan $nic ([int]$asked.vlan)   # whether connecting keeps it is not documented
    @{ found = $true; nic = $true; switch = $true }
}
