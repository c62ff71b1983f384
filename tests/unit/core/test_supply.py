"""What a release is installed from: each package locked by hashes, each dependency with its reason, no index named."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\s<>=\[]", each, maxsplit=1)[0].lower() for each in requirements}


OURS = _names(PROJECT["dependencies"]).union(
    *(_names(PROJECT["optional-dependencies"][extra]) for extra in ("kvm", "vmware", "keyring"))
)


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    listed = {
        name.strip()
        for row in re.findall(r"^\| ([^|]+?)(?: \(extra `\w+`\))? \|", page, re.MULTILINE)
        for name in row.split(",")
    }
    assert listed - {"package"} - {"---"} >= OURS


def test_every_package_is_locked_by_hashes() -> None:
    entries = re.findall(
        r"^([a-z0-9.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.MULTILINE
    )
    assert {name for name, _, _ in entries} >= OURS
    assert len(entries) == len(re.findall(r"^[a-z0-9]", LOCK, re.MULTILINE))


def test_the_locked_versions_are_those_that_the_project_takes() -> None:
    from packaging.requirements import Requirement

    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", LOCK, re.MULTILINE))
    extras = [each for extra in ("kvm", "vmware", "keyring") for each in PROJECT["optional-dependencies"][extra]]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras]):
        assert requirement.specifier.contains(locked[requirement.name.lower()]), requirement


def test_no_index_is_named() -> None:
    assert re.findall(r"https?://|--index-url|--trusted-host|file:", LOCK) == []
