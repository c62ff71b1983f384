"""A reader that leaves, as `head` does: nothing fails by it, and the exit code stays the act's own."""

import os
import subprocess
import sys

import pytest

from tests.journey.story import CHECKOUT, DONE, Story

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", [["plan"], ["plan", "--json"], ["migrate", "--yes"]], ids=" ".join)
def test_a_reader_that_left_is_not_missed(story: Story, command: list[str]) -> None:
    assert unread(story, *command, "mailgw", str(story.lab.image)) == (DONE, "")
    assert story.live() == (["new"] if "migrate" in command else ["old"])


def unread(story: Story, *argv: str) -> tuple[int, str]:
    """Exit code and standard error of a command whose standard output is a pipe without a reader."""
    ours, its = os.pipe()
    os.close(ours)
    driver = [sys.executable, "-m", "fixtures.demo.driver", "--memory", str(story.lab.folder), "--", *argv]
    ended = subprocess.run(
        driver, check=False, cwd=CHECKOUT, env=story.environ(), stdout=its, stderr=subprocess.PIPE, text=True
    )
    os.close(its)
    return ended.returncode, ended.stderr
