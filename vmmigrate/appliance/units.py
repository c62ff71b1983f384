"""Services and boots: read the states of units, wait until they are active, distinguish one boot from another."""

from collections.abc import Iterable

from hypervisors import REAL_TIME, NotYet, Pace, once_reachable, wait_for
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits.seconds import UNITS

BOOT_ID = ("cat", "/proc/sys/kernel/random/boot_id")
_PATIENCE = UNITS.most


def unit_states(shell: Shell, names: Iterable[str]) -> dict[str, str]:
    """Unit → 'active', 'inactive', 'failed', …, as systemd says."""
    names = tuple(names)
    said = shell.run(("systemctl", "is-active", *names), check=False, timeout=_PATIENCE)
    lines = said.stdout.split()
    if len(lines) != len(names):
        raise ApplianceError(
            f"{shell.host}: systemctl reported {len(lines)} states of {len(names)} units: {said.stderr.strip()}",
            hint="is systemd running there? `systemctl is-system-running` shows it",
        )
    return dict(zip(names, lines, strict=True))


def wait_until_active(
    shell: Shell,
    names: Iterable[str],
    *,
    timeout: float,
    pace: Pace = REAL_TIME,
) -> None:
    """Wait until the shell answers and each unit is active. Raises TimedOut; ApplianceError when one failed."""
    names = tuple(names)

    def probe() -> None:
        states = unit_states(shell, names)
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
    wait_for(what, once_reachable(probe), timeout=timeout, clears=clears, pace=pace, pause=0.5)


def boot_id(shell: Shell, *, user: str | None = None) -> str:
    """The kernel's id of this boot."""
    return shell.run(BOOT_ID, user=user, timeout=_PATIENCE).stdout.strip()
