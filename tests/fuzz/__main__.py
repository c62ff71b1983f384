"""`make fuzz`: each parser for so many seconds, guided by coverage where atheris is installed; a table at the end.

Each is tried in a process of its own, which may end by any exception, take too much memory or hang. What it ended by is
kept in a file: `python -m tests.fuzz --parser NAME --again FILE` shows it once more.
"""

import argparse
import importlib.util
import logging
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutate import mutated

SLOWEST = 30  # seconds for one input: the slowest takes 2 of processor time, and the machine may be busy
MEMORY = 1024  # MiB
GUIDED = importlib.util.find_spec("atheris") is not None


def main() -> int:
    warnings.simplefilter("ignore")
    logging.disable()  # atheris names each module that it looks at
    asked = _asked()
    parsers = _imported()
    if asked.again:
        print("read" if parsers[asked.parser].try_out(asked.again.read_bytes()) else "refused in words")
        return 0
    kept = Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"{'parser':18} {'inputs':>9} {'branches':>9}")
    names = [asked.parser] if asked.parser else list(parsers)
    failed = [name for name in names if not _one(parsers[name], kept / name, asked.seconds, asked.seed)]
    if failed:
        print(f"not as it should be: {', '.join(failed)}; what they ended by is in {kept}")
    return 1 if failed else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each parser")
    parser.add_argument("--parser", metavar="NAME", help="one alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, metavar="FILE")
    return parser.parse_args()


def _imported() -> dict[str, Any]:
    """Every parser. What was imported before atheris looks is not followed, so the product is imported here."""
    if not GUIDED:
        from tests.fuzz.every import PARSERS

        return dict(PARSERS)
    import atheris

    with atheris.instrument_imports(include=["vmmigrate", "hypervisors"]):
        from tests.fuzz.every import PARSERS
    return dict(PARSERS)


def _one(parser: Any, folder: Path, seconds: int, seed: int) -> bool:
    """Whether it ended well; a line of the table."""
    folder.mkdir()
    child = os.fork()
    if child == 0:
        _speak_into(folder / "said.txt")
        try:
            (_guided if GUIDED else _unguided)(parser, folder, seconds, seed)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    said = (folder / "said.txt").read_text(errors="replace")
    ended = _why(said) if status else ""
    inputs, branches = _last(r"^#(\d+)", said), _last(r" cov: (\d+)", said)
    print(f"{parser.name:18} {inputs:9,} {branches:9,} {ended}", flush=True)
    return not status


def _speak_into(path: Path) -> None:
    with path.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)


def _guided(parser: Any, folder: Path, seconds: int, seed: int) -> None:
    """Ends the process, as libFuzzer does."""
    import atheris

    begin, grown = folder / "seeds", folder / "grown"
    for each in (begin, grown):
        each.mkdir()
    for number, data in enumerate(parser.seeds):
        (begin / str(number)).write_bytes(data)
    limits = (f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}", "-max_len=65536")
    where = (f"-seed={seed}", f"-artifact_prefix={folder}/", str(grown), str(begin))
    act: Callable[[bytes], None] = parser.try_out_quietly
    atheris.Setup([parser.name, *limits, *where], act)
    atheris.Fuzz()


def _unguided(parser: Any, folder: Path, seconds: int, seed: int) -> None:
    """Damaged at random, the same for a seed."""
    ends = time.monotonic() + seconds
    for number in count(1):
        chance = Random(f"{seed} {parser.name} {number}")  # noqa: S311 -- damage, not keys
        data = mutated(chance.choice(parser.seeds), chance)[: 1 << 16]
        (folder / "crash-last").write_bytes(data)
        parser.try_out(data)
        if time.monotonic() > ends:
            print(f"#{number}")
            return


def _last(pattern: str, said: str) -> int:
    found = re.findall(pattern, said, re.MULTILINE)
    return int(found[-1]) if found else 0


def _why(said: str) -> str:
    raised = re.findall(r"=== Uncaught Python exception: ===\n(.*)$", said, re.MULTILINE)
    ended = raised or re.findall(r"ERROR: libFuzzer: (.*)$|^(?:\w+\.)*(\w+Error\b.*)$", said, re.MULTILINE)
    return str(ended[0])[:90] if ended else "it was killed"


if __name__ == "__main__":
    sys.exit(main())
