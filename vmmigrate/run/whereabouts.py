"""Find the new guest again after its address on staging changed: it is the machine that shows the pinned host key."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hypervisors import Hypervisor, Problem
from vmmigrate.appliance.urls import at_host, host_of
from vmmigrate.facts import NewGuest, NewVm

if TYPE_CHECKING:
    from vmmigrate.run.stage import Run

_LOOK = 3.0  # seconds for one answer


def leases(hypervisor: Hypervisor, new: NewVm) -> tuple[str, ...]:
    """The addresses that the hypervisor reports for the staging NIC, IPv4 first; a stale one may be among them."""
    found = [each.address for each in hypervisor.addresses(new.vm) if each.mac == new.staging_mac]
    return tuple(sorted(found, key=is_ipv6))


def is_ipv6(address: str) -> bool:
    return ":" in address


def elsewhere(run: "Run", tried: str) -> str:
    """The address where the new guest answers, other than `tried`; "" where none is found."""
    for address in _known(run):
        if address != tried:
            with suppress(Problem):  # nobody there, or another machine
                if run.is_new_guest(run.new_host_key(address, timeout=_LOOK)):
                    return address
    return ""


def at(guest: NewGuest, address: str) -> NewGuest:
    """The same guest, reached there."""
    same = host_of(guest.console_url) == guest.staging_address
    url = at_host(guest.console_url, address) if same else guest.console_url
    return replace(guest, staging_address=address, console_url=url)


def _known(run: "Run") -> Iterator[str]:
    """Where it may be: as set now, as learnt, as the hypervisor reports."""
    if run.settings.new.staging_address:
        yield run.settings.new.staging_address
    new, guest = run.facts.last(NewVm), run.facts.last(NewGuest)
    if guest is not None:
        yield guest.staging_address
    if new is not None:
        with suppress(Problem):
            yield from leases(run.hypervisor, new)
