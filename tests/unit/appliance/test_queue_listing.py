"""The program that lists the queues, in a real sh: a listing that breaks off is asked for again, and not for ever."""

import subprocess
from pathlib import Path

import pytest

from vmmigrate.appliance.queues import listing

LINE = '{"queue_name": "deferred"}'
BREAKS_OFF = f"""#!/bin/sh
n=$(cat "$0.asked" 2>/dev/null || echo 0)
echo $((n + 1)) >"$0.asked"
echo '{LINE}'
if test $n -lt BROKEN; then
    echo 'postqueue: fatal: malformed showq server response' >&2
    exit 69
fi
"""


def listed(folder: Path, postqueue: str) -> tuple[int, str, str]:
    """With this `postqueue`, and a `sleep` that does not."""
    for name, text in (("postqueue", postqueue), ("sleep", "#!/bin/sh\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    said = subprocess.run(listing.QUESTION, env=path, capture_output=True, text=True, check=False)
    return said.returncode, said.stdout, said.stderr


@pytest.mark.parametrize("broken", [0, 1, 5])
def test_a_listing_that_broke_off_is_asked_for_again(tmp_path: Path, broken: int) -> None:
    status, out, _ = listed(tmp_path, BREAKS_OFF.replace("BROKEN", str(broken)))
    assert (status, out) == (0, f"{LINE}\n")
    assert (tmp_path / "postqueue.asked").read_text() == f"{broken + 1}\n"


def test_one_that_always_breaks_off_fails_as_it_does(tmp_path: Path) -> None:
    status, out, errors = listed(tmp_path, BREAKS_OFF.replace("BROKEN", "1000"))
    assert (status, out) == (69, "")
    assert "malformed showq" in errors
    assert int((tmp_path / "postqueue.asked").read_text()) < 20


def test_an_empty_queue_is_an_empty_listing(tmp_path: Path) -> None:
    assert listed(tmp_path, "#!/bin/sh\n") == (0, "", "")
