"""The fixtures of the journeys: a preloaded child a session, a fresh lab a story."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.processlab import process_lab
from tests.journey.story import Child, Story


@pytest.fixture(scope="session")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.close()


@pytest.fixture
def story(tmp_path: Path, child: Child) -> Iterator[Story]:
    with process_lab(tmp_path / "lab", boot_delay=0.02) as lab:
        yield Story(lab, tmp_path, child)
