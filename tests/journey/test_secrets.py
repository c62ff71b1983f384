"""No secret of the lab is ever in the clear where a run leaves anything: folder, journal, log, output, arguments."""

import base64
import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import psutil
import pytest

from fixtures.appliance import hostkey, keys, seed, sshd
from tests.journey.conftest import Tell
from tests.journey.records import number
from tests.journey.story import CHECKOUT, DONE, INTERRUPTED, KILLED, REFUSED, WENT_BACK, Story

pytestmark = pytest.mark.slow

PRIVATE: tuple[keys.PrivateKey, ...] = (
    keys.ec_key("web"),
    keys.ec_key("smtp"),
    *(keys.ec_key(email) for email in seed.USERS),
)


def secrets() -> Iterator[tuple[str, str]]:
    """Name and text of each; of a private key each line that is not common to all keys of its kind."""
    yield from seed.SECRETS.items()
    public = keys.pem(keys.ec_key("nobody's")).decode().splitlines()
    for position, key in enumerate(PRIVATE):
        for line in keys.pem(key).decode().splitlines():
            if line not in public and not line.startswith("-----"):
                yield f"private key {position}", line


def forms(text: str) -> set[bytes]:
    """As it may be written: raw, in base64 at each of three offsets, URL- and JSON-escaped, as Python shows it."""
    raw = text.encode()
    in_base64 = {base64.b64encode(b"x" * shift + raw)[-(-shift * 4 // 3) + (shift > 0) : -4] for shift in range(3)}
    texts = {text, quote(text), quote_plus(text), json.dumps(text)[1:-1], repr(text)[1:-1], raw.hex()}
    texts.add(json.dumps(text, ensure_ascii=False)[1:-1])
    return {raw, base64.b64encode(raw).rstrip(b"="), *in_base64, *(each.encode() for each in texts)}


NEEDLES = {form: name for name, text in secrets() for form in forms(text) if len(form) >= 8}


def found(data: bytes) -> list[str]:
    return sorted({name for form, name in NEEDLES.items() if form in data})


def written(story: Story) -> list[Path]:
    """All files that were written and said, each command in a guest too."""
    files = [*story.folder.glob("*.txt"), *story.lab.folder.glob(f"vms/*/{sshd.LOG}")]
    files += [path for path in (story.folder / "runs", story.folder / "told") for path in path.rglob("*")]
    return [path for path in files if path.is_file()]


def assert_kept_secret(story: Story) -> None:
    """The key's folder holds nothing but the key."""
    assert [(path.name, found(path.read_bytes())) for path in written(story) if found(path.read_bytes())] == []
    for path in [*(story.folder / "runs").rglob("*"), *(story.folder / "keys").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_search_finds_what_it_looks_for() -> None:
    text = seed.ADMIN_OLD.password
    name = "console password, old"
    for said in (
        text,
        quote(text),
        json.dumps({"password": text}),
        repr({"password": text}),
        base64.b64encode(text.encode()).decode(),
        base64.b64encode(b"admin:" + text.encode()).decode(),
        base64.b64encode(b"admin12:" + text.encode() + b"\n").decode(),
    ):
        assert found(said.encode()) == [name], said
    assert "private key 0" in found(keys.pem(keys.ec_key("web")))
    assert found(b"nothing of the kind") == []


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["lines", "json"])
def test_after_a_migration_a_switch_back_and_its_end(story: Story, flags: tuple[str, ...]) -> None:
    assert story.migrate(*flags).status == DONE
    assert {path.name for path in story.run_folder.glob("*.age")} == {"archive.age", "tls.age", "host-keys.age"}
    assert_kept_secret(story)
    assert story.rollback(*flags).status == DONE
    assert story.command("status", story.run_id, *flags).status == DONE
    assert story.finish().status == DONE
    assert_kept_secret(story)
    host_key = story.lab.root_of(story.lab.old_id).text(hostkey.HOST_KEY).splitlines()[2:-1]  # its private lines
    assert host_key
    assert [path.name for path in written(story) for line in host_key if line.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["lines", "json"])
def test_after_a_run_that_failed(tell: Tell, flags: tuple[str, ...]) -> None:
    """The console's own words are shown, but for the password that it lets slip."""
    story = tell(new={"personality": f"RefusesRestore:it cannot be read with {seed.SA_FRESH.password}, sorry"})
    told = story.migrate(*flags)
    assert told.status == WENT_BACK
    assert "it cannot be read with " in told.out + told.err
    assert_kept_secret(story)


@pytest.mark.parametrize("name", ["deploy", "import", "install-tls", "switch"])
def test_after_a_crash_and_its_rollback(story: Story, name: str) -> None:
    assert story.migrate(stop=("SIGKILL", "before", number("done", name))).status == KILLED
    assert_kept_secret(story)
    assert story.rollback().status == DONE
    assert_kept_secret(story)


def test_after_an_interrupt(story: Story) -> None:
    assert story.migrate(stop=("SIGINT", "after", number("begin", "restart"))).status == INTERRUPTED
    assert_kept_secret(story)


def test_after_refused_credentials(story: Story) -> None:
    """Passwords swapped: what is wrong for one door is right for another, and must not be shown either."""
    right = dict(story.secrets)
    story.secrets["VMMIGRATE_OLD_CONSOLE_PASSWORD"] = right["VMMIGRATE_OLD_SSH_PASSWORD"]
    story.secrets["VMMIGRATE_OLD_SSH_PASSWORD"] = right["VMMIGRATE_OLD_CONSOLE_PASSWORD"]
    assert story.plan().status == REFUSED
    assert story.migrate("--json").status == REFUSED
    story.secrets["VMMIGRATE_OLD_SSH_PASSWORD"] = right["VMMIGRATE_OLD_SSH_PASSWORD"]
    assert story.migrate().status == REFUSED
    assert_kept_secret(story)


def test_after_a_bug(story: Story) -> None:
    story.hypervisor = "Buggy"
    assert story.migrate().status != DONE
    assert "Traceback" in (story.run_folder / "log.txt").read_text()
    assert_kept_secret(story)


def test_nothing_is_in_the_arguments_of_any_process(story: Story) -> None:
    """The command line as a process of its own, with all that it starts."""
    argv = [sys.executable, "-m", "fixtures.demo.driver", "--memory", str(story.lab.folder), "--"]
    argv += ["migrate", story.lab.old_name, str(story.lab.image), "--yes"]
    process = subprocess.Popen(
        argv, cwd=CHECKOUT, env=story.environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    seen = set[str]()
    while process.poll() is None:
        seen |= set(_command_lines(psutil.Process(process.pid)))
        time.sleep(0.01)
    said = process.communicate()[0]
    assert (process.returncode, found(said)) == (DONE, [])
    assert [line for line in seen if found(line.encode())] == []


def _command_lines(process: psutil.Process) -> Iterator[str]:
    for each in (process, *process.children(recursive=True)):
        try:
            yield "\0".join(each.cmdline())
        except psutil.NoSuchProcess:
            continue
