"""What a command does to its own process: what it says, writes and leaves behind is for its user alone."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

_LOOK = """
import logging, os, resource
from vmmigrate.commands.execute import carry_out

def act(parts, settings):
    logging.getLogger("a.library").error("words of a hostile page\\x1b[2J")
    print(oct(os.umask(0)), resource.getrlimit(resource.RLIMIT_CORE)[0])

carry_out(act, json=False)
"""


def test_files_dumps_and_what_libraries_say() -> None:
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0o77 0\n", "")
