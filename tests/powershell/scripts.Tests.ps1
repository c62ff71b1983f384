# Pester: each script is run over the stub host, and answers what exchanges/ has. The stand-in host is held to the same files.
BeforeDiscovery {
    $exchanges = Get-ChildItem -LiteralPath "$PSScriptRoot/exchanges" -Filter '*.json' | ForEach-Object {
        @{ Title = $_.BaseName; File = $_.FullName }
    }
}

BeforeAll {
    $env:PSModulePath = "$PSScriptRoot$([IO.Path]::PathSeparator)$env:PSModulePath"
    foreach ($module in 'Hyper-V', 'CimCmdlets', 'Storage') { Import-Module "$PSScriptRoot/$module/$module.psm1" -Force -Global }
    $scripts = Resolve-Path "$PSScriptRoot/../../hypervisors/hyperv/scripts"
    $world = Get-Content -LiteralPath "$PSScriptRoot/world.json" -Raw | ConvertFrom-Json

    function Invoke-Script([string]$Name, $Asked) {
        $mark = [guid]::NewGuid().ToString('N').Substring(0, 16)
        $Asked | Add-Member -NotePropertyName mark -NotePropertyValue $mark -Force
        $file = Join-Path $TestDrive "$mark.json"
        Set-Content -LiteralPath $file -Value ($Asked | ConvertTo-Json -Depth 8)
        $said = (& "$scripts/$Name.ps1" $file) -join ''
        $said | Should -Match "<vmmigrate:$mark>(.*)</vmmigrate:$mark>"
        return ($Matches[1] | ConvertFrom-Json)
    }

    # '<any>' stands for anything; keys of the answer that are not expected are a difference too.
    function Compare-Value($Seen, $Expected, [string]$Where) {
        if ($Expected -is [string] -and $Expected -ceq '<any>') { return }
        if ($Expected -is [pscustomobject]) {
            ($Seen.PSObject.Properties.Name | Sort-Object) -join ',' |
                Should -BeExactly (($Expected.PSObject.Properties.Name | Sort-Object) -join ',') -Because $Where
            foreach ($each in $Expected.PSObject.Properties) { Compare-Value $Seen.($each.Name) $each.Value "$Where.$($each.Name)" }
        } elseif ($Expected -is [array]) {
            @($Seen).Count | Should -Be $Expected.Count -Because $Where
            for ($at = 0; $at -lt $Expected.Count; $at++) { Compare-Value @($Seen)[$at] $Expected[$at] "$Where[$at]" }
        } else {
            $Seen | Should -BeExactly $Expected -Because $Where
        }
    }
}

# Not on Windows: there C: is the machine's own.
Describe '<Title>' -ForEach $exchanges -Skip:([bool]$IsWindows) {
    BeforeEach {
        $root = Join-Path $TestDrive ([guid]::NewGuid())
        New-Item -ItemType Directory -Path "$root/VMs" | Out-Null
        if (-not $IsWindows) {
            if (Get-PSDrive -Name C -ErrorAction SilentlyContinue) { Remove-PSDrive -Name C }
            New-PSDrive -Name C -PSProvider FileSystem -Root $root -Scope Global | Out-Null
        }
        foreach ($path in @($world.files)) {
            New-Item -ItemType File -Force -Path $path -Value 'vhdxfile' | Out-Null
        }
        Set-StubHost $world
    }

    It 'answers as it is written down' {
        foreach ($step in @(Get-Content -LiteralPath $File -Raw | ConvertFrom-Json)) {
            $said = Invoke-Script $step.script $step.asked
            if ($step.PSObject.Properties.Name -contains 'error') {
                $said.ok | Should -BeFalse -Because $step.script
                $said.error.category | Should -BeExactly $step.error.category
            } else {
                $said.ok | Should -BeTrue -Because "$($step.script): $($said | ConvertTo-Json -Depth 8)"
                Compare-Value $said.value $step.answer $step.script
            }
        }
    }
}
