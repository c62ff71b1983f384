"""A story against the stand-in Hyper-V host: the process lab's gateways, and the real adapter over a real sshd."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures import openssh
from fixtures.hyperv.lab import HypervLab, hyperv_lab
from tests.journey.conftest import MEMORY
from tests.journey.story import Child, Story, merged

NEEDS = (
    pytest.mark.skipif(not openssh.SSHD, reason="needs openssh-server"),
    pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-utils"),
)


@dataclass
class HypervStory(Story):
    """`lab` is a HypervLab."""

    lab: HypervLab
    hypervisor: str = ""  # the one that the URL names

    def environ(self, settings: Mapping[str, Any] | None = None) -> dict[str, str]:
        way = self.lab.reached
        hypervisor = {"url": way.url, "host_key": way.host_key.strip(), "key_file": str(way.key)}
        given = {"hypervisor": {**hypervisor, "store": self.lab.store}, "new": {"trust_staging": True}}
        return super().environ(merged(given, settings or {}))


Tell = Callable[[int], HypervStory]


@contextlib.contextmanager
def a_hyperv_story(child: Child, generation: int) -> Iterator[HypervStory]:
    """A fresh host, in memory where there is room for its files; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="vmmigrate-hyperv-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with hyperv_lab(folder / "lab", generation=generation) as lab:
            yield HypervStory(lab, folder, child)
    finally:
        shutil.rmtree(folder)
