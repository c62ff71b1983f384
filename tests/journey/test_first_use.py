"""The transcript in docs/first-use.md is what a first use shows: played in the process lab and compared line by line.

`make docs` writes it anew; the words around it are written by hand.
"""

import os
import re
from collections.abc import Callable
from textwrap import fill

import pytest

from tests.journey.conftest import Tell
from tests.journey.played import Answer, Played, play
from tests.journey.story import ATTENTION, CHECKOUT, DONE, Story

pytestmark = pytest.mark.slow

PAGE = CHECKOUT / "docs" / "first-use.md"
FENCE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def folded(seen: re.Match[str]) -> str:
    """A line of the plan's list, folded as it is with the addresses of the page: those of the lab are longer."""
    head, things = seen[0][:16], " ".join(seen[0][16:].split())
    return fill(things, 100, initial_indent=head, subsequent_indent=" " * 18, break_on_hyphens=False)


# What differs from run to run, and what stands for it in the page.
VARIES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"\d{8}-\d{6}-[0-9a-f]{4}", "20261122-133919-9268"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "6c2c9c9e-8d0f-4c4e-9d0e-3f1f5a6f0b11"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:NUkyzTvIZfGTdlzBsNVBz5Z6d2W1nDj5Mn0o3Y1xT0M"),
    (r"ssh-ed25519 [A-Za-z0-9+/=]{60,}", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG…"),
    (r"SHA-256 [0-9a-f]{16}", "SHA-256 0123456789abcdef"),
    (r"\b20\d\d-\d\d-\d\d\b", "2026-11-22"),
    (r"\b\d\d:\d\d:\d\d UTC", "13:41:07 UTC"),
    (r"outage \d+\.\d s", "outage 0.1 s"),
    (
        r"(seen from this workstation: ).*",
        r"\1smtp:25 did not answer for 0.6 s; starttls:25 answered all the time; https:8443 answered all the time",
    ),
    (r" +\d+\.\d s$", lambda seen: "0.1 s".rjust(len(seen[0]))),
    (r"^ {2}(kept|changed|dropped|not possible) .*(\n {18}\S.*)*", folded),
    (r"\(raw, [\d.]+ [KM]iB,", "(raw, 1.0 MiB,"),
)


def places(story: Story) -> dict[str, str]:
    """Addresses and folders of this lab, and what stands for them."""
    lab = story.lab
    return {
        str(lab.image): "ciphermail-5.5.img",
        str(story.folder / "config"): "/home/you/.config",
        str(story.folder / "runs"): "/home/you/.local/state/vmmigrate/runs",
        str(story.folder): "/home/you",
        lab.lan_net: "192.0.2.",
        lab.staging_net: "198.51.100.",
    }


def normal(text: str, story: Story) -> str:
    for seen, shown in places(story).items():
        text = text.replace(seen, shown)
    for pattern, shown in VARIES:
        text = re.sub(pattern, shown, text, flags=re.MULTILINE)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def environ(story: Story) -> dict[str, str]:
    """Nothing is said but where this machine's folders are, and how patient the lab is."""
    named = {"RUNS_FOLDER": "runs", "KEYS_FOLDER": "keys"}
    folders = {f"VMMIGRATE_{name}": str(story.folder / folder) for name, folder in named.items()}
    limits = {"DRAIN": "0.3", "NETWORK": "20", "BOOT": "30", "RESTART": "30", "ANSWER": "10"}
    return {
        "HOME": str(story.folder),
        "XDG_CONFIG_HOME": str(story.folder / "config"),
        **folders,
        **{f"VMMIGRATE_LIMITS__{name}": value for name, value in limits.items()},
    }


def init_answers(story: Story) -> list[Answer]:
    lab = story.lab
    return [
        ("Hypervisor URL [qemu:///system]: ", ""),
        (f"Address of mailgw [{lab.address}]: ", ""),
        ("Its SSH port [22]: ", str(lab.ssh_port)),
        ("SSH user [sa]: ", ""),
        ("Log in by [1]: ", ""),
        ("Password of sa: ", "not the right one"),
        ("SSH user [sa]: ", ""),
        ("Log in by [1]: ", ""),
        ("Password of sa: ", lab.sa_old.password),
        ("Its SMTP port [25]: ", str(lab.smtp_port)),
        ("Console user [admin]: ", ""),
        ("Console password of admin: ", lab.admin_old.password),
        ("Staging network [1]: ", ""),
        ("Storage pool [1]: ", ""),
        ("SSH user in the new image [sa]: ", ""),
        ("SSH port in the new image [22]: ", str(lab.ssh_port)),
        ("Console user in the new image [admin]: ", ""),
        ("Passwords [1]: ", ""),
        ("Write it to vmmigrate.toml? (yes or no) [yes]: ", ""),
    ]


def run_answers(story: Story) -> list[Answer]:
    lab = story.lab
    return [
        (f"SSH password of sa on the old gateway {lab.address} (old.ssh.password): ", lab.sa_old.password),
        (
            f"console password of admin on the old gateway {lab.address} (old.console.password): ",
            lab.admin_old.password,
        ),
        ("Replace mailgw now? [y/N]: ", "y"),
        ("SSH password of sa on the new VM (new.ssh.password): ", lab.sa_fresh.password),
        ("console password of admin on the new VM (new.console.password): ", lab.admin_fresh.password),
    ]


def transcript(story: Story) -> list[str]:
    """What stands on the screen: init, plan, the run."""
    image = str(story.lab.image)
    commands: list[tuple[list[str], list[Answer], int]] = [
        (["init", "mailgw"], init_answers(story), DONE),
        (["plan", "mailgw", image], run_answers(story)[:2], DONE),
        (["mailgw", image], run_answers(story), ATTENTION),
    ]
    shown = [_block(story, *command) for command in commands]
    accepted = ["resume", story.run_id, "--accept", "main-cf,maps,first-password"]
    old_ssh, old_console, _, new_ssh, new_console = run_answers(story)
    return [*shown, _block(story, accepted, [old_ssh, new_ssh, old_console, new_console], DONE)]


def _block(story: Story, argv: list[str], answers: list[Answer], status: int) -> str:
    played: Played = play(story, answers, *argv, environ=environ(story))
    assert played.status == status, played.screen
    return normal(f"$ vmmigrate {' '.join(argv)}\n{played.screen}", story)


def test_the_page_shows_what_a_first_use_shows(tell: Tell) -> None:
    story = tell()
    blocks = transcript(story)
    page = PAGE.read_text()
    if os.environ.get("VMMIGRATE_WRITE_DOCS"):
        fresh = iter(blocks)
        page = FENCE.sub(lambda _: f"```console\n{next(fresh)}```", page)
        PAGE.write_text(page)
    assert FENCE.findall(page) == blocks


def test_what_the_conversation_wrote_is_for_its_owner_alone_and_holds_no_secret(tell: Tell) -> None:
    story = tell()
    play(story, init_answers(story), "init", "mailgw", environ=environ(story))
    file = story.folder / "vmmigrate.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert [name for name, secret in story.lab.secrets.items() if secret in text and len(secret) > 5] == []
