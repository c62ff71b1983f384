"""What zypper answered in a root of its own (1.14.42, as Debian 12 has it), read as packages that come.

The commands were run there too: fetched with the repository, installed from the cache without it.
"""

from scripted_shell import ScriptedShell

from vmmigrate.updating.rpms import Rpm
from vmmigrate.updating.tools import Coming

PATH = "/var/lib/vmmigrate/run/new/djigzo-5.5.3-1.noarch.rpm"
ASKED = (
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


def test_what_comes_and_what_of_it_is_new() -> None:
    """A way back removes what is new, and never what was only made newer."""
    shell = ScriptedShell({"test -e /usr/bin/dnf": 1, ASKED: UPGRADE})
    assert Rpm().coming(shell, [PATH]) == Coming(("djigzo", "another"), ("another",))
