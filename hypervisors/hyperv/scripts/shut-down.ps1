# Ask the guest to shut down, by its shutdown component alone: Stop-VM may force it. Answers the component's word.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-MachineRequest $RequestFile {
    param($asked, $vm)
    if ("$($vm.State)" -eq 'Off') { return @{ found = $true; state = 'Off'; result = 0 } }
    $id = [guid]$asked.vm
    $component = CimCmdlets\Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName 'Msvm_ShutdownComponent' `
        -Filter "SystemName='$id'"
    if ($null -eq $component) { return @{ found = $true; state = "$($vm.State)"; result = -1 } }
    try {
        $said = CimCmdlets\Invoke-CimMethod -InputObject $component -MethodName 'InitiateShutdown' `
            -Arguments @{ Force = $false; Reason = 'vmmigrate' }
    } catch {
        if ("$($_.CategoryInfo.Category)" -eq 'PermissionDenied') { throw }
        return @{ found = $true; state = "$($vm.State)"; result = -1 }   # it throws while the guest boots
    }
    @{ found = $true; state = "$($vm.State)"; result = [int64]$said.ReturnValue }
}
