"""How long nobody greets at a gateway's address in a switch of real guests, and in a way back before the commit.

Asked from a third host of the lab: 0.1 s between two questions, each waits for a second at most. One prepared run is
switched again and again. The peer is the bar: 10 s without a greeting, 5 s from the old VM's link-up to its greeting.
"""

import os
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import libvirt

from benchmarks.figure import Figure
from fixtures import lab as labs
from fixtures.demo.prepared import Prepared, prepared
from fixtures.lab import namespace, third_host
from fixtures.lab.places import OLD_ADDRESS

ROUNDS, WITHOUT_MAIL, BACK = 5, 10.0, 5.0  # the bars are seconds


def measure() -> Iterator[Figure]:
    """Nothing without root or libvirt."""
    if os.geteuid() != 0 or not shutil.which("libvirtd"):
        return
    place = labs.folders()
    was_up = namespace.is_alive(place)
    try:
        with prepared(labs.up(place, lambda _: None)) as run:
            yield from of(run)
    finally:
        if not was_up:
            labs.down(place)


def of(run: Prepared) -> Iterator[Figure]:
    gaps = [_without_a_greeting(run) for _ in range(ROUNDS)]
    yield _figure("outage_smtp_seconds", gaps, WITHOUT_MAIL)
    yield _figure("rollback_seconds", [_back(run) for _ in range(ROUNDS)], BACK)


def _figure(name: str, seconds: list[float], bar: float) -> Figure:
    median = statistics.median(seconds)
    listed = ", ".join(f"{each:.1f}" for each in seconds)
    return Figure(name, round(median, 2), "s", f"{bar:.0f} s at most ({listed})", round(bar / median, 2))


def _without_a_greeting(run: Prepared) -> float:
    run.restore()
    with third_host.running(labs.folders(), "fixtures.lab.greeted", OLD_ADDRESS) as asked:
        _ended(run("cutover", "--yes"), 0)
        time.sleep(1)
    greeted: list[float] = asked["greeted"]
    return max(after - before for before, after in pairwise(greeted))


def _back(run: Prepared) -> float:
    """From the old VM's link-up to the first greeting after it."""
    run.restore()
    _ended(run("cutover", "--yes", driver=("--after", "done", "verify-live", "SIGKILL")), -9)
    with (
        third_host.running(labs.folders(), "fixtures.lab.greeted", OLD_ADDRESS) as asked,
        _link_up(run) as plugged,
    ):
        _ended(run("rollback", "--scope", "switch", "--yes"), 0)
        time.sleep(1)
    greeted: list[float] = asked["greeted"]
    return next(at for at in greeted if at > plugged[0]) - plugged[0]


def _ended(told: tuple[int, str], code: int) -> None:
    if told[0] != code:
        raise AssertionError(told[1][-4000:])


@contextmanager
def _link_up(run: Prepared) -> Iterator[list[float]]:
    """When the old VM's link was first seen up, as the hypervisor says."""
    seen, over = list[float](), threading.Event()

    def look() -> None:
        while not over.wait(0.05) and not seen:
            with suppress(libvirt.libvirtError):
                if _is_up(run):
                    seen.append(time.monotonic())

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def _is_up(run: Prepared) -> bool:
    xml = run.old.domain.XMLDesc()
    return "<link state='down'/>" not in xml
