"""What a probe asks of a host, in order; each is what the adapter relies on, and no vendor's page says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypervisors.errors import Problem, Unreachable
from hypervisors.hyperv import pair
from hypervisors.hyperv.faults import passes
from hypervisors.hyperv.pair import Pair
from hypervisors.types import Answer


@dataclass(frozen=True)
class Question:
    """`ask` gives what was seen. `needed`: no migration where that is not so; `needs`: what is to be so first."""

    id: str
    asked: str
    expected: str
    ask: Callable[[Pair], str]
    needed: bool = False
    needs: tuple[str, ...] = ()


def answers(made: Pair) -> tuple[Answer, ...]:
    """Raises Unreachable."""
    return tuple(_answered(made))


def _answered(made: Pair) -> Iterator[Answer]:
    so: set[str] = set()
    for each in QUESTIONS:
        lacks = [need for need in each.needs if need not in so]
        answer = unasked(each, f"not asked, because of: {', '.join(lacks)}") if lacks else _asked(made, each)
        so |= {each.id} if answer.holds else set()
        yield answer


def _asked(made: Pair, question: Question) -> Answer:
    """What the host refuses is an answer too; what may go through in a while is none."""
    try:
        seen = question.ask(made)
    except Unreachable:
        raise
    except Problem as problem:
        seen = str(problem)
        if passes(problem):
            return unasked(question, seen)
    return answer_of(question, seen, seen == question.expected)


def unasked(question: Question, why: str) -> Answer:
    return answer_of(question, why, None)


def answer_of(question: Question, seen: str, holds: bool | None) -> Answer:
    return Answer(question.id, question.asked, question.expected, seen, holds, question.needed)


_BOTH = ("made", "same-mac-defined")
_RUN = (*_BOTH, "starts", "same-mac-starts")
QUESTIONS = (
    Question("made", "is a machine made as it was asked for?", "yes", pair.make_first, needed=True),
    Question(
        "same-mac-defined", "may two machines have one MAC?", "yes", pair.make_second, needed=True, needs=("made",)
    ),
    Question("disks", "is a disk that was sent taken, and an empty one made?", "yes", pair.give_disks, needs=_BOTH),
    Question("starts", "does a machine start?", "yes", pair.start(1), needed=True, needs=("made",)),
    Question(
        "same-mac-starts",
        "may a second machine with the MAC of one that runs be started, disconnected?",
        "yes",
        pair.start(2),
        needed=True,
        needs=(*_BOTH, "starts"),
    ),
    Question(
        "hand-over",
        "can the network be handed from one to the other while both run?",
        "yes",
        pair.hand_over(1, 2),
        needed=True,
        needs=_RUN,
    ),
    Question(
        "down-switch",
        "which switch has a NIC that is disconnected?",
        "none",
        pair.down_has_switch,
        needs=("hand-over",),
    ),
    Question(
        "down-keeps",
        "what does such a NIC keep?",
        f"VLAN {pair.VLAN}, spoofing On",
        pair.down_keeps,
        needs=("hand-over",),
    ),
    Question("hand-back", "can it be handed back?", "yes", pair.hand_over(2, 1), needed=True, needs=("hand-over",)),
    Question(
        "mac-kept",
        "is a MAC still the same, and static, after all this?",
        "yes",
        pair.keeps_mac,
        needed=True,
        needs=_RUN,
    ),
    Question("hot-removal", "is a NIC of a running machine removed?", "yes", pair.remove_running_nic, needs=_RUN),
    Question(
        "notes", f"are notes of {len(pair.TEXT)} characters and two lines kept?", "yes", pair.write_notes, needs=_BOTH
    ),
    Question(
        "autostart", "how does it start at boot, if asked for 30 s?", "Start:30", pair.set_autostart, needs=("made",)
    ),
    Question("shutdown", "can a guest be asked to shut down?", "nobody hears it", pair.ask_shutdown, needs=("starts",)),
    Question("saved", "is one that is saved shown as saved?", "Saved", pair.save, needs=_RUN),
    Question("saved-starts", "does one that is saved start again?", "yes", pair.start(2), needs=("saved",)),
    Question("saved-again", "is it saved once more?", "Saved", pair.save, needs=("saved-starts",)),
    Question("saved-removed", "is one that is saved removed?", "yes", pair.remove_saved, needs=("saved-again",)),
    Question(
        "removed",
        "is one that was switched off by force removed, with its files?",
        "yes",
        pair.remove_running,
        needs=("starts",),
    ),
)
