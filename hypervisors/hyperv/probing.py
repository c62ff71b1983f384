"""Ask a host what nobody has documented: two tiny machines on a switch of their own, looked at, started, removed."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hypervisors import refusals
from hypervisors.hyperv import answered, asking, machines, notes, questions, reading, removing
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.pair import Pair, disk_to_send
from hypervisors.hyperv.session import Session
from hypervisors.types import Probe

_MINE = re.compile(r"probe-([0-9]{1,12})-([0-9a-f]+)")
_ABANDONED = 3600  # seconds: of a probe that was killed; one takes some minutes


def probe(session: Session, host: str, store: str, token: str) -> Probe:
    """Everything is removed at the end, also where it fails. Raises NotFound, Unreachable, what the removal raises."""
    now = int(time.time())
    folder = _folder(session, store)
    _remove_left(session, token)
    run_id = f"probe-{now}-{token}"
    with disk_to_send() as disk, _switch(session, run_id) as switch:
        try:
            answers = questions.answers(Pair(session, run_id, folder, switch, disk))
        finally:
            _remove_machines(session, run_id)
    made = Probe(now, host, answers)
    answered.record(session, made)
    return made


def _folder(session: Session, store: str) -> str:
    there = [each.path for each in asking.stores(session) if each.active]
    if not there or (store and store not in there):
        raise refusals.missing("store", store, there)
    return store or there[0]


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


def _remove_left(session: Session, token: str) -> None:
    """What an earlier call with this token left, and what killed ones left."""
    with door("the list of switches"):
        named = [reading.of(one, "name", str) for one in reading.each(session.ask("switches"), "switches")]
    tags = (reading.tag_of(facts) for facts in machines.all_of(session))
    runs = {tag.run_id for tag in tags if tag is not None}
    runs |= {name.removeprefix(notes.ABOVE) for name in named if name.startswith(notes.ABOVE)}
    for run in sorted(runs):
        if _is_left(run, token):
            _remove_machines(session, run)
            _remove_switch(session, f"{notes.ABOVE}{run}")


def _is_left(run: str, token: str) -> bool:
    """The time is in its name, so that a probe that works beside this one is left alone."""
    found = _MINE.fullmatch(run)
    return found is not None and (found.group(2) == token or int(found.group(1)) < time.time() - _ABANDONED)
