"""The guest's own firewall: isolate a new appliance, close an old one's mail intake and its console."""

from collections.abc import Sequence
from io import BytesIO
from posixpath import dirname

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import iptables, nft
from vmmigrate.appliance.net.rules import (
    CONSOLE,
    CONSOLE_PORTS,
    INTAKE,
    INTAKE_PORTS,
    ISOLATION,
    MANAGED_PORTS,
    Addresses,
)
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.programs import which
from vmmigrate.errors import ApplianceError
from vmmigrate.limits.seconds import LASTING_RULES

__all__ = [
    "CONSOLE_PORTS",
    "INTAKE_PORTS",
    "MANAGED_PORTS",
    "TRACES",
    "close_console",
    "close_intake",
    "console_closed",
    "intake_closed",
    "intake_rules",
    "is_isolated",
    "is_isolated_at_boot",
    "isolate",
    "isolation_rules",
    "lay_intake",
    "let_the_world_in",
    "look_at",
    "nothing_isolates",
    "open_console",
    "open_intake",
    "refuse_without_firewall",
    "remove_isolation",
]

Dialect = nft.Nft | iptables.Iptables

UNIT = "vmmigrate-isolation.service"
_UNIT_FOLDER = "/etc/systemd/system"
_UNIT_PATH = f"{_UNIT_FOLDER}/{UNIT}"
_WANTED = f"{_UNIT_FOLDER}/sysinit.target.wants/{UNIT}"
_FOLDER = "/etc/vmmigrate"
AT_BOOT = ("test", "-e", _WANTED)
TRACES = tuple(("test", "-e", path) for path in (_WANTED, _UNIT_PATH, _FOLDER))  # of an isolation
RUN_FOLDER = "/run/vmmigrate"
MAKE_RUN_FOLDER = ("mkdir", "-p", RUN_FOLDER)
REMOVE_RUN_FOLDER = ("rm", "-rf", RUN_FOLDER)
_META = FileMeta("0644", "root", "root")


def isolation_rules(allowed: tuple[str, ...], ports: tuple[int, ...] = MANAGED_PORTS) -> str:
    """nft: allow traffic only with `allowed` (addresses, IPv4 or IPv6)."""
    return nft.isolation(Addresses.of(allowed), ports)


def intake_rules(allowed: tuple[str, ...] = ()) -> str:
    """nft: reset new connections to 25, 465 and 587 unless they come from `allowed`."""
    return nft.intake(Addresses.of(allowed))


def isolate(shell: Shell, allowed: tuple[str, ...], ports: tuple[int, ...] = MANAGED_PORTS) -> None:
    """Isolate now and after every boot. Convergent. Raises ApplianceError without nft and iptables."""
    dialect = _dialect(shell)
    files = dialect.isolation_files(Addresses.of(allowed), ports)
    commands = dialect.load_commands(ISOLATION, _FOLDER)
    files_at = {f"{_FOLDER}/{name}": text for name, text in files.items()} | {_UNIT_PATH: unit_text(commands)}
    look = LookingShell(shell)
    look.ahead(*dialect.questions(ISOLATION), files=tuple(files_at), user="root")
    changed = [NewFile(path, text.encode(), _META) for path, text in files_at.items() if not _holds(look, path, text)]
    # enable makes systemd read the unit again; active, so that a restart of nftables restarts it
    enable = ("systemctl", "enable", "--now", UNIT)
    if changed:
        shell.install(*changed, folders=(_FOLDER, _UNIT_FOLDER))
    if changed or not dialect.loaded(look, ISOLATION):
        dialect.load(shell, ISOLATION, _FOLDER, enable)
    else:
        shell.run(enable, user="root")


def let_the_world_in(shell: Shell) -> None:
    """By one command, because nobody is live meanwhile; nothing if it is let in already.

    What a boot would load goes first: whenever the rules are gone, no boot brings them back.
    """
    _unload(shell, ISOLATION, ("rm", "-rf", _WANTED, _UNIT_PATH, _FOLDER))


def remove_isolation(shell: Shell) -> None:
    """Remove rules, unit and files, also from what systemd knows, and to the disk; nothing if there are none."""
    forget = f"systemctl stop {UNIT}; rm -rf {_WANTED} {_UNIT_PATH} {_FOLDER}; systemctl daemon-reload"
    # of the folders alone, where it can: all of a busy guest's disk may take minutes
    to_disk = f"sync {dirname(_WANTED)} {_UNIT_FOLDER} {dirname(_FOLDER)} 2>/dev/null || sync"
    shell.run(("sh", "-c", f"{forget}; {to_disk}"), user="root", timeout=LASTING_RULES.most)
    _unload(shell, ISOLATION)


def look_at(shell: Shell, *more: tuple[str, ...]) -> LookingShell:
    """All that the questions below ask, and `more`, in one command as root."""
    look = LookingShell(shell)
    look.ahead(*map(nft.listing, (ISOLATION, INTAKE, CONSOLE)), AT_BOOT, *more, user="root")
    return look


def is_isolated(shell: Shell) -> bool:
    """Whether the rules are loaded now."""
    return _loaded(shell, ISOLATION)


def is_isolated_at_boot(shell: Shell) -> bool:
    """Whether a boot loads them."""
    return shell.run(AT_BOOT, user="root", check=False).status == 0


def nothing_isolates(shell: Shell) -> bool:
    """No rules, and no file of them: as `let_the_world_in` leaves it."""
    return not is_isolated(shell) and all(shell.run(trace, user="root", check=False).status != 0 for trace in TRACES)


def lay_intake(shell: Shell, allowed: tuple[str, ...] = (), ports: tuple[int, ...] = INTAKE_PORTS) -> Dialect:
    """Prepare the rules that `close_intake` loads, in a folder that a reboot empties. Replaces `allowed`.

    The result can load them without asking anything: when the intake is closed there is no time for that.
    """
    dialect = _dialect(shell)
    _lay(shell, dialect.intake_files(Addresses.of(allowed), ports))
    return dialect


def _lay(shell: Shell, files: dict[str, str]) -> None:
    shell.run(MAKE_RUN_FOLDER, user="root")
    for name, text in files.items():
        shell.give(laying(name), BytesIO(text.encode()))  # not `install`: rules of sudoers can name this one


def laying(name: str) -> tuple[str, ...]:
    """What writes one file of rules, in a folder where only root can put a link."""
    return ("dd", f"of={RUN_FOLDER}/{name}", "status=none")


def close_intake(
    shell: Shell, laid: Dialect, *then: tuple[str, ...], asks: Sequence[tuple[str, ...]] = ()
) -> LookingShell:
    """Refuse new mail, by the prepared rules, until `open_intake` or a reboot; sessions under way finish.

    `then`: further commands, in the same go. What is returned has seen the answers to `asks` once it was closed.
    """
    return laid.load(shell, INTAKE, RUN_FOLDER, *then, asks=asks)


def open_intake(shell: Shell) -> None:
    """Accept mail again, and delete the rules; nothing if it was open."""
    _unload(shell, INTAKE)
    shell.run(REMOVE_RUN_FOLDER, user="root", check=False)


def intake_closed(shell: Shell) -> bool:
    """Whether the rules are loaded now."""
    return _loaded(shell, INTAKE)


def close_console(shell: Shell, allowed: tuple[str, ...], ports: tuple[int, ...]) -> None:
    """Only `allowed` reach these ports from outside, until `open_console` or a reboot; sessions of others end."""
    dialect = _dialect(shell)
    _lay(shell, dialect.console_files(Addresses.of(allowed), ports))
    dialect.load(shell, CONSOLE, RUN_FOLDER)


def open_console(shell: Shell) -> None:
    """For all, as before; nothing if it was open."""
    _unload(shell, CONSOLE)
    shell.run(REMOVE_RUN_FOLDER, user="root", check=False)


def console_closed(shell: Shell) -> bool:
    """Whether the rules are loaded now."""
    return _loaded(shell, CONSOLE)


def _loaded(shell: Shell, table: str) -> bool:
    """By nft without asking whether the guest has it, as `_unload` does."""
    by_nft = nft.is_loaded(shell, table)
    return _dialect(shell).loaded(shell, table) if by_nft is None else by_nft


def unit_text(commands: tuple[str, ...]) -> str:
    """The unit that loads the isolation before any network is up, and again whenever nftables flushes all."""
    start = "".join(f"ExecStart={command}\n" for command in commands)
    return f"""\
[Unit]
Description=Isolation of a new appliance until it may be live
DefaultDependencies=no
After=local-fs.target nftables.service netfilter-persistent.service
PartOf=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
{start}
[Install]
WantedBy=sysinit.target
"""


def refuse_without_firewall(shell: Shell) -> None:
    """Raises ApplianceError if nothing in the guest can isolate it or close its intake."""
    _dialect(shell)


def _holds(look: LookingShell, path: str, text: str) -> bool:
    return look.file_meta(path) is not None and look.read_file(path) == text.encode()


def _unload(shell: Shell, table: str, *first: tuple[str, ...]) -> None:
    """Try nft without asking whether the guest has it: an outage may wait for this. `first`: what comes before it."""
    if not nft.unload(shell, table, *first):
        _dialect(shell).unload(shell, table)


def _dialect(shell: Shell) -> Dialect:
    if (found := which(shell, "nft")) is not None:
        return nft.Nft(found)
    if (found := which(shell, "iptables")) is not None:
        return iptables.Iptables(found)
    raise ApplianceError(
        f"{shell.host} has neither nft nor iptables: nothing there can isolate it or close its intake",
        hint="install nftables in the guest",
    )
