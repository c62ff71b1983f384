# A stub of Storage: one volume of 16 TiB, with 64 MiB left.
function Get-Volume {
    [CmdletBinding()] param([string[]]$FilePath)
    [pscustomobject]@{ Size = [uint64]17592186044416; SizeRemaining = [uint64]67108864 }
}

Export-ModuleMember -Function '*'
