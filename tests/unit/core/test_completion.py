"""The shell's completion: commands, options, RUN ids; quick, because it runs at each press of Tab."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_architecture import HEAVY, loaded

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("vmmigrate")
BASH = shutil.which("bash")
RUNS = ("20261122-133919-9268", "20261123-080000-0001")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for run in RUNS:
        (tmp_path / run).mkdir()
        (tmp_path / run / "journal.jsonl").touch()
    (tmp_path / "20261124-begun").mkdir()  # no journal: no run
    return tmp_path


def completed(runs: Path, *words: str) -> list[str]:
    """What `vmmigrate WORDS` followed by Tab offers, asked as bash's script asks it."""
    asked = {"COMP_WORDS": "\n".join(["vmmigrate", *words]), "COMP_CWORD": str(len(words))}
    environ = {**os.environ, **asked, "_VMMIGRATE_COMPLETE": "complete_bash", "VMMIGRATE_RUNS_FOLDER": str(runs)}
    done = subprocess.run([PROGRAM], env=environ, capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_commands(runs: Path) -> None:
    assert completed(runs, "re") == ["rehearse", "resume"]
    assert {"init", "plan", "doctor", "config"} <= set(completed(runs, ""))


def test_commands_of_a_command(runs: Path) -> None:
    assert completed(runs, "config", "") == ["template", "schema", "check"]


def test_options_that_two_commands_share(runs: Path) -> None:
    assert completed(runs, "plan", "--sta") == completed(runs, "migrate", "--sta") == ["--staging"]


@pytest.mark.parametrize("command", ["resume", "status"])
def test_runs_the_newest_first(runs: Path, command: str) -> None:
    assert completed(runs, command, "") == [RUNS[1], RUNS[0]]


def test_runs_that_begin_so(runs: Path) -> None:
    assert completed(runs, "rollback", "20261122") == [RUNS[0]]


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="there is no bash here")
def test_bash_takes_the_script_that_is_installed(runs: Path, tmp_path: Path) -> None:
    """`--install-completion` into a home of its own; then bash itself completes by it."""
    home = tmp_path / "home"
    home.mkdir()
    assert BASH is not None
    environ = {**os.environ, "HOME": str(home), "SHELL": BASH, "VMMIGRATE_RUNS_FOLDER": str(runs)}
    environ["PATH"] = f"{PROGRAM.parent}:{environ['PATH']}"
    install = [BASH, "--norc", "-c", "vmmigrate --install-completion; exit $?"]  # typed in a bash, which it asks for
    done = subprocess.run(install, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    script = """\
source "$HOME/.bashrc"
COMP_WORDS=(vmmigrate resume 20261123) COMP_CWORD=2
handler=$(complete -p vmmigrate | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$handler" vmmigrate
printf '%s\\n' "${COMPREPLY[@]}"
"""
    asked = [BASH, "--norc", "-c", script]
    done = subprocess.run(asked, env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == ([RUNS[1]], "")


def test_it_loads_nothing_heavy() -> None:
    asked = {"_VMMIGRATE_COMPLETE": "complete_bash", "COMP_WORDS": "vmmigrate\nresume\n", "COMP_CWORD": "2"}
    run = f"import os\nos.environ.update({asked})\n"
    run += "sys.argv = ['vmmigrate']\nfrom vmmigrate.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert loaded(run) & (HEAVY - {"pydantic"}) == set()
