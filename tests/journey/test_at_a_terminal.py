"""What `init` does with a real terminal: Ctrl-C and Ctrl-D leave, passwords do not show, without one it refuses."""

import pytest

from tests.journey.played import CTRL_C, CTRL_D, play
from tests.journey.story import DONE, INTERRUPTED, REFUSED, Story
from tests.journey.test_first_use import environ, init_answers

pytestmark = pytest.mark.slow

FIRST = "Hypervisor URL [qemu:///system]: "
PASSWORD = "Password of sa: "


def files(story: Story) -> list[str]:
    return [path.name for path in story.folder.rglob("*") if path.suffix in (".toml", ".part", ".bak")]


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize("question", [FIRST, PASSWORD], ids=["question", "password"])
def test_leaving_writes_nothing(story: Story, key: str, question: str) -> None:
    answers = init_answers(story)
    upto = [asked for asked, _ in answers].index(question)
    played = play(story, [*answers[:upto], (question, key)], "init", "mailgw", environ=environ(story))
    assert played.status == INTERRUPTED
    assert played.screen.endswith("error: interrupted\n  → nothing was changed\n")
    assert [name for name in files(story) if "vmmigrate" in name] == []


def test_no_password_shows(story: Story) -> None:
    played = play(story, init_answers(story), "init", "mailgw", environ=environ(story))
    assert played.status == DONE
    assert "not the right one" not in played.screen
    assert story.lab.sa_old.password not in played.screen
    assert story.lab.admin_old.password not in played.screen


def test_without_a_terminal_it_refuses(story: Story) -> None:
    told = story.command("init", "mailgw")
    assert (told.status, told.out) == (REFUSED, "")
    assert told.err == (
        "error: init asks questions, and there is no terminal to answer them\n"
        "  → run it in a terminal, or write the file by hand: vmmigrate config template > vmmigrate.toml\n"
    )
