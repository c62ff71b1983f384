"""What a second NIC on the live network leaves in a guest: nothing, or it is said."""

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.net import beside
from vmmigrate.errors import CommandFailed

PATH = f"/etc/systemd/system/{beside.UNIT}"
STOP = f"systemctl disable --now {beside.UNIT}"
GONE = f"rm -f {PATH}"
OTHERS = "rm -f " + " ".join(f"'{path}'" if "!" in path else path for path in beside.FILES)


def test_a_unit_that_does_not_stop_is_said_and_kept() -> None:
    """Its address, its rule and what it set of ARP may be there still."""
    shell = ScriptedShell({f"test -e {PATH}": 0, STOP: 1, GONE: 0, "systemctl daemon-reload": 0, OTHERS: 0})
    with pytest.raises(CommandFailed):
        beside.remove(shell)
    assert GONE not in shell.ran


def test_all_that_is_ours_goes() -> None:
    shell = ScriptedShell({f"test -e {PATH}": 0, STOP: 0, GONE: 0, "systemctl daemon-reload": 0, OTHERS: 0})
    beside.remove(shell)
    assert [line for line in shell.ran if "rm" in line][-1] == OTHERS
    assert "/etc/NetworkManager/conf.d/zz-vmmigrate-beside.conf" in OTHERS
