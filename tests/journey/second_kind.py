"""A second kind of run, which exists in tests alone: the sign at a door is replaced. And its processes.

All that the program needs to know of it is in this file: two phases, four steps, a commit (somebody may have read the
new sign) and an undo that refuses. The world is a folder: `sign` is what people see, `readers` says who has read it.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tests.journey import child
from vmmigrate import operations, parts
from vmmigrate.commands import process as terminal
from vmmigrate.findings import Check, Finding, Verdict
from vmmigrate.itineraries import ITINERARIES
from vmmigrate.itinerary import Finish, Itinerary, Scope
from vmmigrate.learnt import Facts
from vmmigrate.run.fold import RunState, Status
from vmmigrate.run.recorder import Recorder
from vmmigrate.settings.models import Settings
from vmmigrate.step import Nothing, Phase, Step, UndoRefused

# ---- the itinerary -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignPlan:
    """Which text comes to which door."""

    door: str
    text: str
    insecure: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def names(self) -> Mapping[str, str]:
        return {"door": Path(self.door).name}

    @property
    def concerns(self) -> tuple[str, ...]:
        return (self.door,)


@dataclass(frozen=True)
class OldSign:
    """Learnt by `copy`."""

    text: str


@dataclass(frozen=True)
class TakenDown:
    """Learnt by `take-down` before it acts."""

    reason: str


@dataclass(frozen=True)
class Hung:
    """Learnt by `hang` before it acts."""

    text: str


def _file(run: Any, name: str) -> Path:
    return Path(run.plan.door) / name


def copy(run: Any) -> None:
    if run.facts.find(OldSign) is None:
        run.learn(OldSign(_file(run, "sign").read_text()))


def draft(run: Any) -> None:
    _file(run, "draft").write_text(run.plan.text)
    run.remark("the paint is wet")


def throw_draft_away(run: Any) -> None:
    _file(run, "draft").unlink(missing_ok=True)


def take_down(run: Any) -> None:
    if run.facts.find(TakenDown) is None:
        run.learn(TakenDown("it is replaced"))
    _file(run, "sign").unlink(missing_ok=True)


def put_back(run: Any) -> None:
    if run.facts.find(TakenDown):
        _file(run, "sign").write_text(run.facts.of(OldSign).text)


def hang(run: Any) -> None:
    if run.facts.find(Hung) is None:
        run.learn(Hung(run.plan.text))
    _file(run, "sign").write_text(_file(run, "draft").read_text())


def is_drafted(run: Any) -> Iterator[Check]:
    """The draft is there: it is what will be hung."""
    there = _file(run, "draft").exists()
    yield Check("drafted", "the draft", "there", "there" if there else "gone", Verdict.of(there))


def is_down(run: Any) -> Iterator[Check]:
    """The old sign does not hang."""
    hangs = _file(run, "sign").exists() and _file(run, "sign").read_text() == run.facts.of(OldSign).text
    yield Check("down", "the old sign", "taken down", "hanging" if hangs else "taken down", Verdict.of(not hangs))


def hangs(run: Any) -> Iterator[Check]:
    """The new sign does."""
    so = _file(run, "sign").exists() and _file(run, "sign").read_text() == run.plan.text
    yield Check("hung", "the new sign", "hanging", "hanging" if so else "not hanging", Verdict.of(so))


def take_new_down(run: Any) -> None:
    if _file(run, "readers").exists() and not run.leave_behind:
        raise UndoRefused("not going back: somebody has read the new sign", hint="tell them first")
    _file(run, "sign").unlink(missing_ok=True)


DRAFT = Phase(
    "draft",
    (
        Step("copy", "Copy the old sign", copy, Nothing("it only reads"), (OldSign,), holds=Nothing("one reading")),
        Step("draft", "Paint the new sign", draft, throw_draft_away, holds=is_drafted),
    ),
)
HANG = Phase(
    "hang",
    live=True,
    steps=(
        Step("take-down", "Take the old sign down", take_down, put_back, (TakenDown,), (OldSign,), holds=is_down),
        Step("hang", "Hang the new sign", hang, take_new_down, (Hung,), holds=hangs, looks_back=("draft", "take-down")),
    ),
)
ALL = Scope("all", "taking all of it back", refused="the new sign may have been read, so it is kept")
OLD_AGAIN = Scope(
    "sign",
    "hanging the old sign again, keeping the new one",
    keeps=("draft",),
    pauses_as="old sign again",
    finish=Finish("throws the new sign away", lambda plan: "the new sign will be thrown away"),
)


def machines(state: RunState, outcome: str) -> Mapping[str, str]:
    return {"sign": {Status.DONE: "the new one", Status.PENDING: "the old one"}.get(state.steps["hang"], "look at it")}


def checks(facts: Facts) -> tuple[Check, ...]:
    old = facts.find(OldSign)
    return (Check("copied", "the old sign was copied", old.text, old.text, Verdict.PASS),) if old else ()


SIGN = Itinerary(
    name="sign",
    outcome="replaced",
    doing="hanging the new sign",
    phases=(DRAFT, HANG),
    commit="hang",
    relied_on=("draft", "hang"),
    scopes=(ALL, OLD_AGAIN),
    interrupted=OLD_AGAIN,
    outage_from=TakenDown,
    finish=Finish("throws the draft away", lambda plan: "the draft will be thrown away", (throw_draft_away,)),
    rollback_does="to hang the old sign again",
    once="was read and went back",
    read_plan=TypeAdapter(SignPlan).validate_json,
    machines=machines,
    checks=checks,
    secrets=lambda doors, plan, state: (),
    secrets_back=lambda doors, steps: (),
)

# ---- its processes -------------------------------------------------------------------------------------------


class NoHypervisor:
    """Is connected and closed, and nothing else."""

    settling = 0.0
    keeps_network = True

    def close(self) -> None:
        """There is nothing to close."""


def replace_sign(door: Path, text: str, given: parts.Parts) -> None:
    """What a command of its own would do."""
    plan, recorder = SignPlan(str(door), text), Recorder(given.listen)
    given = replace(given, listen=recorder)
    with parts.run_of(given.rundir("r1"), plan, Settings(), given) as run:  # type: ignore[arg-type]
        operations.start(SIGN, TypeAdapter(SignPlan).dump_json(plan).decode(), run, recorder)


def command(request: dict[str, Any]) -> int:
    """In a fork: `vmmigrate ARGV` in a program that knows the second kind too; `sign` begins a run of it."""
    terminal.CONNECT.set(lambda url, access: NoHypervisor())  # type: ignore[arg-type, return-value]
    terminal.Parts = functools.partial(parts.Parts, itineraries=(*ITINERARIES, SIGN))  # type: ignore[attr-defined, assignment]
    child.stop(request["stop"])
    if request["argv"] != ["sign"]:
        return child.vmmigrate(request["argv"])
    replace_sign(Path(request["door"]), "new", terminal.Session(json=False).parts())
    return 0


if __name__ == "__main__":
    child.serve(command)
