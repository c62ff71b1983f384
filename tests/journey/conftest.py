"""The fixtures of the journeys: a preloaded child a session, a fresh lab a story, a fresh host of packages a tale."""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.packagehost import database
from fixtures.packagehost.host import DEBIAN, REDHAT, Kind, build, made
from fixtures.processlab import process_lab
from tests.journey.story import DONE, Child, Story, World
from tests.journey.updating import Tale

MEMORY = Path("/dev/shm")
Tell = Callable[..., Story]


@pytest.fixture(scope="session")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.close()


@contextlib.contextmanager
def a_story(child: Child, **switches: Any) -> Iterator[Story]:
    """A fresh lab in memory where there is room for it; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="vmmigrate-journey-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with process_lab(folder / "lab", boot_delay=0.02, **switches) as lab:
            yield Story(lab, folder, child)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def story(child: Child) -> Iterator[Story]:
    with a_story(child) as story:
        yield story


@pytest.fixture
def tell(child: Child) -> Iterator[Tell]:
    """For stories whose appliances misbehave: `tell(old={"personality": "CutShort"})`."""
    with contextlib.ExitStack() as stack:
        yield lambda **switches: stack.enter_context(a_story(child, **switches))


@dataclass(frozen=True)
class Worlds:
    """How it looks at each end, seen in a story without a crash."""

    before: World
    migrated: World
    switched_back: World


@pytest.fixture(scope="session")
def undisturbed(child: Child) -> Worlds:
    with a_story(child) as story:
        before = story.world()
        assert story.migrate().status == DONE
        migrated = story.world()
        assert story.rollback().status == DONE
        return Worlds(before, migrated, story.world())


# ---- hosts of packages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cluster() -> Iterator[database.Cluster]:
    cluster = database.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Path]:
    """The packages of both releases, built once for each format."""

    @functools.cache
    def built(kind: Kind) -> Path:
        folder = tmp_path_factory.mktemp("stubs")
        build(folder, kind)
        return folder

    return lambda kind: built(DEBIAN if kind.format == "deb" else REDHAT)


@pytest.fixture(scope="session")
def host_child() -> Iterator[Child]:
    child = Child("tests.journey.host_commands")
    yield child
    child.close()


@pytest.fixture
def tell_host(
    cluster: database.Cluster, stubs: Callable[[Kind], Path], host_child: Child
) -> Iterator[Callable[[Kind], Tale]]:
    with contextlib.ExitStack() as stack:

        def begin(kind: Kind) -> Tale:
            host = made(stubs(kind), cluster, kind)
            stack.callback(shutil.rmtree, host.folder)
            stack.callback(host.stop)
            return Tale(host, host_child)

        yield begin
