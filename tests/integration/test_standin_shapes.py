"""The switches of the stand-in's shape: each changes what is served, and a person can work whatever they make."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shape_table import Row, rows
from shaped_console import Roots, shaped_roots, unused_address  # noqa: F401 -- a fixture
from standin_operator import Operator, comparable

from fixtures.appliance import config, queue_pages, root, seed, shapes
from fixtures.appliance.files import Root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
RESTORED = ["The backup has been restored. The system needs to be restarted."]
OF_QUEUES = ("queues", "entries", "empty")  # pages that nobody needs for a backup
VARIED = [(name, value) for name, values in shapes.VALUES.items() for value in values[1:] if name not in OF_QUEUES]
OF_LISTS = [(name, value) for name in OF_QUEUES for value in shapes.VALUES[name][1:] if value not in ("pages", "none")]


def work(roots: Roots, shape: dict[str, Any], *, port: int = 8443, password: str = "") -> tuple[str, list[str]]:
    """A person exports from an old console and restores into a fresh one: all they saw, and what they were told."""
    with roots.old(shape, port=port) as old, roots.fresh(shape, port=port) as fresh:
        here = Operator(old.address, port, old.account.user, old.account.password)
        there = Operator(fresh.address, port, fresh.account.user, fresh.account.password)
        answer = here.export(password)
        told = there.restore(answer.content, password)
        assert fresh.database == old.database
        return comparable(here.seen + there.seen), told


@pytest.fixture(scope="module")
def default(shaped_roots: Roots) -> str:  # noqa: F811
    return work(shaped_roots, {})[0]


def test_a_shape_is_the_same_each_time(shaped_roots: Roots, default: str) -> None:  # noqa: F811
    assert work(shaped_roots, {})[0] == default


@pytest.mark.parametrize(("name", "value"), VARIED, ids=lambda word: str(word))
def test_each_value_of_each_switch_changes_what_is_served(
    shaped_roots: Roots,  # noqa: F811
    default: str,
    name: str,
    value: str | bool,
) -> None:
    front = {"front": "link"} if value == "/gw/ciphermail" else {}
    seen, told = work(shaped_roots, front | {name: value})
    assert seen != default
    assert told == RESTORED


@pytest.mark.parametrize(("name", "value"), OF_LISTS)
def test_each_form_of_a_queue_is_another_page(tmp_path: Path, name: str, value: str) -> None:
    here = Root(tmp_path)
    queue_pages.put(here, "error", "MAIL-1")

    def served(**switches: str) -> str:
        return queue_pages.QueuePages(here, shapes.changed(shapes.DEFAULT, switches), ()).body("mpa", "")

    assert served(**{name: value}) != served()


# The client's own rows say the same each time; in full this is for the day on which one of them fails.
THIRD = [pytest.param(row, id=str(row), marks=[pytest.mark.slow] * (row.number % 3 != 1)) for row in rows()]


@pytest.mark.parametrize("row", THIRD)
def test_a_person_can_work_every_row_of_the_table(shaped_roots: Roots, row: Row) -> None:  # noqa: F811
    """Where the product's client fails at a row and this does not, the client is to blame."""
    _, told = work(shaped_roots, dict(row.shape), port=row.port, password=row.password)
    assert told == RESTORED


def test_by_hand_switches_are_flags_and_the_file_is_read_anew(tmp_path: Path) -> None:
    address = unused_address()
    root.write_old_root(tmp_path, seed.OLD_RELEASE, address=address, gateway="127.0.0.1")
    place = tmp_path / config.CONSOLE_TOML.lstrip("/")
    command = [sys.executable, "-m", "fixtures.appliance.console", "--config", str(place), "--root", str(tmp_path)]
    command += ["--listen", address, "--shape", "context=/djigzo", "--shape", "consent=false"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"console of {seed.OLD_RELEASE} on {address}:8443\n"
            operator = Operator(address, 8443, seed.ADMIN_OLD.user, seed.ADMIN_OLD.password)
            assert operator.find() == f"https://{address}:8443/djigzo/login"
            config.change(place, {"shape": {"actions": "spring", "context": "/ciphermail"}})  # the flag's word is last
            assert operator.find() == f"https://{address}:8443/djigzo/login.htm"
        finally:
            process.terminate()
    assert process.returncode == 0


def test_a_flag_that_is_none_is_refused() -> None:
    assert shapes.switch("consent=false") == ("consent", False)
    for text in ("menu=frame", "menus=frames", "menu"):
        with pytest.raises(ValueError, match="the stand-in"):
            shapes.switch(text)


def test_switches_are_set_one_by_one_and_other_keys_stay(tmp_path: Path) -> None:
    place = tmp_path / "console.toml"
    place.write_bytes(config.dump({"release": "5.5", "shape": {"menu": "home", "consent": False}, "pam": "off"}))
    config.change(place, {"shape": {"menu": "frames"}, "personality": "CutShort"})
    loaded = config.load(place)
    assert (loaded.pam, loaded.personality) == ("off", "CutShort")
    assert loaded.shape == shapes.Shape(menu="frames", consent=False)
    with pytest.raises(ValueError, match=r"no switch shape\.menus"):
        config.change(place, {"shape": {"menus": "frames"}})
    assert config.load(place) == loaded


def test_an_image_is_made_with_a_shape(tmp_path: Path) -> None:
    root.write_image(tmp_path / "image", seed.NEW_RELEASE, {"shape": {"wizard": "link"}, "account_blocked": True})
    root.unpack_disk(tmp_path / "image", tmp_path / "root")
    loaded = config.load(tmp_path / "root" / config.CONSOLE_TOML.lstrip("/"))
    assert (loaded.shape, loaded.account_blocked) == (shapes.Shape(wizard="link"), True)
