"""How long a person waits for `vmmigrate --help`; the peer is pip, a command line that everybody knows."""

import subprocess
import sys

from benchmarks.figure import Figure, in_turn


def measure() -> Figure:
    def ours() -> None:
        _run("-c", "from vmmigrate.cli import main; main()", "--help")

    ours_s, peer_s = in_turn(ours, lambda: _run("-m", "pip", "--help"), rounds=7)
    return Figure("help_seconds", round(ours_s, 3), "s", "pip --help", round(peer_s / ours_s, 3))


def _run(*argv: str) -> None:
    subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.DEVNULL)
