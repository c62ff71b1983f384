"""A story against the vSphere simulator: the same gateways, driven by the real adapter through the lab's proxy."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.vsphere.lab import VsphereLab
from tests.journey.story import Story, merged


@dataclass
class VsphereStory(Story):
    """`lab` is a VsphereLab."""

    lab: VsphereLab
    hypervisor: str = ""  # the one that the URL names

    def __post_init__(self) -> None:
        super().__post_init__()
        self.secrets["VMMIGRATE_HYPERVISOR_PASSWORD"] = self.lab.password

    def environ(self, settings: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The authority of the simulator, unless `settings` pin a certificate."""
        lab = self.lab
        trust = {} if "fingerprint" in (settings or {}).get("hypervisor", {}) else {"ca_file": lab.ca_file}
        given = {"hypervisor": {"url": lab.url, **trust}, "new": {"trust_staging": True}}
        return super().environ(merged(given, settings or {}))

    def machines(self) -> dict[str, str]:
        """What the simulator has: name → power."""
        found = self.lab.simulator.machines()["machines"].values()
        return {machine["name"]: machine["power"] for machine in found}

    def files(self) -> list[str]:
        """What lies in the datastore, beside the simulator's own."""
        place = self.lab.datastore
        return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())

    def kill(self) -> None:
        """SIGKILL the command that runs now."""
        os.kill(self.child.running(), signal.SIGKILL)

    def changed_ova(self, change: Callable[[bytes], bytes]) -> Path:
        """The new release's, with other bytes."""
        path = self.folder / "changed.ova"
        path.write_bytes(change(self.lab.ova.read_bytes()))
        return path
