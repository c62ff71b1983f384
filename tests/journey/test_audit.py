"""The audit of whole runs against what the stand-ins saw: every change of either machine appears, and nothing else."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.appliance import mailspool, sshd
from tests.journey.odd_hypervisors import Watched
from tests.journey.story import DONE, Story

READS_ONLY = {"note-old", "export", "collect-tls", "verify", "verify-live"}  # steps that change neither machine


def watched(story: Story) -> Story:
    story.hypervisor = Watched.__name__
    for log in (Watched.LOG, sshd.ALTERED):
        (story.lab.folder / log).touch()
    return story


def audited(story: Story) -> list[dict[str, Any]]:
    """The acts of the audit."""
    said = story.command("audit", story.run_id, "--json")
    assert (said.status, said.err) == (DONE, "")
    return list(json.loads(said.out)["acts"])


def logged(story: Story, name: str) -> Iterator[Any]:
    yield from map(json.loads, (story.lab.folder / name).read_text().splitlines())


def of_guests(each: dict[str, Any]) -> bool:
    return each["after"].startswith(("ended with", "did not end"))


def in_line(what: str, line: str) -> bool:
    """Whether that is one of the commands of a line."""
    plain, words = _bare(line), _bare(what).split()
    if words[0] == "install":
        return "conv=fsync" in plain and all(path.rsplit("/", 1)[-1] in plain for path in words[1:])
    return _bare(what)[:250] in plain


def _bare(text: str) -> str:
    """Without quotes, which differ by how deep it stands in the line, and ends of lines."""
    return " ".join(re.sub("['\"\\\\·]", " ", text).split())


def compare(story: Story, lines: list[tuple[bool, str]]) -> None:
    """`lines`: all commands of both guests, and of which."""
    old, acts = story.lab.old_id, audited(story)
    made = [each for act in acts for each in act["made"]]
    assert not [each for act in acts for each in act["made"] if act["step"] in READS_ONLY]

    seen = Counter((vm == old, what) for vm, what in logged(story, Watched.LOG))
    assert Counter((each["vm"] == "old", each["what"]) for each in made if not of_guests(each)) == seen

    commands = [each for each in made if of_guests(each)]
    for entry in logged(story, sshd.ALTERED):
        its = [each for each in commands if (each["vm"] == "old") == (entry["vm"] == old)]
        assert any(in_line(each["what"], entry["line"]) for each in its), entry
    for each in commands:
        assert any(in_line(each["what"], line) for of_old, line in lines if of_old == (each["vm"] == "old")), each


def lines_of(story: Story) -> list[tuple[bool, str]]:
    """They are gone with a machine that is deleted."""
    logs = ((log.parent.name == story.lab.old_id, log) for log in story.lab.folder.glob(f"vms/*/{sshd.LOG}"))
    return [(of_old, json.loads(line)["line"]) for of_old, log in logs for line in log.read_text().splitlines()]


@pytest.mark.slow
def test_a_run_that_goes_back_and_is_finished(story: Story) -> None:
    root = watched(story).lab.root_of(story.lab.old_id)
    mailspool.put(root, "alice@example.test", ["bob@partner.example.net"], "hello", stuck=True)
    lines = []
    for act in (lambda: story.migrate(mail={"queue": "carry"}), story.rollback, story.finish):
        said = act()
        assert said.status == DONE, said.err
        lines += lines_of(story)
    compare(story, lines)


@pytest.mark.slow
def test_a_run_that_is_finished(story: Story) -> None:
    assert watched(story).migrate().status == DONE
    assert story.finish().status == DONE
    compare(story, lines_of(story))
    shown = story.command("audit", story.run_id).out
    assert "power: running → off" in shown
