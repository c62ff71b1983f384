"""What zypper answered in a root of its own (1.14.42, as Debian 12 has it), read as packages that come.

The commands were run there too: fetched with the repository, installed from the cache without it.
"""

import shlex
from collections.abc import Sequence

from scripted_shell import ScriptedShell

from vmmigrate.appliance.port import Result
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


class Suse(ScriptedShell):
    """It has no dnf."""

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        return Result(0, UPGRADE, "") if shlex.join(argv).endswith(ASKED) else Result(1, "", "")


def test_what_comes_and_what_of_it_is_new() -> None:
    """A way back removes what is new, and never what was only made newer."""
    assert Rpm().coming(Suse(), [PATH]) == Coming(("djigzo", "another"), ("another",))
