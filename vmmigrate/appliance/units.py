"""Services and boots: what states units are in, wait until they are active, tell one boot from another."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from hypervisors import Clock, NotYet, Unreachable, Wait, wait_for
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError

_T = TypeVar("_T")
_PATIENCE = 30.0  # seconds for one command while the machine is busy starting


def _silent(wait: Wait) -> None:
    """For callers that do not care."""


def unit_states(shell: Shell, names: Iterable[str]) -> dict[str, str]:
    """Unit → 'active', 'inactive', 'failed', …, as systemd says."""
    names = tuple(names)
    said = shell.run(("systemctl", "is-active", *names), check=False, timeout=_PATIENCE)
    lines = said.stdout.split()
    if len(lines) != len(names):
        raise ApplianceError(
            f"{shell.host}: systemctl told {len(lines)} states of {len(names)} units: {said.stderr.strip()}",
            hint="is systemd running there? `systemctl is-system-running` tells",
        )
    return dict(zip(names, lines, strict=True))


def wait_until_active(
    shell: Shell,
    names: Iterable[str],
    *,
    timeout: float = 180.0,
    clock: Clock | None = None,
    tick: Callable[[Wait], None] = _silent,
) -> None:
    """Wait until the shell answers and each unit is active. Raises TimedOut; ApplianceError when one failed."""
    names = tuple(names)

    def probe() -> None:
        states = _while_booting(lambda: unit_states(shell, names))
        failed = [name for name, state in states.items() if state == "failed"]
        if failed:
            raise ApplianceError(
                f"{', '.join(failed)} failed to start on {shell.host}",
                hint=f"see `journalctl -u {failed[0]}` there",
            )
        waiting = [f"{name} is {state}" for name, state in states.items() if state != "active"]
        if waiting:
            raise NotYet(", ".join(waiting))

    what = f"{', '.join(names)} to be active on {shell.host}"
    clears = f"see `systemctl status {' '.join(names)}` on the appliance"
    wait_for(what, probe, timeout=timeout, clears=clears, clock=clock, pause=0.5, tick=tick)


def boot_id(shell: Shell) -> str:
    """The kernel's id of this boot."""
    return shell.run(("cat", "/proc/sys/kernel/random/boot_id"), timeout=_PATIENCE).stdout.strip()


def _while_booting(look: Callable[[], _T]) -> _T:
    """A machine that does not answer yet is not a failure here; a refused key or password is."""
    try:
        return look()
    except Unreachable as error:
        raise NotYet(str(error)) from error
