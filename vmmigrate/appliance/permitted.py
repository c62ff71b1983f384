"""Which commands sudo on a guest does not let the account run; of those that do something none is run."""

from collections.abc import Sequence

from vmmigrate.appliance.looking import looking
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.several import Line
from vmmigrate.appliance.ssh.sudo import refused_in

_SILENT = ("sudo", "-k", "-n")
UNLISTED = ("echo",)  # harmless, and in no list of ours: sudo runs it without a password where it does so with all


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


def unreadable(shell: Shell, *reading: Sequence[str]) -> tuple[Sequence[str], ...]:
    """As `denied`, and those that need a password beside a list: that is seen by running them, so only by reading.

    What they read stays in the guest. Each by itself: some run with the rights of an account there. None is run where
    all is permitted without a password.
    """
    look = looking(shell)
    refused = denied(look, UNLISTED, *reading)
    if look.run(questions()[0], check=False).status != 0:
        return ()
    all_silent = UNLISTED not in refused and runs_now(look, UNLISTED)
    return tuple(each for each in reading if each in refused or (not all_silent and _wants_password(look, each)))


def _wants_password(look: Shell, reading: Sequence[str]) -> bool:
    """One that fails for another reason, as on a file that is not there, is permitted."""
    read = look.run(Line((*_SILENT, "--", *reading), " >/dev/null"), check=False)
    return read.status == 1 and refused_in(read.stderr)
