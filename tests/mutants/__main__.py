"""Try each mutant of the product on a copy of the tree, and say which test caught it: `make mutants`."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tests.mutants.reached import tests_by_mutant

CHECKOUT = Path(__file__).parents[2]
PRODUCT = ("vmmigrate", "hypervisors")
PATIENCE = 1800.0  # seconds for one group of tests: a mutant may wait for ever
MOST = 300  # tests that come to a mutant's place are tried before any group
AT_ONCE = 2

Group = tuple[str, ...]

FAULTS: Group = ("tests/faults",)
UNIT: Group = ("tests/unit", "tests/test_architecture.py")
CONTRACT: Group = ("tests/contract", "tests/unit/hypervisors", "-m", "not lab and not vsphere")
STORIES: tuple[Group, ...] = (
    ("tests/journey/test_straight.py", "tests/journey/test_refusals.py"),
    ("tests/journey", "-m", "not vsphere"),
    ("tests/integration", "-m", "not vsphere"),
)
VSPHERE: tuple[Group, ...] = (
    ("tests/contract", "tests/integration", "-m", "vsphere"),
    ("tests/journey/vsphere",),
)
# By a part of the changed file's path: where it is likely to be noticed soonest. Those that name it come before.
ORDER: dict[str, tuple[Group, ...]] = {
    "steps": (FAULTS, *STORIES, UNIT),
    "kvm": (CONTRACT, *STORIES, UNIT),
    "vmware": (*VSPHERE, UNIT),
    "": (UNIT, *STORIES, CONTRACT),
}


@dataclass(frozen=True)
class Mutant:
    """One change: `old`, which the product has once, becomes `new`."""

    name: str
    area: str
    old: str
    new: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """`test`: the first that failed; '' where all passed. `trouble`: why it was not tried."""

    test: str
    seconds: float
    trouble: str = ""


def mutants(path: Path) -> list[Mutant]:
    return [Mutant(**each) for each in tomllib.loads(path.read_text())["mutant"]]


def product(tree: Path) -> dict[Path, str]:
    """Its files' texts."""
    return {path: path.read_text() for room in PRODUCT for path in sorted((tree / room).rglob("*.py"))}


def place_of(mutant: Mutant, texts: Mapping[Path, str]) -> Path:
    """The file that has its text. Raises LookupError where none or several have it, or one twice."""
    found = [path for path, text in texts.items() for _ in range(text.count(mutant.old))]
    if len(found) != 1:
        raise LookupError(f"NOT TRIED: the product has its text {len(found)} times")
    return found[0]


def nearest(place: Path, tree: Path) -> list[str]:
    """The tests that name the changed file's module."""
    module = ".".join(place.relative_to(tree).with_suffix("").parts)
    parent, _, name = module.rpartition(".")
    named = re.compile(rf"\b{re.escape(module)}\b|from {re.escape(parent)} import [^\n]*\b{name}\b")
    return [
        str(path.relative_to(tree))
        for path in sorted((tree / "tests").rglob("test_*.py"))
        if named.search(path.read_text())
    ]


def run(tree: Path, arguments: Sequence[str]) -> str | None:
    """The first test that failed; None where all passed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, check=False, cwd=tree, env=environ, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"(hung in {arguments[0]})"
    if done.returncode in (0, 5):  # 5: none was chosen
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return failed[1] if failed else done.stdout[-300:] + done.stderr[-300:]


def judged(mutant: Mutant, tree: Path, reached: Sequence[str], only: Sequence[str], *, quick: bool) -> Verdict:
    """With the change made, and taken back afterwards."""
    try:
        place = place_of(mutant, product(tree))
    except LookupError as error:
        return Verdict("", 0.0, str(error))
    text, started = place.read_text(), time.monotonic()
    place.write_text(text.replace(mutant.old, mutant.new))
    groups = _groups(place, tree, reached, only, quick=quick)
    try:
        failed = next(filter(None, (run(tree, group) for group in groups)), "")
    finally:
        place.write_text(text)
    trouble = f"FAILS WITHOUT IT TOO: {failed}" if failed and run(tree, (failed,)) == failed else ""
    return Verdict("" if trouble else failed, time.monotonic() - started, trouble)


def _groups(
    place: Path, tree: Path, reached: Sequence[str], only: Sequence[str], *, quick: bool
) -> Iterator[tuple[str, ...]]:
    if only:
        yield (*only, "-m", "not lab")
        return
    near = nearest(place, tree)
    if reached:
        yield tuple(sorted(reached, key=lambda test: test.partition("::")[0] not in near)[:MOST])
    elif near:
        yield (*near, "-m", "not lab and not slow and not vsphere")
    if not quick:
        yield from ORDER[next((part for part in place.parts if part in ORDER), "")]


def copied(source: Path, folder: Path) -> Path:
    """What Git knows of the tree, as it is now."""
    listed = subprocess.run(("git", "ls-files"), cwd=source, check=True, capture_output=True, text=True).stdout
    for name in filter(lambda name: (source / name).is_file(), listed.splitlines()):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=CHECKOUT, help="the checkout to take a copy of")
    parser.add_argument("--only", nargs="*", default=[], help="these tests alone")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only quick tests: those that come to the change, else those that name its file",
    )
    parser.add_argument("names", nargs="*", help="these mutants alone")
    given = parser.parse_args()
    known = mutants(Path(__file__).with_name("mutants.toml"))
    chosen = [each for each in known if not given.names or each.name in given.names]
    with tempfile.TemporaryDirectory(prefix="vmmigrate-mutants-") as folder:
        trees: Queue[Path] = Queue()
        for number in range(AT_ONCE):
            trees.put(copied(given.tree, Path(folder, f"tree{number}")))
        reached = {} if given.only else _reached(given.tree, Path(folder), chosen)

        def judge(mutant: Mutant) -> bool:
            tree = trees.get()
            verdict = judged(mutant, tree, reached.get(mutant.name, ()), given.only, quick=given.quick)
            trees.put(tree)
            said = verdict.test or verdict.trouble or "NOT CAUGHT"
            print(f"| {mutant.name} | {mutant.area} | {said} | {verdict.seconds:.0f} s |", flush=True)
            return bool(verdict.test)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            caught = sum(pool.map(judge, chosen))
    print(f"{caught} of {len(chosen)} caught")
    return 0 if caught == len(chosen) else 1


def _reached(source: Path, folder: Path, chosen: Sequence[Mutant]) -> dict[str, list[str]]:
    tree, notes = copied(source, folder / "marked"), folder / "reached"
    notes.mkdir()
    places: dict[str, tuple[Path, str]] = {}
    for mutant in chosen:
        with suppress(LookupError):
            places[mutant.name] = place_of(mutant, product(tree)), mutant.old
    return tests_by_mutant(tree, places, notes)


if __name__ == "__main__":
    sys.exit(main())
