# A stub of CimCmdlets: the operating system's version, and a shutdown component that takes what it is asked.
$script:Answer = 4096
function Set-StubShutdown([int]$Answer) { $script:Answer = $Answer }

function Get-CimInstance {
    [CmdletBinding()] param([string]$Namespace, [string]$ClassName, [string]$Filter)
    if ($ClassName -eq 'Win32_OperatingSystem') { return [pscustomobject]@{ Version = '10.0.20348' } }
    [pscustomobject]@{ Filter = $Filter }
}

function Invoke-CimMethod {
    [CmdletBinding(SupportsShouldProcess)] param($InputObject, [string]$MethodName, [System.Collections.IDictionary]$Arguments)
    if ($Arguments.Force) { throw 'nobody is forced' }
    [pscustomobject]@{ ReturnValue = [uint32]$script:Answer }
}

Export-ModuleMember -Function '*'
