"""What the account may read as root is asked of sudo, and each thing is read only where sudo does not permit all."""

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.changing import changes_of
from vmmigrate.appliance.permitted import unreadable
from vmmigrate.appliance.port import Result

KEY, SHADOW = ("cat", "/etc/ssh/ssh_host_rsa_key"), ("cat", "/etc/shadow")
REFUSES = Result(1, "", "sudo: a password is required\n")
LISTS = {f"sudo -k -n -l -- {each}": 0 for each in ("echo", " ".join(KEY), " ".join(SHADOW))}


class Guest(ScriptedShell):
    """It notes what it is asked, as it is recorded: each command of it that may change the guest."""

    def __init__(self, **answers: int | Result) -> None:
        super().__init__({**LISTS, "sudo -k -n true": 0, **answers})
        self.changed: list[str] = []

    def run(self, argv, **how):  # type: ignore[no-untyped-def]
        self.changed += changes_of(argv)
        return super().run(argv, **how)

    @property
    def read(self) -> list[str]:
        return [line for line in self.ran if line.startswith("sudo -k -n -- ")]


def test_where_all_is_permitted_nothing_is_read() -> None:
    guest = Guest(**{"sudo -k -n echo": 0})
    assert unreadable(guest, KEY, SHADOW) == ()
    assert guest.read == []


def test_where_all_is_permitted_but_for_one_that_one_is_named() -> None:
    guest = Guest(**{"sudo -k -n echo": 0, f"sudo -k -n -l -- {' '.join(SHADOW)}": 1})
    assert unreadable(guest, KEY, SHADOW) == (SHADOW,)


@pytest.mark.parametrize("unlisted", [{"sudo -k -n echo": REFUSES}, {"sudo -k -n -l -- echo": 1}])
def test_beside_a_list_each_is_read_and_that_is_no_change(unlisted: dict[str, int | Result]) -> None:
    """Its list of rights names what needs a password too."""
    guest = Guest(
        **unlisted, **{"sudo -k -n -- cat /etc/shadow": REFUSES, "sudo -k -n -- cat /etc/ssh/ssh_host_rsa_key": 0}
    )
    assert unreadable(guest, KEY, SHADOW) == (SHADOW,)
    assert len(guest.read) == 2
    assert guest.changed == []


def test_a_sudo_that_takes_a_password_has_no_list_here() -> None:
    guest = Guest(**{"sudo -k -n true": REFUSES})
    assert unreadable(guest, KEY, SHADOW) == ()
    assert "sudo -k -n echo" not in guest.ran
    assert guest.read == []
