"""The running lab for tests that need real guests: brought up once a session, put back to its start between tests."""

import os
import shutil
from collections.abc import Iterator

import pytest
from tls_sides import giving, guest, old, parts, reach

from fixtures import lab as labs
from fixtures.lab import Lab
from fixtures.lab.namespace import is_alive

__all__ = ["giving", "guest", "lab", "old", "parts", "reach", "world"]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab, whose network this process joins. One that was up before stays up."""
    if os.geteuid() != 0 or not shutil.which("libvirtd"):
        pytest.skip("needs root and libvirtd")
    place = labs.folders()
    was_up = is_alive(place)
    known = labs.up(place, print)
    labs.join_network(place)
    labs.reset(place)
    yield known
    if not was_up:
        labs.down(place)


@pytest.fixture
def world(lab: Lab) -> Iterator[Lab]:
    """The lab for a test that changes something: afterwards all is as it was."""
    yield lab
    labs.reset(labs.folders())
