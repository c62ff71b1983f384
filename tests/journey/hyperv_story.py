"""A story against the stand-in Hyper-V host: the process lab's gateways, and the real adapter over a real sshd."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fixtures.hyperv.lab import HypervLab
from tests.journey.story import Story, merged


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
