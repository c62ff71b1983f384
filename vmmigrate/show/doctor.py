"""Show the findings of the doctor, for people and for programs."""

from vmmigrate.findings import Finding, Severity

_VERDICTS = {Severity.INFO: "ok", Severity.WARNING: "warn", Severity.ERROR: "lacks"}
_WORDS = {**_VERDICTS, Severity.ERROR: "error"}  # for people; programs read the words of earlier versions
_NAMES = {"python": "Python", "pyvmomi": "pyVmomi", "known-hosts": "known_hosts", "runs-folder": "runs"}
_NAMES |= {"keys-folder": "keys"}


def name_of(finding: Finding) -> str:
    """As the thing itself is written."""
    return _NAMES.get(finding.id, finding.id)


def finding_lines(finding: Finding) -> list[str]:
    """For people."""
    first, *more = finding.seen.splitlines() or [""]
    lines = [f"{_WORDS[finding.severity]:<6} {name_of(finding):<14} {first}"]
    lines += [f"{'':<21} {line}" for line in more]
    return lines + ([f"{'':<21} → {finding.remedy}"] if finding.remedy else [])


def finding_json(finding: Finding) -> dict[str, object]:
    """For programs. `check`, `verdict` and `mend` are the names of earlier versions, which stay."""
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "seen": finding.seen,
        "remedy": finding.remedy,
        "check": name_of(finding),
        "verdict": _VERDICTS[finding.severity],
        "mend": finding.remedy,
    }
