"""Look whether mail is taken, for the last line of a command and the first of `status`: quick, and it fails nothing."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from hypervisors import Problem, redacted
from vmmigrate.events import NOT_LOOKED_AT, Service
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.journal import Journal
from vmmigrate.run.outages import outages
from vmmigrate.run.standing import Standing

if TYPE_CHECKING:
    from vmmigrate.run.stage import Run

Looking = Callable[[], Service]
Within = Callable[[Looking], Service]  # ends a look that takes too long; raises a Problem then


def at_once(look: Looking) -> Service:
    """Without a limit of its own."""
    return look()


def offered(verbs: tuple[tuple[str, str], ...], mail: Service | None) -> tuple[tuple[str, str], ...]:
    """Those that would not be refused, as far as was seen: nothing is made final while it is not as it should be."""
    if mail is None:
        return verbs
    if mail.barred:
        return ()
    ends = mail.expected or mail.state == NOT_LOOKED_AT
    return tuple(verb for verb in verbs if verb[0] not in mail.impossible and (ends or verb[0] != "finish"))


def looked_at(look: Looking, within: Within) -> Service:
    """A look that fails is "not looked at", with the reason."""
    try:
        return within(look)
    except Problem as problem:
        return Service(NOT_LOOKED_AT, seen=redacted(str(problem)))
    except Exception as bug:  # the command has its own end, which this must not replace
        return Service(NOT_LOOKED_AT, seen=f"a bug: {type(bug).__name__}")


def mail_now(itinerary: Itinerary, journal: Journal, run: "Run") -> Service | None:
    """None for a kind of run that serves none. By doors of its own, which ask for no password."""
    look, standing = itinerary.service, Standing(itinerary, journal.state())
    if look is None:
        return None
    past = outages(itinerary, journal.records)

    def looking() -> Service:
        if run.unasked is None:
            return look(run, standing, past)
        with closing(run.unasked()) as doors:
            return look(replace(run, doors=doors), standing, past)

    return looked_at(looking, run.within)
