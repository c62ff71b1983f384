"""The fixtures of the journeys against the simulator: a vCenter or an ESXi a story, each with a live old gateway."""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journey.conftest import MEMORY, Worlds
from tests.journey.story import DONE, Child
from tests.journey.vsphere.story import VsphereStory

Tell = Callable[..., VsphereStory]


@contextlib.contextmanager
def a_story(child: Child, kind: str, **switches: Any) -> Iterator[VsphereStory]:
    """A fresh simulator, in memory where there is room for its files; gone afterwards."""
    pytest.importorskip("pyVmomi", reason="needs pyvmomi")
    from fixtures.vsphere.building import reason_against
    from fixtures.vsphere.lab import vsphere_lab

    if against := reason_against():
        pytest.skip(against)
    folder = Path(tempfile.mkdtemp(prefix="vmmigrate-vsphere-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with vsphere_lab(folder / "lab", kind, boot_delay=0.02, **switches) as lab:
            yield VsphereStory(lab, folder, child)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def story(child: Child) -> Iterator[VsphereStory]:
    """A vCenter's."""
    with a_story(child, "vpx") as story:
        yield story


@pytest.fixture
def tell(child: Child) -> Iterator[Tell]:
    """`tell("esx", mac=…)`."""
    with contextlib.ExitStack() as stack:
        yield lambda kind="vpx", **switches: stack.enter_context(a_story(child, kind, **switches))


@pytest.fixture(scope="session")
def undisturbed(child: Child) -> Callable[[str], Worlds]:
    """How it looks at each end, by kind, in a story without a crash."""

    @functools.cache
    def worlds(kind: str) -> Worlds:
        with a_story(child, kind) as story:
            before = story.world()
            assert story.migrate().status == DONE
            migrated = story.world()
            assert story.rollback().status == DONE
            return Worlds(before, migrated, story.world())

    return worlds
