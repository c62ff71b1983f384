# The SHA-256 of a file, as 64 lower-case digits, and its length; '' where there is none.
param([Parameter(Mandatory = $true)][string]$RequestFile)
. "$PSScriptRoot/prelude.ps1"
Complete-Request $RequestFile {
    param($asked)
    if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $asked.path -PathType Leaf)) {
        return @{ sha256 = ''; length = [int64]0 }
    }
    $file = Microsoft.PowerShell.Management\Get-Item -LiteralPath $asked.path
    $hash = Microsoft.PowerShell.Utility\Get-FileHash -LiteralPath $asked.path -Algorithm SHA256
    @{ sha256 = "$($hash.Hash)".ToLowerInvariant(); length = [int64]$file.Length }
}
