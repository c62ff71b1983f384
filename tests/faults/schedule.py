"""A schedule: which commands are run, by whom, and what moves when. A seed gives one; each is printed as a story."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

Move = tuple[str, float]  # its name, and a number in 0..1 for what it needs by chance

# name → how often, relative to the others. See tests/faults/moves.py for what each does.
FAULTS = {"kill": 14, "lost": 8, "away": 6, "power-loss": 5, "cancel": 3, "full": 4, "fsync": 3}
WORLD: dict[str, float] = {
    "reboot-host": 5,
    "reboot-old": 4,
    "reboot-new": 4,
    "off-old": 2,
    "off-new": 2,
    "plug-old": 4,
    "unplug-old": 2,
    "plug-new": 3,
    "unplug-new": 2,
    "on-old": 1,
    "on-new": 1,
    "rename-old": 1,
    "rename-new": 1,
    "clone-old": 2,
    "clone-new": 2,
    "delete-old": 1,
    "delete-new": 2,
    "notes": 2,
    "unclaim": 3,
    "untag": 1,
    "second-run": 2,
    "readdress": 2,
    "clock": 2,
    "mail": 5,
    "slow-mail": 3,
    "relay-down": 3,
    "relay-up": 2,
    "staging-down": 2,
    "staging-up": 1,
    "unread": 3,
    "row": 4,
    "deaf": 1,
    "room": 1,
    "pause-old": 1,
    "pause-new": 1,
    "go-on": 1,
    "empty-notes": 1,
    "twin-old": 1,
    "twin-new": 1,
    "snapshot-old": 1,
    "snapshot-new": 1,
    "revert-old": 1,
    "revert-new": 1,
    "flush-old": 1,
    "flush-new": 1,
    "start-postfix-old": 1,
    "start-postfix-new": 0.5,
    "let-go-old": 1,
    "let-go-new": 1,
    "lease-new": 1,
    "boots-old": 1,
    "boots-new": 1,
    "remac-old": 0.5,
    "keep-folder": 1,
    "older-folder": 1,
    "lose-file": 1,
    "other-terminal": 1,
}
COMMANDS = {
    "resume": 10,
    "rollback": 7,
    "rollback --scope switch": 3,
    "rollback --scope links": 3,
    "rollback --leave-mail": 1,
    "rollback --discard unseen": 1,
    "finish": 4,
    "finish --discard 1": 1,
    "finish --discard unseen": 1,
    "status": 2,
    "second-run": 1,
    "wait": 1,
}


IN_A_WINDOW = {**COMMANDS, "cutover": 25, "cutover --budget 5": 4}


@dataclass(frozen=True)
class Leg:
    """One command. `before`: what moves before it; `during`: at its nth effect, counted from 1.

    In place of a number, words of the effect: the first that has them, as "after hypervisor set_nic".
    """

    command: str
    before: tuple[Move, ...] = ()
    during: tuple[tuple[int | str, Move], ...] = ()


@dataclass(frozen=True)
class Schedule:
    """The first leg is the migration, or prepares or rehearses it. `seed`: for what is drawn while it is played."""

    seed: int
    legs: tuple[Leg, ...]

    @property
    def first(self) -> int:
        """The first leg's effect at which something moves; none moves: past all."""
        at = self.legs[0].during[0][0] if self.legs[0].during else 1 << 30
        assert isinstance(at, int)
        return at

    @property
    def size(self) -> int:
        return sum(1 + len(leg.before) + len(leg.during) for leg in self.legs)


def of_seed(seed: int, effects: int, live_from: int) -> Schedule:
    """`effects`: of an undisturbed migration; `live_from`: the one with which its live phases begin."""
    chance = Random(seed)
    if seed % 5 == 0:
        return _in_a_window(seed, chance, live_from)
    begin = live_from if chance.random() < 0.6 else 1
    first = Leg(f"migrate{_where(seed)}", (), tuple(_during(chance, chance.randint(begin, effects + 20))))
    legs = [first]
    while len(legs) < 5 and chance.random() < 0.8:
        before = tuple(_move(chance, WORLD) for _ in range(chance.choice((0, 0, 1, 1, 2))))
        during = tuple(_during(chance, chance.randint(1, 90))) if chance.random() < 0.5 else ()
        legs.append(Leg(_drawn(chance, COMMANDS), before, during))
    return Schedule(seed, tuple(legs))


def _where(seed: int) -> str:
    """Every seventh is a migration with one network for all."""
    return " --same-lan" if seed % 7 == 0 else ""


def _in_a_window(seed: int, chance: Random, live_from: int) -> Schedule:
    """Prepared or rehearsed; what moves meanwhile; then mostly a cutover."""
    verb = "rehearse" if chance.random() < 0.2 else "prepare"
    at = chance.randint(1, live_from) if chance.random() < 0.4 else live_from + 200
    legs = [Leg(f"{verb}{_where(seed)}", (), tuple(_during(chance, at)))]
    while len(legs) < 5 and (len(legs) < 2 or chance.random() < 0.8):
        before = tuple(_move(chance, WORLD) for _ in range(chance.choice((0, 1, 1, 2))))
        during = tuple(_during(chance, chance.randint(1, 150))) if chance.random() < 0.7 else ()
        legs.append(Leg(_drawn(chance, IN_A_WINDOW), before, during))
    return Schedule(seed, tuple(legs))


def _during(chance: Random, at: int) -> Iterator[tuple[int, Move]]:
    yield at, _move(chance, FAULTS if chance.random() < 0.5 else WORLD)
    while chance.random() < 0.45:
        at += chance.choice((0, 1, 2, 3, 5, 8, 13, 30))
        yield at, _move(chance, FAULTS if chance.random() < 0.4 else WORLD)


def _move(chance: Random, table: Mapping[str, float]) -> Move:
    return _drawn(chance, table), round(chance.random(), 3)


def _drawn(chance: Random, table: Mapping[str, float]) -> str:
    return chance.choices(list(table), list(table.values()))[0]


# ---- smaller ones --------------------------------------------------------------------------------------------


def smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Each with one thing less: a leg, or a move."""
    legs = schedule.legs
    for number in range(len(legs) - 1, 0, -1):
        yield replace(schedule, legs=legs[:number] + legs[number + 1 :])
    for number, leg in enumerate(legs):
        for fewer in _with_fewer(leg):
            yield replace(schedule, legs=(*legs[:number], fewer, *legs[number + 1 :]))


def _with_fewer(leg: Leg) -> Iterator[Leg]:
    for at in range(len(leg.during)):
        yield replace(leg, during=leg.during[:at] + leg.during[at + 1 :])
    for at in range(len(leg.before)):
        yield replace(leg, before=leg.before[:at] + leg.before[at + 1 :])
