"""The MAC addresses of all machines, read narrowly: in a fifth of the time and bytes of their whole hardware.

Complete: vSphere numbers a machine's cards from 4000 on, ten at most, and what is passed through from 13000 on. Each of
those is asked for by a path of its own, with the server's own count of the cards. A machine of which another number
came is read whole, and so is every machine of a server that knows no such paths.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pyVmomi import vim

from hypervisors.vmware import properties, reading
from hypervisors.vmware.properties import Properties, Row
from hypervisors.vmware.session import Session

_COUNT = "summary.config.numEthernetCards"
_SLOTS = tuple(f"config.hardware.device[{key}]" for key in (*range(4000, 4010), *range(13000, 13016)))
_SHORTLY = 10.0  # seconds


@dataclass(frozen=True)
class _Listing:
    """By machine the MACs of its cards; None if not all came. `read_at`: monotonic seconds."""

    read_at: float
    macs: Mapping[vim.VirtualMachine, Collection[str] | None]


def that_may_have(
    session: Session, macs: frozenset[str], paths: Sequence[str], *, lately: bool = False
) -> Sequence[Row]:
    """`paths` of each machine in every datacenter that has one of these MACs, and of each whose cards did not all come.

    `lately`: the MACs as read in the last seconds will do. One of which nothing comes any more has an empty row:
    only a look at it alone says whether it is gone.
    """
    listing = session.cards
    if not (lately and isinstance(listing, _Listing) and time.monotonic() - listing.read_at < _SHORTLY):
        session.cards = listing = _listed(session)
    found = [thing for thing, theirs in listing.macs.items() if theirs is None or not macs.isdisjoint(theirs)]
    rows = properties.of_each(session, found, paths, "the virtual machines")
    silent = set(found).difference(thing for thing, _ in rows)
    return [*rows, *((thing, Properties.unread("a virtual machine")) for thing in silent)]


def _listed(session: Session) -> _Listing:
    rows = properties.of_all_keyed(session, vim.VirtualMachine, (_COUNT,), _SLOTS, session.content.rootFolder)
    return _Listing(time.monotonic(), {thing: _macs(row) for thing, row in rows})


def _macs(row: Properties) -> frozenset[str] | None:
    cards = reading.cards_of(row[path] for path in _SLOTS if path in row)
    return frozenset(map(reading.mac_of, cards)) if len(cards) == row.get(_COUNT) else None
