"""Which commands sudo on a guest does not let the account run; of those that do something none is run."""

from collections.abc import Sequence

from vmmigrate.appliance.looking import looking
from vmmigrate.appliance.port import Shell

_SILENT = ("sudo", "-k", "-n")


def questions(*commands: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """For a look that asks them beside others; the first one is whether sudo wants no password."""
    return ((*_SILENT, "true"), *((*_SILENT, "-l", "--", *command) for command in commands))


def denied(shell: Shell, *commands: Sequence[str]) -> tuple[Sequence[str], ...]:
    """As root. Asked of a sudo that wants no password: one that does has no list of commands here."""
    look, (silent, *each) = looking(shell), questions(*commands)
    look.ahead(silent, *each)
    if look.run(silent, check=False).status != 0:
        return ()
    answers = zip(commands, each, strict=True)
    return tuple(command for command, asked in answers if look.run(asked, check=False).status != 0)


def runs_now(shell: Shell, harmless: Sequence[str]) -> bool:
    """As root, where sudo wants no password for `true`: its list of rights does not say what needs one."""
    look, (silent,), act = looking(shell), questions(), (*_SILENT, *harmless)
    look.ahead(silent, act)
    return look.run(silent, check=False).status != 0 or look.run(act, check=False).status == 0
