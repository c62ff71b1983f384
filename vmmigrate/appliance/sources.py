"""What brings mail to a gateway by itself, other than by SMTP: units that fetch or send it while they are active."""

from collections.abc import Iterator, Sequence

from vmmigrate.appliance.port import Shell

# fetchmail polls mailboxes, and may be run by cron, whose own jobs send mail too [F-MAIL].
UNITS = ("fetchmail", "cron", "crond")
QUESTION = ("systemctl", "is-active", *UNITS)


def active(shell: Shell) -> tuple[str, ...]:
    """Those that are active. A unit that is not there is not."""
    states = shell.run(QUESTION, user="root", check=False).stdout.split()
    return tuple(unit for unit, state in zip(UNITS, states, strict=False) if state == "active")


def stopping(units: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The commands that stop them."""
    return (("systemctl", "stop", *units),) if units else ()


def start(shell: Shell, units: Sequence[str]) -> None:
    shell.run(starting(units), user="root")


def starting(units: Sequence[str]) -> tuple[str, ...]:
    return ("systemctl", "start", *units)


def sets() -> Iterator[tuple[str, ...]]:
    """Those that may be active together: cron has one name on Debian, and another on RHEL."""
    yield from (("fetchmail", "cron"), ("fetchmail", "crond"), ("fetchmail",), ("cron",), ("crond",))
