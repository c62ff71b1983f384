"""Which commands sudo on a guest does not let the account run, asked without running any of them."""

from collections.abc import Sequence

from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.port import Shell

_SILENT = ("sudo", "-k", "-n")


def denied(shell: Shell, *commands: Sequence[str]) -> tuple[Sequence[str], ...]:
    """As root. Asked of a sudo that wants no password: one that does has no list of commands here."""
    each = ((*_SILENT, "-l", "--", *command) for command in commands)
    silent, *said = ask_all(shell, ((*_SILENT, "true"), *each))
    if silent.status != 0:
        return ()
    return tuple(command for command, answer in zip(commands, said, strict=True) if answer.status != 0)
