"""One world with the program in it: every effect passes `hook`, where the schedule's moves are made."""

import copy
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from fixtures.model.clock import Time
from fixtures.model.disk import Disk, File
from fixtures.model.host import READS, Daemon, LostAnswer, keep_in_memory
from fixtures.model.mount import mount
from fixtures.model.world import World
from hypervisors import Cancelled, Problem
from tests.faults import invariants
from tests.faults.cheap import be_deterministic
from tests.faults.desk import Desk, Ended
from tests.faults.doors import Doors
from tests.faults.invariants import Broken
from tests.faults.moves import TOUCHES_LINKS, Moves, cancel_if_asked
from tests.faults.process import Desks, Killed
from tests.faults.schedule import Leg, Move, Schedule
from vmmigrate.errors import Guarded, UsageProblem
from vmmigrate.run.stage import Discard

LONGEST = 4 * 3600.0  # model seconds that one command may take
MOST = 6000  # effects of one command
PAST_ALL = 1 << 31
DISCARD = "--discard"
_MAIL_EACH = 24  # effects: somebody writes to the gateway all the time
_RIGHT_BEFORE = 8  # effects from a guard's first question to the act
_LATELY = 12  # effects
_LOOKS = ("inventory", "holders", "power_state")


class Endless(BaseException):
    """A command that does not end."""


class Model:
    """Made once in a process; a copy of that process plays one schedule."""

    def __init__(self) -> None:
        be_deterministic(0)
        self.world = World(Time(), Disk())
        self.desks = Desks(self.world.disk, self.hook)
        self.mounted = mount(self.world.disk, self.desks)
        keep_in_memory(self.world)
        self.world.begin()
        self.daemon = Daemon(self.world)
        Doors(self.world, self.hook).open()
        self.desk = Desk(self.world, self.daemon, self.desks, self.hook)
        self.used = [self.desk]
        self.moves = Moves(self.world, self.daemon, self.desks)
        self.moves.second_run, self.moves.desk_reboots = self.second_run, self.desk.reboots
        self.moves.run_id, self.moves.folder = lambda: self.desk.run_id, lambda: str(self.desk.folder)
        self.moves.other_terminal = self.other_terminal
        self.desk.cancelled = lambda: cancel_if_asked(self.moves)
        self.old_before = copy.deepcopy(self.world.entry(self.world.old.id))
        self.old_files = invariants.files_of(self.world, self.world.old.id)
        self.on_effect: Callable[[int], None] = lambda number: None  # the worker's: where it copies itself
        self.ended: list[Ended] = []
        self.broken: list[Broken] = []
        self.was_live: set[str] = set()  # new VMs whose live link was up
        self.story: list[str] = []
        self.end = ""  # how the run stands at last
        self.discarded = False  # what was in a VM, by somebody who asked for that
        self.effects = self.kills = 0  # in all commands
        self._within = 0  # in this command
        self._due: list[tuple[int | str, Move]] = []
        self._outside = True  # of any command: what happens is nobody's effect
        self._began, self._began_at = 0.0, 0
        self._moved_at = self._looked_at = -1
        self._last_move = self._untagged_at = -_LATELY - 1
        self._conflict = self._boots_two = False
        self._boots = 0  # of guests: each moves by itself
        self._foreign = ""
        self._main = threading.main_thread().ident

    # ---- what the worker and the player call -----------------------------------------------------------------

    def command(self, leg: Leg) -> Ended:
        """Play one leg."""
        for move in leg.before:
            self.tell(f"before: {move[0]}")
            self._make(move)
        self._due = list(leg.during)
        self._within, self._began, self._began_at = 0, self.world.time.now, self.effects
        self.tell(f"$ {leg.command}")
        ended = self._run(leg.command)
        self.on_effect(PAST_ALL)
        self._after(ended)
        return ended

    def take(self, schedule: Schedule) -> None:
        """From now on that schedule's moves are made, in the leg under way too."""
        be_deterministic(schedule.seed)
        self._due = list(schedule.legs[0].during)

    def heal(self) -> None:
        self.moves.heal()
        self.world.settle()
        self.world.time.pass_by(300)

    def tell(self, text: str) -> None:
        self.story.append(text)

    def name(self, vm: str) -> str:
        return "the old VM" if vm == self.world.old.id else "a new VM"

    @property
    def moved_lately(self) -> bool:
        """Whether something moved at the end of the last command, when nobody can have looked any more."""
        return self._boots != self.world.boots or self._last_move >= self.effects - _LATELY

    @property
    def old_was_touched(self) -> bool:
        return any(
            name.endswith("-old")
            or name in ("notes", "empty-notes", "unclaim", "reboot-host", "second-run", "older-folder")
            for name in self.moves.made
        )

    @staticmethod
    def is_a_bug(error: BaseException | None) -> bool:
        return error is not None and not isinstance(error, Problem | Cancelled | Killed)

    # ---- an effect -------------------------------------------------------------------------------------------

    def hook(self, kind: str, what: str, when: str) -> None:
        if self._outside or threading.get_ident() != self._main:
            return
        running = self.desks.running
        if not running:
            return
        if not running[-1].alive:
            raise Killed
        self.effects += 1
        self._within += 1
        if self._boots != self.world.boots:
            self._boots, self._last_move = self.world.boots, self.effects
        if kind == "hypervisor":
            self._see_call(what, when)
        if self._within > MOST or self.world.time.now - self._began > LONGEST:
            self.broken.append(("I8", f"a command does not end: {self._within} effects"))
            running[-1].alive = False
            raise Endless
        self.on_effect(self._within)
        if not self.effects % _MAIL_EACH:
            self.world.mail(f"mail at {self.effects}")
        raised = None
        while self._due and self._is_due(self._due[0][0], f"{when} {kind} {what}"):
            move = self._due.pop(0)[1]
            self.tell(f"  {self._within} {when} {kind} {what}: {move[0]} {move[1]}")
            raised = raised or self._make(move)
        if isinstance(raised, LostAnswer) and kind not in ("hypervisor", "guest"):
            raised = None
        if raised is not None:
            self.kills += isinstance(raised, Killed)
            raise raised

    def _is_due(self, at: int | str, effect: str) -> bool:
        return at <= self._within if isinstance(at, int) else at in effect

    def _make(self, move: Move) -> BaseException | None:
        outside, self._outside = self._outside, True
        raised = self.moves.make(*move)
        self._outside = outside
        self._last_move = self.effects
        if move[0] == "untag":
            self._untagged_at = self.effects
        if move[0] in TOUCHES_LINKS:
            self._moved_at = self.effects
        self._conflict = len(self.world.claimants()) > 1
        self._boots_two = len(invariants.comes_up_at_boot(self.world)) > 1
        self._foreign = invariants.foreign(self.world, self._ours)
        return raised

    def _see_call(self, what: str, when: str) -> None:
        verb = what.partition(" ")[0]
        if when == "before" and verb not in READS:
            self._conflict = len(self.world.claimants()) > 1
            self._boots_two = len(invariants.comes_up_at_boot(self.world)) > 1
            self._foreign = invariants.foreign(self.world, self._ours)
        elif when == "after" and verb in _LOOKS:
            self._looked_at = self.effects
        elif when == "after" and verb not in READS:
            self._judge(what)

    def _judge(self, what: str) -> None:
        """After a change that the program made."""
        if len(self.world.claimants()) > 1 and not self._conflict and self._could_know:
            self.broken.append(("I1", f"two are plugged in with one identity after `{what}`"))
        if len(invariants.comes_up_at_boot(self.world)) > 1 and not self._boots_two:
            self.broken.append(("I1", f"a reboot of the host would bring back both after `{what}`"))
        self.broken += invariants.exposed(self)
        if self._untagged_at <= self._began_at and self._foreign != invariants.foreign(self.world, self._ours):
            self.broken.append(("I5", f"`{what}` changed what is not ours"))

    @property
    def _could_know(self) -> bool:
        """Whether it looked at a VM since somebody moved one. Between a guard and its act nobody can look."""
        return self._moved_at < min(self._looked_at, self.effects - _RIGHT_BEFORE)

    @property
    def _ours(self) -> set[str]:
        return {desk.run_id for desk in self.used}

    # ---- commands --------------------------------------------------------------------------------------------

    def _run(self, command: str) -> Ended:
        verb, *flags = command.split()
        if verb == "wait":
            self.world.time.pass_by(600)
            return Ended((verb,), [])
        if verb == "second-run":
            self.second_run()
            return Ended((verb,), [])
        self._outside = False
        try:
            ended = self.desk.command(verb, **_options(flags))
            ended.command = command
        except Endless as endless:
            ended = Ended((verb,), [], endless)
        finally:
            self._outside = True
        self.mounted.ended(None)
        return ended

    def second_run(self) -> None:
        """From another workstation, which nothing disturbs."""
        outside, self._outside = self._outside, True
        self.moves.made.append("second-run")
        other = Desk(self.world, self.daemon, self.desks, self.hook, f"desk{len(self.used)}-elsewhere")
        self.used.append(other)
        ended = other.command("migrate")
        self.tell(f"  elsewhere: migrate → {ended.text[:150]}")
        self.ended.append(ended)
        self._outside = outside

    def other_terminal(self) -> None:
        """Of the same workstation, while a command is at work: what would act on the run is refused."""
        process = self.desks.process
        lock = self.world.disk.find(f"{self.desk.folder}/runs/{self.desk.run_id}/lock")
        if process is None or not process.alive or not isinstance(lock, File) or lock.locked_by is None:
            return  # it has let go of the run by then, or only looks
        outside, self._outside = self._outside, True
        ended = self.desk.command("resume")
        self.tell(f"  in another terminal: resume → {ended.text[:150]}")
        if not isinstance(ended.error, UsageProblem):
            self.broken.append(("I1", f"two commands at once: {ended.text}"))
        self._outside = outside

    def _after(self, ended: Ended) -> None:
        self.ended.append(ended)
        refused = isinstance(ended.error, UsageProblem | Guarded)  # else it is recorded, and whoever goes on may do it
        self.discarded |= DISCARD in ended.command and not refused
        self.tell(f"  → {type(ended.error).__name__ if ended.error else 'ok'}: {ended.text[:300]}")
        self.broken += invariants.of_command(self, ended)
        if ended.reported in ("rolled-back", "rehearsed"):
            self.broken += invariants.old_as_before(self)


def _options(flags: list[str]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if "--scope" in flags:
        named["scope"] = flags[flags.index("--scope") + 1]
    if "--budget" in flags:
        named["budget"] = float(flags[flags.index("--budget") + 1])
    if "--same-lan" in flags:
        named["same_lan"] = True
    if "--leave-mail" in flags:
        named["leave_behind"] = True
    if "--discard" in flags:
        much = flags[flags.index("--discard") + 1]
        named["discard"] = Discard(mail=much, settings=much)
    if exact := {flag.removeprefix("--discard-"): much for flag, much in pairwise(flags) if "--discard-" in flag}:
        named["discard"] = Discard(**exact)
    return named
