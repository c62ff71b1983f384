"""At a real terminal: Ctrl-C and Ctrl-D leave, no password shows, a question stays to be seen; without: refused."""

import gzip
import os

import pytest

from tests.journey.played import CTRL_C, CTRL_D, play
from tests.journey.story import DONE, INTERRUPTED, REFUSED, Story
from tests.journey.test_first_use import environ, init_answers, run_answers

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


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize("command", ["migrate", "import"])
def test_leaving_a_question_changes_nothing(story: Story, key: str, command: str) -> None:
    """Neither a yes nor a no: interrupted."""
    before = story.everything()
    played = play(story, [(QUESTIONS[command], key)], *asking(story, command), environ=story.environ())
    assert played.status == INTERRUPTED
    assert played.screen.endswith("\nerror: interrupted\n  → nothing was changed\n")
    assert (story.everything(), story.run_ids) == (before, [])


@pytest.mark.parametrize("command", ["migrate", "import"])
def test_a_no_is_an_answer(story: Story, command: str) -> None:
    before = story.everything()
    answers = [(QUESTIONS[command], "maybe"), (QUESTIONS[command], "n")]
    played = play(story, answers, *asking(story, command), environ=story.environ())
    assert played.status == REFUSED
    assert "\nanswer y or n\n" in played.screen
    assert played.screen.endswith("\nnothing was changed\n")
    assert (story.everything(), story.run_ids) == (before, [])


QUESTIONS = {"migrate": "Replace mailgw now? [y/N]: ", "import": "at 192.0.2.1; this cannot be undone [y/N]: "}


def asking(story: Story, command: str) -> list[str]:
    archive = story.folder / "backup.gz"
    archive.write_bytes(gzip.compress(os.urandom(500)))
    words = {"migrate": ["mailgw", str(story.lab.image)], "import": ["backup", "import", "192.0.2.1", str(archive)]}
    return words[command]


def test_a_question_is_not_wiped_out_by_what_moves(story: Story) -> None:
    """Where it is asked the cursor is shown, which a moving line hides."""
    answers, story.secrets = run_answers(story)[:2], {}
    given = {**story.environ(), "TERM": "xterm"}
    played = play(story, answers, "plan", "mailgw", str(story.lab.image), environ=given)
    assert played.status == DONE
    for question, _ in answers:
        before = played.screen[: played.screen.index(question)]
        assert before.rindex("\x1b[?25h") > before.rindex("\x1b[?25l")


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
