"""What zypper answered in a root of its own (1.14.42, as Debian 12 has it), read as packages that come.

The commands were run there too: fetched with the repository, installed from the cache without it.
"""

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.steps.update.host import tool_of
from vmmigrate.updating import rpms
from vmmigrate.updating.families.suse import SUSE
from vmmigrate.updating.planning import UpdatePlan
from vmmigrate.updating.rpms import Rpm
from vmmigrate.updating.tools import Coming

PATH = "/var/lib/vmmigrate/run/new/djigzo-5.5.3-1.noarch.rpm"
ASKED = (  # whatever ends it there, if it never ends
    "env LC_ALL=C zypper --non-interactive --no-refresh --xmlout install --dry-run --no-recommends"
    f" --allow-unsigned-rpm {PATH}"
)
UPGRADE = """\
<?xml version='1.0'?>
<stream>
<message type="info">Loading repository data...</message>
<message type="info">Reading installed packages...</message>
<message type="info">Resolving package dependencies...</message>
<install-summary download-size="0" space-usage-diff="3893" packages-to-change="2">
<to-upgrade>
<solvable type="package" name="djigzo" edition="5.5.3-1" arch="noarch" edition-old="4.6.2-1" arch-old="noarch"\
 summary="a stub">
<description>a stub</description></solvable>
</to-upgrade>
<to-install>
<solvable type="package" name="another" edition="1-1" arch="noarch" summary="a stub">
<description>a stub</description></solvable>
</to-install>
</install-summary>
<prompt id="0">
<text>Continue?</text>
<option default="1" value="y" desc="Yes, accept the summary and proceed with installation/removal of packages."/>
<option value="n" desc="No, cancel the operation."/>
</prompt>
<progress id="fileconflict-check" name="Checking for file conflicts:" done="1"/>
</stream>
"""


SKIPPED = """\
Abort, retry, ignore? [a/r/i/...? shows all options] (a): a
Warning: Skipping repository 'gone' because of the above error.
Loading repository data...
Reading installed packages...
Resolving package dependencies...
"""
DNF = "/usr/bin/dnf"  # may be installed on SUSE too


class Suse(ScriptedShell):
    """`status`: of what zypper has done; `left_out`: what it says of a repository then; `download`: bytes to come."""

    def __init__(self, status: int = 0, left_out: str = SKIPPED, download: int = 0) -> None:
        super().__init__()
        self.status, self.left_out = status, left_out
        self.upgrade = UPGRADE.replace('download-size="0"', f'download-size="{download}"')

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        line = shlex.join(argv)
        if line.endswith(ASKED):
            return Result(self.status, self.upgrade, "")
        if f"zypper --non-interactive install --download-only --no-recommends --allow-unsigned-rpm {PATH}" in line:
            return Result(self.status, self.left_out if self.status == 106 else "", "")
        return Result(0 if DNF in line else 1, "", "")


def suse() -> Rpm:
    tool = tool_of(UpdatePlan("gw", SUSE.name, "4.6.2", "5.5.3", ("stop",), (), (), format="rpm"))
    assert isinstance(tool, Rpm)
    return tool


def test_what_comes_and_what_of_it_is_new() -> None:
    """A way back removes what is new, and never what was only made newer."""
    assert suse().coming(Suse(), [PATH]) == Coming(("djigzo", "another"), ("another",))


def test_what_its_cache_lacks_is_seen_before_anything_stops() -> None:
    """A run that was begun by dnf on such a host is resumed: its packages are in dnf's cache alone."""
    with pytest.raises(ApplianceError, match="not all is in zypper's cache: 1894 bytes are not"):
        suse().coming(Suse(download=1894), [PATH])


def test_a_repository_that_cannot_be_read_is_named_and_no_failure() -> None:
    """Status 106: zypper has done what was asked, without it. Seen with a repository at a port that nobody has."""
    assert suse().fetch(Suse(106), [PATH]) == "zypper could not read the repository gone, and went on without it"
    assert suse().coming(Suse(106), [PATH]).new == ("another",)
    assert suse().fetch(Suse(106, "other words"), [PATH]).startswith("zypper could not read a repository (which one")
    assert suse().fetch(Suse(0), [PATH]) == ""
    with pytest.raises(CommandFailed):
        suse().fetch(Suse(104), [PATH])


@pytest.mark.parametrize(
    ("status", "said", "ends"),
    [
        (0, "", 0),
        (106, "Warning: Skipping repository 'gone' because of the above error.", 0),
        (102, "Reboot is suggested", 0),
        (103, "Restart is needed", 0),
        (104, "No provider of 'another' found.", 104),
        (106, "%post(another-1-1.noarch) scriptlet failed, exit status 1", 9),
        (0, "%posttrans script failed (returned 1)", 9),
        (107, "", 107),
    ],
)
def test_a_transaction_that_went_well_is_told_from_one_that_did_not(
    tmp_path: Path, status: int, said: str, ends: int
) -> None:
    """By a real sh. zypper keeps one status alone: 106 may hide that a script failed."""
    zypper, mark = tmp_path / "zypper", tmp_path / "mark"
    zypper.write_text(f"#!/bin/sh\necho {shlex.quote(said)}\nexit {status}\n")
    zypper.chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    argv = ("sh", "-c", rpms._TRANSACTION, "transaction", str(mark), "another", "zypper", "install", "another")
    assert subprocess.run(argv, env=environ, capture_output=True, check=False).returncode == ends
    assert mark.exists() == (ends != 0)


def test_a_plan_of_a_family_that_this_version_does_not_know_is_refused_in_words() -> None:
    with pytest.raises(ApplianceError, match="this version does not know: Slackware"):
        tool_of(UpdatePlan("gw", "Slackware", "4.6.2", "5.5.3", ("stop",), (), (), format="rpm"))
