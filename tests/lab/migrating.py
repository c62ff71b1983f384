"""The command line over the lab's real guests: its exit code and events, and what stands there then."""

import json
import subprocess
import sys
from typing import Any

from fixtures.demo.worlds import CHECKOUT, RealGuests, environment

SIGKILLED = -9
PEAK = "peak-memory"  # in the lab's folder: of each command, KiB
# Linux counts to a process the memory of the one that started it, so a small one starts the command.
_MEASURED = """
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "a") as peak:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=peak)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


def vmmigrate(guests: RealGuests, *argv: str, driver: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and events."""
    done = subprocess.run(
        (
            sys.executable,
            "-S",
            "-c",
            _MEASURED,
            str(guests.folder / PEAK),
            *guests.command(*argv, "--json", driver=driver),
        ),
        env=environment(guests),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def migrate(guests: RealGuests, driver: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]]]:
    config = str(guests.folder / "vmmigrate.toml")
    return vmmigrate(guests, guests.old_vm, guests.image, "--config", config, "--yes", driver=driver)


def run_of(events: list[dict[str, Any]]) -> str:
    return next(str(event["run_id"]) for event in events if event["event"] == "RunStarted")


def power(guests: RealGuests) -> dict[str, str]:
    """Each VM's power, by name."""
    words = [line.split() for line in guests.things() if line.startswith("vm ")]
    return {name: state for _, name, state in words}


def ended_name(guests: RealGuests) -> str:
    return next(name for name in power(guests) if name != guests.old_vm)
