"""What kills a package tool before its time is not our time-out."""

import subprocess
from collections.abc import Sequence

import pytest

from vmmigrate.appliance.port import Result
from vmmigrate.errors import CommandFailed
from vmmigrate.updating import patience
from vmmigrate.updating.patience import patiently


class Here:
    """This machine, by its real timeout(1)."""

    host = "mailgw"

    def run(self, argv: Sequence[str], *, user: str, check: bool, timeout: float) -> Result:
        done = subprocess.run(argv, capture_output=True, text=True, check=check, timeout=timeout)
        return Result(done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("check", [True, False])
def test_what_the_kernel_killed_did_not_run_out_of_time(check: bool) -> None:
    with pytest.raises(CommandFailed, match=r"`sh` was killed there \(SIGKILL\)") as raised:
        patiently(Here(), ("sh", "-c", "kill -9 $$"), check=check)  # type: ignore[arg-type]
    assert "minutes" not in str(raised.value)
    assert "journalctl -k" in raised.value.hint


def test_of_much_that_it_says_the_end_is_shown() -> None:
    """dpkg says a line for each package before it says why it failed."""
    script = "seq 9999 >&2; echo 'no space left on device' >&2; exit 2"
    with pytest.raises(CommandFailed, match=r"ended with status 2: ….* 9999 · no space left on device$"):
        patiently(Here(), ("sh", "-c", script))  # type: ignore[arg-type]


def test_what_ignores_its_end_ends_with_what_it_was_started_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's script, when dpkg has ended: its output is at its end too, so nothing of it is left."""
    monkeypatch.setattr(patience, "PATIENCE", 1)
    with pytest.raises(CommandFailed, match="did not end within"):
        patiently(Here(), ("sh", "-c", "sh -c 'trap \"\" TERM; sleep 60' & wait"))  # type: ignore[arg-type]
