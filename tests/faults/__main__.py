"""`make faults`: play schedules of faults in the model; one JSON line at the end, and a story of what broke."""

import argparse
import json
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from tests.faults.many import Sum, play_many
from tests.faults.play import measured
from tests.faults.schedule import of_seed
from tests.faults.shrinking import shrunk, story
from tests.faults.table import table

SHOWN = 5  # stories
EVERY = 500  # schedules between two words of how far it is, to a person


def main() -> int:
    options = _parser().parse_args()
    _same_order_everywhere()
    seeds = range(options.seed, options.seed + options.schedules)
    print(f"{len(seeds)} schedules, seeds {seeds.start} to {seeds.stop - 1}, in {options.jobs} processes", flush=True)
    began = time.monotonic()
    total = play_many(seeds, options.jobs, lambda so_far: _progress(so_far.schedules, len(seeds), began))
    seconds, used = round(time.monotonic() - began, 1), round(_used(), 1)
    _show(total)
    if options.table:
        options.table.write_text(table(total))
    line = {"schedules": total.schedules, "events": total.effects, "kills": total.kills}
    line |= {"violations": len(total.broken), "seed": options.seed, "seconds": seconds, "cpu_seconds": used}
    print(json.dumps(line))
    return 1 if total.broken or total.schedules != len(seeds) else 0


def _used() -> float:
    """Seconds of processors, by this process and all it waited for: about the same on a machine that is busy."""
    taken = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in taken)


def _progress(done: int, whole: int, began: float) -> None:
    if done % EVERY == 0 and sys.stderr.isatty():
        left = (time.monotonic() - began) / done * (whole - done)
        print(f"{done} of {whole}, {left / 60:.0f} min left", file=sys.stderr, flush=True)


def _show(total: Sum) -> None:
    """The first of each kind, made smaller."""
    size, shown = measured(), Counter[str]()
    for played in sorted(total.broken, key=lambda each: len(each.story)):
        kind = played.broken[0][0]
        shown[kind] += 1
        if shown[kind] == 1 and len(shown) <= SHOWN:
            schedule = of_seed(played.seed, size.effects, size.live_from)
            print(story(shrunk(schedule, kind)[1]), flush=True)
    seeds = [played.seed for played in total.broken]
    if seeds:
        print(f"broken: {dict(shown)}; to play one again: make faults SCHEDULES=1 SEED={seeds[0]}; seeds: {seeds[:50]}")


def _same_order_everywhere() -> None:
    """A seed gives the same story in every process only where sets of strings have the same order in each."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.faults", *sys.argv[1:]])  # noqa: S606 -- this program again


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--table", type=Path, help="write what was tried, and what came of it, as Markdown")
    return parser


if __name__ == "__main__":
    sys.exit(main())
