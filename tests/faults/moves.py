"""What may happen in the world of the model: each move by its name. One that does not apply does nothing."""

import copy
from collections.abc import Callable
from random import Random

from fixtures.model.disk import Folder
from fixtures.model.host import Daemon, LostAnswer
from fixtures.model.world import LAN_NET, STAGING_NET, World
from hypervisors import Cancelled
from tests.faults import by_hand
from tests.faults.process import Desks, Killed

# What people do to a VM that no command can be asked to put right: it may refuse, and say so.
BY_HAND = frozenset(
    {
        *("off-old", "off-new", "on-old", "on-new", "plug-old", "unplug-old", "plug-new", "unplug-new"),
        *("delete-old", "delete-new", "untag", "second-run", "twin-old", "twin-new", "revert-old", "revert-new"),
        *("boots-old", "boots-new", "remac-old", "older-folder"),
    }
)
# Moves after which somebody else is answerable for a VM's links and power, for its existence, for its notes.
TOUCHES_LINKS = frozenset(
    {
        *("reboot-host", "off-old", "off-new", "on-old", "on-new", "plug-old", "unplug-old", "plug-new", "unplug-new"),
        *("clone-old", "clone-new", "delete-old", "delete-new", "untag", "twin-old", "twin-new"),
        *("revert-old", "revert-new", "boots-old", "boots-new", "remac-old", "pause-old", "pause-new", "go-on"),
    }
)


class Moves:
    """Over one world. `mine`: the names of a run's VMs are found by its tag."""

    def __init__(self, world: World, daemon: Daemon, desks: Desks) -> None:
        self.world, self.daemon, self.desks = world, daemon, desks
        self.made: list[str] = []  # every move that was made, by name
        self.touched: set[str] = set()  # VMs that an operator deleted, or took back to a snapshot
        self.snapshots: by_hand.Snapshots = {}
        self.kept: Folder | None = None  # the workstation's disk, as somebody keeps it
        self.folder: Callable[[], str] = lambda: ""  # of the workstation
        self.other_terminal: Callable[[], None] = lambda: None
        self.second_run: Callable[[], None] = lambda: None
        self.desk_reboots: Callable[[], None] = lambda: None
        self.run_id: Callable[[], str] = lambda: ""
        self._new = ""
        self.count = 0
        self.cancelled = False

    def make(self, name: str, number: float) -> BaseException | None:
        """What it raises in the program, None where that goes on."""
        self.made.append(name)
        self.count += 1
        if name in _RAISES:
            return _RAISES[name](self, number)
        _ACTS[name](self, number)
        self.world.settle()
        return None

    @property
    def old(self) -> str:
        """'' where it is gone."""
        return self.world.old.id if self.world.old.id in self.world.vms else ""

    @property
    def new(self) -> str:
        """The one that this workstation's run made last, also where its tag was removed since; '' if there is none."""
        run_id = self.run_id()
        tagged = [vm for vm, each in self.world.vms.items() if each["tag"] == run_id and not each.get("clone")]
        self._new = tagged[-1] if tagged else self._new
        return self._new if self._new in self.world.vms else ""

    def heal(self) -> None:
        """What is broken around the program works again: daemon, disk, smarthost, guests that heed nobody."""
        self.daemon.away_until = 0.0
        self.desks.free.clear()
        self.desks.failing.clear()
        self.daemon.unread = 0
        self.world.relay_down = self.world.staging_down = False
        self.world.deaf.clear()
        by_hand.let_go_on(self.world)
        self.world.flush()

    # ---- what each does --------------------------------------------------------------------------------------

    def _kill(self, number: float) -> BaseException:
        process = self.desks.process
        if process is not None:
            process.alive = False
        return Killed()

    def _power_loss(self, number: float) -> BaseException:
        process = self.desks.process
        assert process is not None
        killed = self._kill(number)
        self.desk_reboots()
        self.world.disk.lose_power(process.folder, Random(number))
        return killed

    def _cancel(self, number: float) -> None:
        self.cancelled = True

    def _away(self, number: float) -> BaseException:
        self.daemon.away(1 + 40 * number)
        return LostAnswer()

    def _full(self, number: float) -> None:
        process = self.desks.process
        if process is not None:
            self.desks.free[process.folder] = int(number * 600)

    def _fsync_fails(self, number: float) -> None:
        process = self.desks.process
        if process is not None:
            self.desks.failing.add(process.folder)

    def _link(self, vm: str, up: bool) -> None:
        if vm:
            for nic in self.world.entry(vm)["nics"]:
                if nic["network"] == "lan":
                    nic.update(link_up=up, stored_link_up=up)

    def _rename(self, vm: str) -> None:
        if vm:
            self.world.entry(vm)["name"] += "-renamed"

    def _clone(self, vm: str) -> None:
        by_hand.clone(self.world, vm, self.count)

    def _twin(self, vm: str) -> None:
        """Plugged in, as often as not."""
        name = f"{self.world.entry(vm)['name']}-twin{self.count}"
        by_hand.copy_whole(self.world, vm, name, plugged=bool(self.count % 2))

    def _revert(self, vm: str) -> None:
        if vm in self.snapshots:
            self.touched.add(vm)
            by_hand.revert(self.world, vm, self.snapshots)

    def _empty_notes(self, number: float) -> None:
        if self.old:
            self.world.entry(self.old)["notes"] = ""

    def _keep_folder(self, number: float) -> None:
        if not self.desks.running:
            self.kept = copy.deepcopy(self.world.disk.folder(self.folder()))

    def _older_folder(self, number: float) -> None:
        if self.kept is not None and not self.desks.running:
            by_hand.put_back(self.world, self.folder(), self.kept)

    def _lose_file(self, number: float) -> None:
        if not self.desks.running:
            by_hand.lose_a_file(self.world, f"{self.folder()}/runs/{self.run_id()}", number)

    def _delete(self, vm: str) -> None:
        if vm:
            self.touched.add(vm)
            self.world.switch_off(vm)
            del self.world.vms[vm]
            self.world.disk.take(str(self.world.root_of(vm).folder.parent))

    def _notes(self, number: float) -> None:
        if self.old:
            self.world.entry(self.old)["notes"] += f"\nasset {int(number * 1000)}"

    def _unclaim(self, number: float) -> None:
        if self.old:
            entry = self.world.entry(self.old)
            entry["notes"] = "\n".join(
                line for line in entry["notes"].split("\n") if not line.startswith("[vmmigrate]")
            )

    def _untag(self, number: float) -> None:
        if self.new:
            self.world.entry(self.new)["tag"] = None

    def _readdress(self, number: float) -> None:
        net = LAN_NET if number < 0.7 else STAGING_NET
        self.world.me[net] = f"{net}{80 + self.count}"

    def _clock(self, number: float) -> None:
        self.world.time.jumped += (number - 0.3) * 6000

    def _mail(self, number: float) -> None:
        for _ in range(1 + int(number * 3)):
            self.count += 1
            self.world.mail(f"mail-{self.count}")

    def _slow_mail(self, number: float) -> None:
        message = f"slow-{self.count}"
        self.world.begin_mail(message)
        self.world.time.after(1 + 20 * number, lambda: self.world.end_mail(message))

    def _relay(self, down: bool) -> None:
        self.world.relay_down = down
        if not down:
            self.world.flush()

    def _staging(self, down: bool) -> None:
        self.world.staging_down = down

    def _unread(self, number: float) -> None:
        self.daemon.unread = 1 + int(number * 3)

    def _row(self, number: float) -> None:
        reached = self.world.administered()
        if reached:
            self.world.add_row(f"user-{self.count}@example.test", reached[0])

    def _deaf(self, number: float) -> None:
        self.world.deaf |= set(self.world.vms)

    def _room(self, number: float) -> None:
        self.desks.free.clear()


Raises = Callable[[Moves, float], BaseException | None]
_RAISES: dict[str, Raises] = {
    "kill": Moves._kill,
    "power-loss": Moves._power_loss,
    "away": Moves._away,
    "lost": lambda moves, number: LostAnswer(),
}


def _on(vm: str, act: Callable[[Moves, str], object]) -> Callable[[Moves, float], object]:
    def move(moves: Moves, number: float) -> None:
        which = moves.old if vm == "old" else moves.new
        if which:
            act(moves, which)

    return move


def _pair(name: str, act: Callable[[Moves, str], object]) -> dict[str, Callable[[Moves, float], object]]:
    return {f"{name}-{vm}": _on(vm, act) for vm in ("old", "new")}


def _within(verb: str) -> Callable[[Moves, str], object]:
    return lambda moves, vm: by_hand.act_in_guest(moves.world, vm, by_hand.IN_GUEST[verb])


_ACTS: dict[str, Callable[[Moves, float], object]] = {
    **_pair("reboot", lambda moves, vm: moves.world.reboot(vm)),
    **_pair("off", lambda moves, vm: moves.world.switch_off(vm)),
    **_pair("on", lambda moves, vm: moves.world.switch_on(vm)),
    **_pair("plug", lambda moves, vm: moves._link(vm, True)),
    **_pair("unplug", lambda moves, vm: moves._link(vm, False)),
    **_pair("rename", lambda moves, vm: moves._rename(vm)),
    **_pair("clone", lambda moves, vm: moves._clone(vm)),
    **_pair("delete", lambda moves, vm: moves._delete(vm)),
    **_pair("pause", lambda moves, vm: by_hand.pause(moves.world, vm)),
    **_pair("twin", lambda moves, vm: moves._twin(vm)),
    **_pair("snapshot", lambda moves, vm: by_hand.take_snapshot(moves.world, vm, moves.snapshots)),
    **_pair("revert", lambda moves, vm: moves._revert(vm)),
    **_pair("boots", lambda moves, vm: moves.world.entry(vm).update(autostart=True)),
    **{name: move for verb in by_hand.IN_GUEST for name, move in _pair(verb, _within(verb)).items()},
    "lease-new": _on("new", lambda moves, vm: by_hand.lease_again(moves.world, vm, moves.count)),
    "remac-old": _on("old", lambda moves, vm: by_hand.change_mac(moves.world, vm, "52:54:00:dd:00:01")),
    "go-on": lambda moves, number: by_hand.let_go_on(moves.world),
    "empty-notes": Moves._empty_notes,
    "keep-folder": Moves._keep_folder,
    "older-folder": Moves._older_folder,
    "lose-file": Moves._lose_file,
    "other-terminal": lambda moves, number: moves.other_terminal(),
    "reboot-host": lambda moves, number: moves.world.reboot_host(),
    "cancel": Moves._cancel,
    "full": Moves._full,
    "fsync": Moves._fsync_fails,
    "room": Moves._room,
    "notes": Moves._notes,
    "unclaim": Moves._unclaim,
    "untag": Moves._untag,
    "second-run": lambda moves, number: moves.second_run(),
    "readdress": Moves._readdress,
    "clock": Moves._clock,
    "mail": Moves._mail,
    "slow-mail": Moves._slow_mail,
    "relay-down": lambda moves, number: moves._relay(True),
    "relay-up": lambda moves, number: moves._relay(False),
    "staging-down": lambda moves, number: moves._staging(True),
    "staging-up": lambda moves, number: moves._staging(False),
    "unread": Moves._unread,
    "row": Moves._row,
    "deaf": Moves._deaf,
}


def cancel_if_asked(moves: Moves) -> None:
    """As the terminal's Ctrl-C: once."""
    if moves.cancelled:
        moves.cancelled = False
        raise Cancelled("interrupted", hint="vmmigrate resume RUN")
