"""Ask a host what nobody has documented: two tiny machines on a switch of their own, looked at, started, removed."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hypervisors import refusals
from hypervisors.errors import Problem
from hypervisors.hyperv import answered, asking, machines, notes, questions, reading, removing
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.pair import NAMES, Pair, disk_to_send
from hypervisors.hyperv.session import Session
from hypervisors.types import Probe, VmRef

_MINE = re.compile(r"probe-([0-9]{1,12})-([0-9a-f]+)")
_NOBODY = "00000000-0000-0000-0000-000000000000"  # no machine has this id
_ABANDONED = 3600  # seconds: of a probe that was killed; one takes some minutes


def probe(session: Session, host: str, store: str, token: str) -> Probe:
    """Everything is removed at the end, also where it fails. Raises NotFound, Unreachable, what the removal raises.

    An answer that cannot be kept there is an answer all the same.
    """
    folder = _folder(session, store)
    others = remove_left(session, token)
    run_id = f"probe-{_time_of_host(session)}-{token}"
    with disk_to_send() as disk, _switch(session, run_id) as switch:
        try:
            answers = questions.answers(Pair(session, run_id, folder, switch, disk))
        finally:
            _remove_machines(session, run_id)
    return _kept(session, Probe(int(time.time()), host, answers, others=others))


def _kept(session: Session, made: Probe) -> Probe:
    try:
        answered.record(session, made)
    except Problem as problem:
        return replace(made, unkept=str(problem))
    return made


def _folder(session: Session, store: str) -> str:
    there = [each.path for each in asking.stores(session) if each.active]
    if not there or (store and store not in there):
        raise refusals.missing("store", store, there)
    return store or there[0]


def _time_of_host(session: Session) -> int:
    """Unix seconds: of two workstations that ask one host, neither knows the other's clock."""
    with door(f"clock of {session.target.host}"):
        return reading.of(session.ask("host"), "time", int)


@contextmanager
def _switch(session: Session, run_id: str) -> Iterator[str]:
    """A private one: what the two machines send reaches nobody. Its id."""
    name = f"{notes.ABOVE}{run_id}"
    with door(f"switch {name}"):
        made = session.ask("make-switch", name=name)
    try:
        yield reading.of(made, "id", str).lower()
    finally:
        _remove_switch(session, name)


def _remove_switch(session: Session, name: str) -> None:
    with door(f"switch {name}"):
        session.ask("remove-switch", name=name)


def _remove_machines(session: Session, run_id: str) -> None:
    for vm in machines.tagged(session, run_id):
        removing.destroy(session, vm, run_id)
    for name in NAMES.values():  # the folder of one that the host failed to make
        removing.destroy(session, VmRef(_NOBODY, name), run_id)


def remove_left(session: Session, token: str) -> tuple[str, ...]:
    """What an earlier call with this token left, and what killed ones left; the names of others, which stay."""
    with door("the list of switches"):
        named = [reading.of(one, "name", str) for one in reading.each(session.ask("switches"), "switches")]
    tags = (reading.tag_of(facts) for facts in machines.all_of(session))
    runs = {tag.run_id for tag in tags if tag is not None}
    runs |= {name.removeprefix(notes.ABOVE) for name in named if name.startswith(notes.ABOVE)}
    probes = {run: found for run in sorted(runs) if (found := _MINE.fullmatch(run))}
    now = _time_of_host(session) if probes else 0
    left = [run for run, found in probes.items() if _is_left(found, token, now)]
    for run in left:
        _remove_machines(session, run)
        _remove_switch(session, f"{notes.ABOVE}{run}")
    return tuple(f"{notes.ABOVE}{run}" for run in probes if run not in left)


def _is_left(found: re.Match[str], token: str, now: int) -> bool:
    """The time is in its name, so that a probe that works beside this one is left alone."""
    return found.group(2) == token or int(found.group(1)) < now - _ABANDONED
